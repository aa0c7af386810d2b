// ReLU6, Hardtanh, Clamp, Hardsigmoid, Hardswish, Threshold, Identity and their gradients.
#include "tests/ops/functions.h"

namespace cnnc {
namespace {

Attrs between(double least, double most) { return attrs_of({{"min", least}, {"max", most}}); }

}  // namespace

TEST_CASE("activations of straight pieces and their gradients", "[clamps]") {
  check_activation("ReLU6", {}, From::output, 0);
  check_activation("Hardtanh", {}, From::output, 0);
  check_activation("Hardtanh", attrs_of({{"min_val", -2.0}, {"max_val", 0.5}}), From::output, 0);
  check_activation("Clamp", between(-1, 3), From::input, 0);
  check_activation("Clamp", between(3, -1), From::input, 0);
  check_activation("Clamp", attrs_of({{"min", -1.0}}), From::input, 0);
  check_activation("Clamp", attrs_of({{"max", 2.0}}), From::input, 0);
  check_activation("Hardsigmoid", {}, From::input, 2e-7);
  check_activation("Hardswish", {}, From::input, 2e-7);
  check_activation("Threshold", attrs_of({{"threshold", 0.5}, {"value", 20.0}}), From::input, 0);
  check_activation("Threshold", attrs_of({{"threshold", -1.0}, {"value", -3.0}}), From::input, 0);
}

TEST_CASE("Clamp and Hardtanh say what is wrong", "[clamps]") {
  CHECK(outcome_of("Clamp", {}, {f32({2})}) == "needs min, max or both");
  CHECK(outcome_of("Hardtanh", attrs_of({{"min_val", 1.0}}), {f32({2})}) ==
        "max_val is 1, but must be above min_val, 1");
}

TEST_CASE("gradients at the limits are PyTorch's", "[clamps]") {
  const ReferenceTensor g = tensor({4}, {1, 1, 1, 1});
  const auto slopes = [&](const char* op, const Attrs& attrs, std::vector<double> at) {
    return run_compiled(op, attrs, {g, tensor({4}, std::move(at))})[0].data;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(slopes("ReLU6Grad", {}, {0, 6, 3, nan}) == std::vector<double>{0, 0, 1, 1});
  CHECK(slopes("HardtanhGrad", {}, {-1, 1, 0, nan}) == std::vector<double>{0, 0, 1, 1});
  CHECK(slopes("ClampGrad", between(-1, 1), {-1, 1, 2, nan}) == std::vector<double>{1, 1, 0, 0});
  CHECK(slopes("HardsigmoidGrad", {}, {-3, 3, 4, nan}) == std::vector<double>{0, 0, 0, 0});
  CHECK(slopes("ThresholdGrad", attrs_of({{"threshold", 1.0}, {"value", 0.0}}), {1, 2, 0, nan}) ==
        std::vector<double>{0, 1, 0, 1});
}

TEST_CASE("Identity", "[clamps]") {
  CHECK(outcome_of("Identity", {}, {f32({2, 3})}) == "f32[2, 3]");
  check_function_at(many_numbers(), "Identity", {}, 0);
  std::mt19937 random(1);
  check_gradient("Identity", {}, {random_tensor({2, 3}, random)});
}

}  // namespace cnnc
