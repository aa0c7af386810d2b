// Maximum, Minimum and their gradients.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<std::string> kOps = {"Maximum", "Minimum"};

}  // namespace

TEST_CASE("extremes compute what their references compute", "[extremes]") {
  std::mt19937 random(1);
  CompileOptions options;
  options.vector = 8;
  const ReferenceTensor a = tensor({8}, {kNan, 1, kNan, kInfinity, -kInfinity, 2, 3, -1}),
                        b = tensor({8}, {1, kNan, kNan, 1, 1, 2, -3, kInfinity}),
                        g = tensor({8}, {1, 2, 3, 4, 5, 6, 7, 8});
  for (const std::string& op : kOps) {
    CHECK(outcome_of(op, {}, {f32({2, 3, 4}), f32({3, 1})}) == "f32[2, 3, 4]");
    check_lowering(op, {}, {random_tensor({2, 3, 5, 7}, random), random_tensor({3, 1, 1}, random)},
                   options, 0);
    check_lowering(op, attrs_of({{"other", 0.25}}), {random_tensor({2, 33}, random), absent()},
                   options, 0);
    check_lowering(op, {}, {a, b}, options, 0);
    check_lowering(op + "Grad", {}, {g, a, b}, options, 0);
    check_lowering(op + "Grad", {}, {g, b, a}, options, 0);
  }
  CHECK(run_compiled("MaximumGrad", {}, {g, a, b}, options)[0].data ==
        std::vector<double>{1, 2, 3, 4, 0, 3, 7, 0});
}

TEST_CASE("the gradient rules of extremes agree with finite differences", "[extremes][gradient]") {
  std::mt19937 random(2);
  for (const std::string& op : kOps) {
    check_gradient(op, {}, {spread_tensor({2, 3, 4}, random), random_tensor({3, 1}, random)});
    check_gradient(op, {}, {random_tensor({1, 4}, random), spread_tensor({3, 1}, random)});
    check_gradient(op, attrs_of({{"other", 0.25}}), {spread_tensor({2, 3}, random), absent()});
  }
}

}  // namespace cnnc
