// L1Loss, L1LossGrad.
#include <cmath>
#include <limits>

#include "tests/ops/losses.h"

namespace cnnc {

TEST_CASE("L1Loss infers its output and says what is wrong", "[l1_loss]") {
  check_value_loss_infer("L1Loss");
}

TEST_CASE("L1Loss and its gradient compute what their references compute", "[l1_loss]") {
  check_value_loss("L1Loss", {});
}

TEST_CASE("L1Loss of known values", "[l1_loss]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(loss_of("L1Loss", {}, {1, 2, 3, 4}, {1, 0, 4, 4}) == 0.75);
  CHECK(slopes_of("L1Loss", {}, {1, 2, 3, nan}, {1, 0, 4, 4}) ==
        std::vector<double>{0, 1, -1, 0});  // the sign of NaN is 0
  CHECK(std::isnan(loss_of("L1Loss", {}, {1, nan}, {1, 0})));
}

}  // namespace cnnc
