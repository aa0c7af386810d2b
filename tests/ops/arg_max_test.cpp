// ArgMax.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

void check_classes(const Shape& shape, const std::vector<double>& input,
                   const std::vector<double>& classes) {
  for (int width : {0, 4, 8}) {
    INFO("vectors of " << width);
    CompileOptions options;
    options.vector = width;
    CHECK(run_compiled("ArgMax", {}, {tensor(shape, input)}, options)[0].data == classes);
  }
  CHECK(run_reference("ArgMax", {}, {tensor(shape, input)})[0].data == classes);
}

}  // namespace

TEST_CASE("ArgMax infers its output and says what is wrong", "[arg_max]") {
  CHECK(outcome_of("ArgMax", {}, {f32({4, 10})}) == "i32[4]");
  CHECK(outcome_of("ArgMax", {}, {f32({2, 21, 5, 6})}) == "i32[2, 5, 6]");
  CHECK(outcome_of("ArgMax", {}, {i32({4, 10})}).find("must be f32") != std::string::npos);
}

TEST_CASE("ArgMax goes along any dimension", "[arg_max]") {
  const auto along = [](int64_t dim, bool keepdim) {
    return attrs_of({{"dim", dim}, {"keepdim", keepdim}});
  };
  CHECK(outcome_of("ArgMax", along(0, false), {f32({4, 10})}) == "i32[10]");
  CHECK(outcome_of("ArgMax", along(-1, true), {f32({4, 10, 3})}) == "i32[4, 10, 1]");
  CHECK(outcome_of("ArgMax", along(2, true), {f32({4, 10})}) ==
        "dim is 2, but the input [4, 10] has 2 dimensions");
  std::mt19937 random(2);
  for (const Shape& shape : {Shape{7}, Shape{5, 10}, Shape{4, 3, 5}, Shape{2, 3, 2, 2, 3}}) {
    for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim) {
      for (bool keepdim : {false, true}) {
        INFO(to_string(shape) << ", dim " << dim << (keepdim ? ", kept" : "") << ", seed 2");
        check_lowering("ArgMax", along(dim, keepdim), {spread_tensor(shape, random)}, {}, 0);
      }
    }
  }
}

TEST_CASE("ArgMax computes what its reference computes", "[arg_max]") {
  std::mt19937 random(1);
  for (const Shape& shape : {Shape{1, 1}, Shape{5, 10}, Shape{19, 3}, Shape{2, 7, 3, 5}}) {
    for (int width : {0, 8}) {
      INFO(to_string(shape) << ", vectors of " << width << ", seed 1");
      CompileOptions options;
      options.vector = width;
      check_lowering("ArgMax", {}, {spread_tensor(shape, random)}, options, 0);
    }
  }
}

TEST_CASE("ArgMax takes the first of equals, and NaN before all", "[arg_max]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  check_classes({2, 4}, {1, 3, 3, 2, -1, -1, -1, -1}, {1, 0});
  check_classes({2, 3}, {1, nan, inf, nan, nan, 5}, {1, 0});
  check_classes({2, 3}, {-inf, -inf, -inf, -inf, 0, inf}, {0, 2});
}

}  // namespace cnnc
