// Adagrad.
#include <cmath>

#include "tests/ops/updates.h"

namespace cnnc {
namespace {

constexpr size_t kSlots = 1;

Attrs with(double lr_decay, double weight_decay, double initial, double eps,
           bool maximize = false) {
  return attrs_of({{"lr_decay", lr_decay},
                   {"weight_decay", weight_decay},
                   {"initial_accumulator_value", initial},
                   {"eps", eps},
                   {"maximize", maximize}});
}

// PyTorch's documentation, line by line.
UpdateRule adagrad(double lr, double lr_decay, double weight_decay, double eps, bool maximize) {
  return [=](double& theta, std::vector<double>& s, double g, int step) {
    const int t = step + 1;
    if (maximize) g = -g;
    const double slower = lr / (1 + (t - 1) * lr_decay);
    g = g + weight_decay * theta;
    s[0] = s[0] + g * g;
    theta = theta - slower * g / (std::sqrt(s[0]) + eps);
  };
}

}  // namespace

TEST_CASE("Adagrad infers its outputs and says what is wrong", "[adagrad]") {
  const Type w = f32({4, 3}), lr = f32({1}), step = i32({1});
  CHECK(outcome_of("Adagrad", {}, {w, w, w, lr, step}) == "f32[4, 3], f32[4, 3]");
  CHECK(outcome_of("Adagrad", {}, {w, {}, w, lr, step}) ==
        "the sum must be f32[4, 3], but is missing");
  CHECK(outcome_of("Adagrad", {}, {w, w, w, lr}) == "the step must be i32[1], but is missing");
}

TEST_CASE("Adagrad has PyTorch's defaults", "[adagrad]") {
  const Attrs attrs = inferred("Adagrad", {}, {});
  CHECK(attrs.real("lr") == 0.01);
  CHECK(attrs.real("lr_decay") == 0);
  CHECK(attrs.real("weight_decay") == 0);
  CHECK(attrs.real("initial_accumulator_value") == 0);
  CHECK(attrs.real("eps") == 1e-10);
  CHECK_FALSE(attrs.boolean("maximize"));
}

TEST_CASE("Adagrad's steps are PyTorch's", "[adagrad]") {
  check_steps("Adagrad", with(0, 0, 0, 1e-10), 1, kSlots, 0.01, adagrad(0.01F, 0, 0, 1e-10, false));
  check_steps("Adagrad", with(0.5, 0.1, 0, 1e-2), 1, kSlots, 0.1,
              adagrad(0.1F, 0.5, 0.1, 1e-2, false));
  check_steps("Adagrad", with(0.25, 0.1, 0.75, 1e-2, true), 1, kSlots, 0.1,
              adagrad(0.1F, 0.25, 0.1, 1e-2, true), 0.75);
}

TEST_CASE("Adagrad of known values", "[adagrad]") {
  // By hand: the first step reads 7 for the sum, 7 + 3^2 = 16; the parameter moves by
  // 0.5 * 3 / (4 + 2).
  const std::vector<ReferenceTensor> first =
      run_compiled("Adagrad", with(1, 0, 7, 2),
                   update_inputs(tensor({1}, {1}), {zeros({1})}, kSlots, tensor({1}, {3}), 0.5, 0));
  CHECK(first[0].data[0] == 0.75);
  CHECK(first[1].data[0] == 16);
  // The second with half the rate: 16 + 3^2 = 25, 0.75 - 0.25 * 3 / (5 + 2).
  const std::vector<ReferenceTensor> second =
      run_compiled("Adagrad", with(1, 0, 7, 2),
                   update_inputs(first[0], {first[1]}, kSlots, tensor({1}, {3}), 0.5, 1));
  CHECK(second[0].data[0] == Approx(0.75 - 0.75 / 7));
  CHECK(second[1].data[0] == 25);
  // Nothing moves where the gradient has always been zero.
  const std::vector<ReferenceTensor> still =
      run_compiled("Adagrad", {},
                   update_inputs(tensor({1}, {1}), {zeros({1})}, kSlots, tensor({1}, {0}), 0.5, 0));
  CHECK(still[0].data[0] == 1);
}

}  // namespace cnnc
