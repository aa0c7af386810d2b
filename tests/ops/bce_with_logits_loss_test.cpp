// BCEWithLogitsLoss, BCEWithLogitsLossGrad.
#include <cmath>
#include <limits>

#include "tests/ops/losses.h"

namespace cnnc {
namespace {

using Reals = std::vector<double>;

Attrs with(Reals weight, Reals pos_weight) {
  return attrs_of({{"weight", std::move(weight)}, {"pos_weight", std::move(pos_weight)}});
}

}  // namespace

TEST_CASE("BCEWithLogitsLoss infers its output and says what is wrong", "[bce_with_logits_loss]") {
  check_value_loss_infer("BCEWithLogitsLoss");
  const std::vector<Type> inputs = {f32({8, 3}), f32({8, 3})};
  CHECK(outcome_of("BCEWithLogitsLoss", with({2}, {1, 2, 3}), inputs) == "f32[1]");
  CHECK(outcome_of("BCEWithLogitsLoss", with({1, 2}, {1}), inputs) ==
        "weight has 2 numbers, but the network's output has 3 channels");
  CHECK(outcome_of("BCEWithLogitsLossGrad", with({1}, {1, 2, 3, 4}), inputs) ==
        "pos_weight has 4 numbers, but the network's output has 3 channels");
}

TEST_CASE("BCEWithLogitsLoss and its gradient compute what their references compute",
          "[bce_with_logits_loss]") {
  check_value_loss("BCEWithLogitsLoss", with({0.5, 2, 1}, {3}));
  check_value_loss("BCEWithLogitsLoss", with({2}, {1, 0.5, 4}));
}

TEST_CASE("BCEWithLogitsLoss of known values", "[bce_with_logits_loss]") {
  // By hand: the sigmoid of 0 is 1 / 2.
  const double log2 = std::log(2.0);
  CHECK(loss_of("BCEWithLogitsLoss", {}, {0, 0, 0}, {0, 1, 0.25}) == Approx(log2));
  CHECK(loss_of("BCEWithLogitsLoss", with({2}, {3}), {0, 0}, {0, 1}) == Approx((2 + 6) * log2 / 2));
  CHECK(slopes_of("BCEWithLogitsLoss", with({2}, {3}), {0, 0}, {0, 1}) == Reals{1, -3});
  // sigmoid(log 3) = 3 / 4.
  CHECK(loss_of("BCEWithLogitsLoss", {}, {std::log(3.0)}, {1}) == Approx(std::log(4.0 / 3)));
  CHECK(slopes_of("BCEWithLogitsLoss", {}, {std::log(3.0)}, {1})[0] == Approx(-0.25));
}

TEST_CASE("BCEWithLogitsLoss of large and of small logits", "[bce_with_logits_loss]") {
  CHECK(loss_of("BCEWithLogitsLoss", {}, {1000, -1000}, {1, 0}) == 0);
  CHECK(loss_of("BCEWithLogitsLoss", {}, {1000, -1000}, {0, 1}) == 1000);
  CHECK(slopes_of("BCEWithLogitsLoss", {}, {1000, -1000, 1000, -1000}, {1, 0, 0, 1}) ==
        Reals{0, 0, 1, -1});
  // Digits of a loss near 0.
  for (const double x : {4.0, 5.0, 20.0}) {
    CHECK(loss_of("BCEWithLogitsLoss", {}, {x}, {1}) ==
          Approx(std::log1p(std::exp(-x))).epsilon(1e-5));
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(loss_of("BCEWithLogitsLoss", {}, {1, nan}, {1, 0})));
  CHECK(std::isnan(loss_of("BCEWithLogitsLoss", {}, {1, 2}, {1, nan})));
  CHECK(std::isnan(slopes_of("BCEWithLogitsLoss", {}, {1, nan}, {1, 0})[1]));
}

}  // namespace cnnc
