// RMSprop.
#include <cmath>
#include <limits>

#include "tests/ops/updates.h"

namespace cnnc {
namespace {

constexpr size_t kSlots = 3;

Attrs with(double alpha, double eps, double weight_decay, double momentum, bool centered,
           bool maximize = false) {
  return attrs_of({{"alpha", alpha},
                   {"eps", eps},
                   {"weight_decay", weight_decay},
                   {"momentum", momentum},
                   {"centered", centered},
                   {"maximize", maximize}});
}

// PyTorch's documentation, line by line.
UpdateRule rmsprop(double lr, double alpha, double eps, double weight_decay, double momentum,
                   bool centered, bool maximize) {
  return [=](double& theta, std::vector<double>& s, double g, int) {
    if (maximize) g = -g;
    g = g + weight_decay * theta;
    s[0] = alpha * s[0] + (1 - alpha) * g * g;
    double v = s[0];
    if (centered) {
      double& mean = s[momentum > 0 ? 2 : 1];
      mean = mean * alpha + (1 - alpha) * g;
      v = v - mean * mean;
    }
    if (momentum > 0) {
      s[1] = momentum * s[1] + g / (std::sqrt(v) + eps);
      theta = theta - lr * s[1];
    } else {
      theta = theta - lr * g / (std::sqrt(v) + eps);
    }
  };
}

}  // namespace

TEST_CASE("RMSprop infers its outputs and says what is wrong", "[rmsprop]") {
  const Type w = f32({4, 3}), lr = f32({1});
  CHECK(outcome_of("RMSprop", {}, {w, w, {}, {}, w, lr}) == "f32[4, 3], f32[4, 3]");
  CHECK(outcome_of("RMSprop", with(0.9, 0, 0, 0, true), {w, w, w, {}, w, lr}) ==
        "f32[4, 3], f32[4, 3], f32[4, 3]");
  CHECK(outcome_of("RMSprop", with(0.9, 0, 0, 0.5, true), {w, w, w, {}, w, lr}) ==
        "the grad_avg must be f32[4, 3], but is missing");
  CHECK(outcome_of("RMSprop", with(0.9, 0, 0, 0, true), {w, w, {}, {}, w, lr}) ==
        "the grad_avg must be f32[4, 3], but is missing");
  CHECK(outcome_of("RMSprop", {}, {w, w, w, {}, w, lr}) ==
        "state 2 is given, but the attributes ask for 1");
  CHECK(outcome_of("RMSprop", {}, {w, w, {}, {}, f32({3}), lr}) ==
        "the gradient must be f32[4, 3], but is f32[3]");
}

TEST_CASE("RMSprop has PyTorch's defaults", "[rmsprop]") {
  const Attrs attrs = inferred("RMSprop", {}, {});
  CHECK(attrs.real("lr") == 0.01);
  CHECK(attrs.real("alpha") == 0.99);
  CHECK(attrs.real("eps") == 1e-8);
  CHECK(attrs.real("weight_decay") == 0);
  CHECK(attrs.real("momentum") == 0);
  CHECK_FALSE(attrs.boolean("centered"));
  CHECK_FALSE(attrs.boolean("maximize"));
}

TEST_CASE("RMSprop's steps are PyTorch's", "[rmsprop]") {
  check_steps("RMSprop", with(0.99, 1e-8, 0, 0, false), 1, kSlots, 0.01,
              rmsprop(0.01F, 0.99, 1e-8, 0, 0, false, false));
  check_steps("RMSprop", with(0.5, 1e-2, 0.1, 0.9, false), 2, kSlots, 0.1,
              rmsprop(0.1F, 0.5, 1e-2, 0.1, 0.9, false, false));
  check_steps("RMSprop", with(0.7, 1e-2, 0, 0, true, true), 2, kSlots, 0.1,
              rmsprop(0.1F, 0.7, 1e-2, 0, 0, true, true));
  check_steps("RMSprop", with(0.7, 1e-2, 0.1, 0.5, true), 3, kSlots, 0.1,
              rmsprop(0.1F, 0.7, 1e-2, 0.1, 0.5, true, false));
}

TEST_CASE("RMSprop of known values", "[rmsprop]") {
  // By hand: s = 0.75 * 4 + 0.25 * 4 = 4, r = 2 / (2 + 2) = 0.5, b = 0.5 * 3 + 0.5 = 2; the
  // parameter moves by 0.25 * 2.
  const std::vector<ReferenceTensor> found =
      run_compiled("RMSprop", with(0.75, 2, 0, 0.5, false),
                   update_inputs(tensor({1}, {1}), {tensor({1}, {4}), tensor({1}, {3})}, kSlots,
                                 tensor({1}, {2}), 0.25, 0));
  CHECK(found[0].data[0] == 0.5);
  CHECK(found[1].data[0] == 4);
  CHECK(found[2].data[0] == 2);
}

TEST_CASE("RMSprop's variance is not negative", "[rmsprop]") {
  // The mean of the squares of a constant is the square of its mean, but for rounding.
  std::mt19937 random(5);
  ReferenceTensor g = random_tensor({64}, random), mean = g, square = g;
  for (double& value : square.data) value = static_cast<float>(value * value);
  const std::vector<ReferenceTensor> found =
      run_compiled("RMSprop", with(0.99, 1e-3, 0, 0, true),
                   update_inputs(zeros({64}), {square, mean}, kSlots, g, 0.125, 0));
  for (const double value : found[0].data) CHECK(std::isfinite(value));
  // NaN stays NaN.
  g.data[0] = std::numeric_limits<double>::quiet_NaN();
  const std::vector<ReferenceTensor> bad =
      run_compiled("RMSprop", with(0.99, 1e-3, 0, 0, true),
                   update_inputs(zeros({64}), {square, mean}, kSlots, g, 0.125, 0));
  CHECK(std::isnan(bad[0].data[0]));
}

}  // namespace cnnc
