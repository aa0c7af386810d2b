// GELU and its gradient. Tested by tests/ops/gelu_test.cpp.
//
//   none  x * P(x), with P the probability that a normal variable is below x
//   tanh  x * sigmoid(2 u), with u = sqrt(2 / pi) * (x + 0.044715 x^3), which is PyTorch's
//         x * (1 + tanh(u)) / 2
#include <algorithm>
#include <cmath>

#include "compiler/ops/elementwise.h"

namespace cnnc {
namespace {

using Halide::Expr;

constexpr double kRootOfTwoByPi = 0.79788456080286535588;
constexpr double kCubic = 0.044715;
// Beyond, slopes are 0 or 1; x itself may be infinite.
constexpr double kFar = 20;

bool is_tanh(const Attrs& attrs) { return attrs.text("approximate") == "tanh"; }

// 2 u
Expr doubled(const Expr& x) {
  const Expr square = strict_mul(x, x);
  const Expr factor =
      strict_add(strict_mul(square, static_cast<float>(2 * kRootOfTwoByPi * kCubic)),
                 static_cast<float>(2 * kRootOfTwoByPi));
  return strict_mul(x, factor);
}

struct GELU {
  static constexpr const char* name = "GELU";
  static constexpr const char* doc = "x times the probability that a normal variable is below x";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() {
    return {choice("approximate", "none", {"none", "tanh"},
                   "how the probability is computed: by erf, or approximately by tanh")};
  }
  static Expr value(const Attrs& attrs, const Expr& x) {
    return strict_mul(x, is_tanh(attrs) ? sigmoid_of(doubled(x)) : normal_below(x));
  }
  static double value(const Attrs& attrs, double x) {
    if (!is_tanh(attrs)) return x * std::erfc(-x * std::sqrt(0.5)) / 2;
    return x * (1 + std::tanh(kRootOfTwoByPi * (x + kCubic * x * x * x))) / 2;
  }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& x) {
    const Expr near = clamp_finite(x, -kFar, kFar);
    if (!is_tanh(attrs)) {
      return strict_mul(g, strict_add(normal_below(x), near * normal_density(near)));
    }
    // s = 1 / (1 + e) or e / (1 + e), and s * (1 - s) = e / (1 + e)^2.
    const Expr e = exp_of(-Halide::abs(clamp_finite(doubled(near), -104, 104)));
    const Expr p = 1.f / (1.f + e);
    const Expr s = Halide::select(near < 0.f, e * p, p);
    const Expr inner = static_cast<float>(2 * kRootOfTwoByPi) +
                       static_cast<float>(6 * kRootOfTwoByPi * kCubic) * (near * near);
    const Expr slope = s + near * (e * p * p) * inner;
    return strict_mul(g, Halide::select(strict_equal(x, x), slope, x));
  }
  static double gradient(const Attrs& attrs, double g, double x) {
    const double near = std::min(std::max(x, -kFar), kFar);
    if (!is_tanh(attrs)) {
      const double density = kRootOfTwoByPi / 2 * std::exp(-near * near / 2);
      return g * (std::erfc(-near * std::sqrt(0.5)) / 2 + near * density);
    }
    const double t = std::tanh(kRootOfTwoByPi * (near + kCubic * near * near * near));
    const double inner = kRootOfTwoByPi * (1 + 3 * kCubic * near * near);
    return g * ((1 + t) / 2 + near * (1 - t * t) / 2 * inner);
  }
};

}  // namespace

extern const OpDef gelu = activation_op<GELU>();
extern const OpDef gelu_grad = activation_grad_op<GELU>();

}  // namespace cnnc
