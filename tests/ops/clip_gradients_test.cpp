// LimitGrad, SquareSum, ClipFactor, ScaleGrad.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs limit(double value) { return attrs_of({{"limit", value}}); }
Attrs max_norm(double value) { return attrs_of({{"max_norm", value}}); }
const double nan = std::numeric_limits<double>::quiet_NaN();
const double inf = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("what clips gradients infers its outputs and says what is wrong", "[clip_gradients]") {
  CHECK(outcome_of("LimitGrad", limit(1), {f32({4, 3})}) == "f32[4, 3]");
  CHECK(outcome_of("SquareSum", {}, {f32({4, 3, 2, 2})}) == "f32[1]");
  CHECK(outcome_of("SquareSum", {}, {i32({4})}) == "the input must be f32, but is i32[4]");
  CHECK(outcome_of("ClipFactor", max_norm(1), {f32({1}), f32({1})}) == "f32[1]");
  CHECK(outcome_of("ClipFactor", max_norm(1), {f32({2})}) ==
        "the sum must be f32[1], but is f32[2]");
  CHECK(outcome_of("ScaleGrad", {}, {f32({4, 3}), f32({1})}) == "f32[4, 3]");
  CHECK(outcome_of("ScaleGrad", {}, {f32({4, 3})}) == "the factor must be f32[1], but is missing");
}

TEST_CASE("what clips gradients computes what its references compute", "[clip_gradients]") {
  std::mt19937 random(1);
  INFO("seed 1");
  for (const Shape& shape : {Shape{5}, Shape{3, 7}, Shape{2, 3, 3, 2}}) {
    const ReferenceTensor g = random_tensor(shape, random);
    check_lowering("LimitGrad", limit(0.25), {g});
    check_lowering("SquareSum", {}, {g});
    check_lowering("ScaleGrad", {}, {g, tensor({1}, {0.375})});
  }
  check_lowering("ClipFactor", max_norm(0.5), {tensor({1}, {1.5}), tensor({1}, {0.25})});
}

TEST_CASE("ClipFactor of known values", "[clip_gradients]") {
  const auto factor = [](double most, double a, double b) {
    return run_compiled("ClipFactor", max_norm(most), {tensor({1}, {a}), tensor({1}, {b})})[0]
        .data[0];
  };
  CHECK(factor(1, 9, 16) == Approx(0.2));  // the norm is 5
  CHECK(factor(10, 9, 16) == 1);
  CHECK(factor(1, 0, 0) == 1);
  CHECK(factor(1e-6, 0, 0) == Approx(1));
  CHECK(factor(5, 9, 16) == Approx(1).epsilon(1e-6));
  CHECK(factor(5, 9, 16) < 1);
  CHECK(factor(1, inf, 0) == 0);
  CHECK(std::isnan(factor(1, nan, 0)));
}

TEST_CASE("LimitGrad cuts infinity and keeps NaN", "[clip_gradients]") {
  CompileOptions vectors;
  vectors.vector = 4;
  const std::vector<double> found =
      run_compiled("LimitGrad", limit(2), {tensor({4}, {inf, -inf, nan, 1})}, vectors)[0].data;
  CHECK(found[0] == 2);
  CHECK(found[1] == -2);
  CHECK(std::isnan(found[2]));
  CHECK(found[3] == 1);
}

}  // namespace cnnc
