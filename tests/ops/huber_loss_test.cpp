// HuberLoss, HuberLossGrad.
#include <cmath>
#include <limits>

#include "tests/ops/losses.h"

namespace cnnc {
namespace {

Attrs with(double delta) { return attrs_of({{"delta", delta}}); }

}  // namespace

TEST_CASE("HuberLoss infers its output and says what is wrong", "[huber_loss]") {
  check_value_loss_infer("HuberLoss");
  CHECK(inferred("HuberLoss", {}, {f32({1, 1}), f32({1, 1})}).real("delta") == 1);
}

TEST_CASE("HuberLoss and its gradient compute what their references compute", "[huber_loss]") {
  check_value_loss("HuberLoss", with(0.5));
}

TEST_CASE("HuberLoss of known values", "[huber_loss]") {
  // By hand: differences 1, 2 and -4 with delta 2: 1 / 2, 4 / 2, and 2 * (4 - 1).
  CHECK(loss_of("HuberLoss", with(2), {1, 2, -4}, {0, 0, 0}) == Approx(8.5 / 3));
  CHECK(slopes_of("HuberLoss", with(2), {1, 2, -4, 0}, {0, 0, 0, 0}) ==
        std::vector<double>{1, 2, -2, 0});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(loss_of("HuberLoss", {}, {1, nan}, {1, 0})));
  CHECK(std::isnan(slopes_of("HuberLoss", {}, {1, nan}, {1, 0})[1]));
}

}  // namespace cnnc
