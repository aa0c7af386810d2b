// ReLU, ReLUGrad.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

CompileOptions vectors(int width) {
  CompileOptions options;
  options.vector = width;
  return options;
}

}  // namespace

TEST_CASE("ReLU infers its output", "[relu]") {
  CHECK(outcome_of("ReLU", {}, {f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("ReLU", {}, {f32({2, 3})}) == "f32[2, 3]");
  CHECK(outcome_of("ReLU", {}, {f32({2})}) == "f32[2]");
  CHECK(outcome_of("ReLU", {}, {i32({2})}) == "the input must be f32, but is i32[2]");
  CHECK(outcome_of("ReLUGrad", {}, {f32({2, 3}), f32({3, 2})}) ==
        "the output must be f32[2, 3], but is f32[3, 2]");
}

TEST_CASE("ReLU and its gradient compute what their references compute", "[relu]") {
  std::mt19937 random(3);
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{5, 33}}) {
    for (int width : {0, 8}) {
      const ReferenceTensor x = random_tensor(shape, random);
      check_lowering("ReLU", {}, {x}, vectors(width), 0);
      const ReferenceTensor y = run_reference("ReLU", {}, {x})[0];
      check_lowering("ReLUGrad", {}, {random_tensor(shape, random), y}, vectors(width), 0);
    }
  }
}

TEST_CASE("ReLU propagates NaN and infinity", "[relu]") {
  const double least = static_cast<double>(std::numeric_limits<float>::min());
  const ReferenceTensor x =
      tensor({1, 9}, {kNan, -1, 0, -0.0, 1, kInfinity, -kInfinity, least, -least});
  const ReferenceTensor g = tensor({1, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (int width : {0, 4, 16}) {
    check_lowering("ReLU", {}, {x}, vectors(width), 0);
    CHECK(std::isnan(run_compiled("ReLU", {}, {x}, vectors(width))[0].data[0]));
    const ReferenceTensor y = run_reference("ReLU", {}, {x})[0];
    CHECK(run_compiled("ReLUGrad", {}, {g, y}, vectors(width))[0].data ==
          std::vector<double>{1, 0, 0, 0, 5, 6, 0, 8, 0});
  }
}

TEST_CASE("ReLU's gradient rule agrees with finite differences", "[relu][gradient]") {
  std::mt19937 random(4);
  check_gradient("ReLU", {}, {spread_tensor({2, 3, 3, 2}, random)});
  check_gradient("ReLU", {}, {spread_tensor({3, 4}, random)});
}

}  // namespace cnnc
