// PReLU, PReLUGrad.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs slopes(int64_t count) { return attrs_of({{"num_parameters", count}}); }

}  // namespace

TEST_CASE("PReLU infers its output and says what is wrong", "[prelu]") {
  CHECK(outcome_of("PReLU", {}, {f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("PReLU", slopes(3), {f32({2, 3}), f32({3})}) == "f32[2, 3]");
  CHECK(outcome_of("PReLU", slopes(4), {f32({2, 3, 4})}) ==
        "num_parameters is 4, but must be 1 or 3, the channels of the input [2, 3, 4]");
  CHECK(outcome_of("PReLU", slopes(3), {f32({2, 3}), f32({1})}) ==
        "the weight must be f32[3], but is f32[1]");
}

TEST_CASE("PReLU and its gradient compute what their references compute", "[prelu]") {
  std::mt19937 random(1);
  CompileOptions options;
  options.vector = 8;
  for (const Shape& shape : {Shape{2, 3, 5, 7}, Shape{4, 3}, Shape{2, 3, 2, 3, 2}}) {
    for (const int64_t count : {1, 3}) {
      const ReferenceTensor x = random_tensor(shape, random), w = random_tensor({count}, random);
      check_lowering("PReLU", slopes(count), {x, w}, options);
      check_lowering("PReLUGrad", slopes(count), {random_tensor(shape, random), x, w}, options);
    }
  }
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  check_lowering("PReLU", {}, {tensor({5}, {nan, inf, -inf, 0, -0.0}), tensor({1}, {0.5})});
}

TEST_CASE("PReLU's gradient rule agrees with finite differences", "[prelu][gradient]") {
  std::mt19937 random(2);
  for (const Shape& shape : {Shape{2, 3, 2, 3}, Shape{4, 3}}) {
    for (const int64_t count : {1, 3}) {
      check_gradient("PReLU", slopes(count),
                     {spread_tensor(shape, random), random_tensor({count}, random)});
    }
  }
  check_gradient("PReLU", {}, {spread_tensor({7}, random), random_tensor({1}, random)});
}

}  // namespace cnnc
