// MSELoss, MSELossGrad.
#include <cmath>
#include <limits>

#include "tests/ops/losses.h"

namespace cnnc {

TEST_CASE("MSELoss infers its output and says what is wrong", "[mse_loss]") {
  check_value_loss_infer("MSELoss");
  CHECK(outcome_of("MSELoss", {}, {f32({8, 3, 2}), f32({8, 3, 2})}) == "f32[1]");
  CHECK(outcome_of("MSELoss", {}, {f32({8}), f32({8})}) ==
        "the input must be [N, C] or [N, C, ...], but is [8]");
}

TEST_CASE("MSELoss and its gradient compute what their references compute", "[mse_loss]") {
  check_value_loss("MSELoss", {});
}

TEST_CASE("MSELoss of known values", "[mse_loss]") {
  CHECK(loss_of("MSELoss", {}, {1, 2, 3, 4}, {1, 0, 4, 4}) == 1.25);
  CHECK(slopes_of("MSELoss", {}, {1, 2, 3, 4}, {1, 0, 4, 4}) == std::vector<double>{0, 4, -2, 0});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(loss_of("MSELoss", {}, {1, nan}, {1, 0})));
  CHECK(std::isnan(slopes_of("MSELoss", {}, {1, nan}, {1, 0})[1]));
}

TEST_CASE("images that do not count change nothing", "[mse_loss]") {
  const double inf = std::numeric_limits<double>::infinity();
  const ReferenceTensor x = tensor({2, 2}, {1, 2, inf, 9}), t = tensor({2, 2}, {0, 0, 1, 1});
  CHECK(run_compiled("MSELoss", {}, {x, t, count_of(1)})[0].data[0] == 2.5);
  CHECK(run_compiled("MSELossGrad", {}, {x, t, count_of(1)})[0].data ==
        std::vector<double>{1, 2, 0, 0});
}

}  // namespace cnnc
