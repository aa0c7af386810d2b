// Adam, AdamW.
#include <cmath>
#include <limits>

#include "tests/ops/updates.h"

namespace cnnc {
namespace {

constexpr size_t kSlots = 3;

Attrs with(std::vector<double> betas, double eps, double weight_decay, bool amsgrad,
           bool maximize = false) {
  return attrs_of({{"betas", std::move(betas)},
                   {"eps", eps},
                   {"weight_decay", weight_decay},
                   {"amsgrad", amsgrad},
                   {"maximize", maximize}});
}

// PyTorch's documentation, line by line.
UpdateRule adam(double lr, double beta1, double beta2, double eps, double weight_decay,
                bool amsgrad, bool maximize, bool decoupled) {
  return [=](double& theta, std::vector<double>& s, double g, int step) {
    const int t = step + 1;
    if (maximize) g = -g;
    if (decoupled) {
      theta = theta - lr * weight_decay * theta;
    } else {
      g = g + weight_decay * theta;
    }
    s[0] = beta1 * s[0] + (1 - beta1) * g;
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    const double m_hat = s[0] / (1 - std::pow(beta1, t));
    double v = s[1];
    if (amsgrad) v = s[2] = std::max(s[2], s[1]);
    const double v_hat = v / (1 - std::pow(beta2, t));
    theta = theta - lr * m_hat / (std::sqrt(v_hat) + eps);
  };
}

}  // namespace

TEST_CASE("Adam infers its outputs and says what is wrong", "[adam]") {
  const Type w = f32({4, 3}), lr = f32({1}), step = i32({1});
  CHECK(outcome_of("Adam", {}, {w, w, w, {}, w, lr, step}) == "f32[4, 3], f32[4, 3], f32[4, 3]");
  CHECK(outcome_of("AdamW", with({0.9, 0.99}, 1e-8, 0, true), {w, w, w, w, w, lr, step}) ==
        "f32[4, 3], f32[4, 3], f32[4, 3], f32[4, 3]");
  CHECK(outcome_of("Adam", {}, {}).empty());
  CHECK(outcome_of("Adam", {}, {w, w, {}, {}, w, lr, step}) ==
        "the exp_avg_sq must be f32[4, 3], but is missing");
  CHECK(outcome_of("Adam", {}, {w, w, w, {}, w, lr}) == "the step must be i32[1], but is missing");
  CHECK(outcome_of("Adam", with({0.9}, 1e-8, 0, false), {}) ==
        "betas must be two numbers, but there are 1");
  CHECK(outcome_of("AdamW", with({0.9, 1.0}, 1e-8, 0, false), {}) ==
        "betas must be at least 0 and below 1, but one is 1");
}

TEST_CASE("Adam has PyTorch's defaults", "[adam]") {
  const Attrs adam = inferred("Adam", {}, {}), adamw = inferred("AdamW", {}, {});
  for (const Attrs* attrs : {&adam, &adamw}) {
    CHECK(attrs->real("lr") == 1e-3);
    CHECK(attrs->reals("betas") == std::vector<double>{0.9, 0.999});
    CHECK(attrs->real("eps") == 1e-8);
    CHECK_FALSE(attrs->boolean("amsgrad"));
    CHECK_FALSE(attrs->boolean("maximize"));
  }
  CHECK(adam.real("weight_decay") == 0);
  CHECK(adamw.real("weight_decay") == 0.01);
}

TEST_CASE("Adam's steps are PyTorch's", "[adam]") {
  for (const bool decoupled : {false, true}) {
    const char* op = decoupled ? "AdamW" : "Adam";
    check_steps(op, with({0.9, 0.999}, 1e-8, 0, false), 2, kSlots, 0.01,
                adam(0.01F, 0.9, 0.999, 1e-8, 0, false, false, decoupled));
    check_steps(op, with({0.8, 0.99}, 1e-3, 0.1, false), 2, kSlots, 0.1,
                adam(0.1F, 0.8, 0.99, 1e-3, 0.1, false, false, decoupled));
    check_steps(op, with({0.3, 0.5}, 1e-2, 0.2, true), 3, kSlots, 0.1,
                adam(0.1F, 0.3, 0.5, 1e-2, 0.2, true, false, decoupled));
    check_steps(op, with({0, 0.9}, 1e-8, 0.2, true, true), 3, kSlots, 0.1,
                adam(0.1F, 0, 0.9, 1e-8, 0.2, true, true, decoupled));
  }
}

TEST_CASE("Adam of known values", "[adam]") {
  // By hand. In the first step m / (1 - beta1) is the gradient and v / (1 - beta2) its square: the
  // parameter moves by lr against the gradient's sign, however small that is.
  const ReferenceTensor w = tensor({3}, {1, 1, 1}), g = tensor({3}, {2, -1e-3, 0});
  const std::vector<ReferenceTensor> first =
      run_compiled("Adam", {}, update_inputs(w, {zeros({3}), zeros({3})}, kSlots, g, 0.125, 0));
  CHECK(first[0].data[0] == Approx(0.875).epsilon(1e-7));
  CHECK(first[0].data[1] == Approx(1.125).epsilon(1e-5));  // eps is 1e-5 of the divisor
  CHECK(first[0].data[2] == 1);
  CHECK(first[1].data[0] == Approx(0.2));
  CHECK(first[2].data[0] == Approx(0.004));
  // The second, with the gradient 1: m = 0.9 * 0.2 + 0.1 = 0.28, divided by 1 - 0.81 that is
  // 1.473684; v = 0.999 * 0.004 + 0.001 = 0.004996, divided by 1 - 0.998001 that is 2.499250.
  const std::vector<ReferenceTensor> second = run_compiled(
      "Adam", {},
      update_inputs(first[0], {first[1], first[2]}, kSlots, tensor({3}, {1, 1, 1}), 0.125, 1));
  CHECK(second[0].data[0] == Approx(0.875 - 0.125 * 1.4736842 / std::sqrt(2.4992496)));
  // AdamW with the defaults: 1 * (1 - 0.125 * 0.01) - 0.125.
  const std::vector<ReferenceTensor> decayed =
      run_compiled("AdamW", {}, update_inputs(w, {zeros({3}), zeros({3})}, kSlots, g, 0.125, 0));
  CHECK(decayed[0].data[0] == Approx(0.87375));
}

TEST_CASE("Adam's bias correction holds for any number of steps", "[adam]") {
  const ReferenceTensor w = tensor({1}, {1}), m = tensor({1}, {0.5}), v = tensor({1}, {0.25});
  for (const std::vector<double>& betas : {std::vector<double>{0.9, 0.999}, {0.5, 0.999999}}) {
    for (const int64_t step : {1, 62, 341, 65536, 2147483646}) {
      INFO("step " << step);
      check_lowering("Adam", with(betas, 1e-8, 0, false),
                     update_inputs(w, {m, v}, kSlots, tensor({1}, {1}), 0.5, step));
    }
  }
}

TEST_CASE("Adam shows NaN and infinity", "[adam]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const ReferenceTensor w = tensor({8}, std::vector<double>(8, 1)), zero = zeros({8});
  const ReferenceTensor g = tensor({8}, {nan, inf, 1, 0, -inf, 1, nan, 2});
  for (const int width : {0, 8}) {
    CompileOptions options;
    options.vector = width;
    const std::vector<ReferenceTensor> found =
        run_compiled("Adam", with({0.9, 0.999}, 1e-8, 0, true),
                     update_inputs(w, {zero, zero, zero}, kSlots, g, 0.125, 0), options);
    for (const size_t bad : {0, 1, 4, 6}) CHECK(std::isnan(found[0].data[bad]));
    for (const size_t good : {2, 3, 5, 7}) CHECK(std::isfinite(found[0].data[good]));
    CHECK(std::isnan(found[3].data[0]));
    CHECK(found[3].data[1] == inf);
    // What was NaN once stays so.
    const std::vector<ReferenceTensor> later =
        run_compiled("Adam", with({0.9, 0.999}, 1e-8, 0, true),
                     update_inputs(w, {zero, zero, found[3]}, kSlots, zero, 0.125, 1), options);
    CHECK(std::isnan(later[3].data[0]));
  }
}

}  // namespace cnnc
