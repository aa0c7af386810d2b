// SmoothL1Loss, SmoothL1LossGrad.
#include <cmath>
#include <limits>

#include "tests/ops/losses.h"

namespace cnnc {
namespace {

Attrs with(double beta) { return attrs_of({{"beta", beta}}); }

}  // namespace

TEST_CASE("SmoothL1Loss infers its output and says what is wrong", "[smooth_l1_loss]") {
  check_value_loss_infer("SmoothL1Loss");
  CHECK(inferred("SmoothL1Loss", {}, {f32({1, 1}), f32({1, 1})}).real("beta") == 1);
}

TEST_CASE("SmoothL1Loss and its gradient compute what their references compute",
          "[smooth_l1_loss]") {
  check_value_loss("SmoothL1Loss", with(0.5));
  check_value_loss("SmoothL1Loss", with(0));
}

TEST_CASE("SmoothL1Loss of known values", "[smooth_l1_loss]") {
  // By hand: differences 1, 2 and -4 with beta 2: 1 / 4, at the border 2 - 1, and 4 - 1.
  CHECK(loss_of("SmoothL1Loss", with(2), {1, 2, -4}, {0, 0, 0}) == Approx((0.25 + 1 + 3) / 3));
  CHECK(slopes_of("SmoothL1Loss", with(2), {1, 2, -4, 0}, {0, 0, 0, 0}) ==
        std::vector<double>{0.5, 1, -1, 0});
  CHECK(slopes_of("SmoothL1Loss", with(0), {1e-3, 0, -4, 0}, {0, 0, 0, 0}) ==
        std::vector<double>{1, 0, -1, 0});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(loss_of("SmoothL1Loss", {}, {1, nan}, {1, 0})));
  CHECK(std::isnan(slopes_of("SmoothL1Loss", {}, {1, nan}, {1, 0})[1]));
}

}  // namespace cnnc
