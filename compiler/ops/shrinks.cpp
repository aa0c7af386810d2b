// Activations that shrink: Hardshrink, Softshrink, Tanhshrink, Softsign. Tested by
// tests/ops/shrinks_test.cpp.
#include <cmath>

#include "compiler/ops/elementwise.h"

namespace cnnc {
namespace {

using Halide::Expr;

std::vector<AttrSpec> lambda_attr() {
  return {attribute("lambd", AttrKind::real, 0.5, kNotNegative, "how far from 0 all is 0")};
}

// As long as what is cut off is 0 and all else is not, the gradient follows from the output.
Expr where_not_zero(const Expr& g, const Expr& y) {
  return Halide::select(strict_equal(y, 0.f), 0.f, g);
}
double where_not_zero(double g, double y) { return y == 0 ? 0 : g; }

struct Hardshrink {
  static constexpr const char* name = "Hardshrink";
  static constexpr const char* doc = "x where it is further from 0 than lambd, else 0";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = true;
  static std::vector<AttrSpec> attrs() { return lambda_attr(); }
  static Expr value(const Attrs& attrs, const Expr& x) {
    const auto limit = static_cast<float>(attrs.real("lambd"));
    return Halide::select(at_most(-limit, x) && at_most(x, limit), 0.f, x);
  }
  static double value(const Attrs& attrs, double x) {
    return std::abs(x) <= attrs.real("lambd") ? 0 : x;
  }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) { return where_not_zero(g, y); }
  static double gradient(const Attrs&, double g, double y) { return where_not_zero(g, y); }
};

struct Softshrink {
  static constexpr const char* name = "Softshrink";
  static constexpr const char* doc = "x, moved towards 0 by lambd, but not past it";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = true;
  static std::vector<AttrSpec> attrs() { return lambda_attr(); }
  static Expr value(const Attrs& attrs, const Expr& x) {
    const auto limit = static_cast<float>(attrs.real("lambd"));
    return Halide::select(strict_less(limit, x), strict_sub(x, limit), strict_less(x, -limit),
                          strict_add(x, limit), strict_mul(x, 0.f));
  }
  static double value(const Attrs& attrs, double x) {
    const double limit = attrs.real("lambd");
    return x > limit ? x - limit : x < -limit ? x + limit : x * 0;
  }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) { return where_not_zero(g, y); }
  static double gradient(const Attrs&, double g, double y) { return where_not_zero(g, y); }
};

struct Tanhshrink {
  static constexpr const char* name = "Tanhshrink";
  static constexpr const char* doc = "x - tanh(x)";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return strict_sub(x, tanh_of(x)); }
  static double value(const Attrs&, double x) { return x - std::tanh(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr t = tanh_of(x);
    return strict_mul(g, strict_mul(t, t));
  }
  static double gradient(const Attrs&, double g, double x) {
    return g * std::tanh(x) * std::tanh(x);
  }
};

struct Softsign {
  static constexpr const char* name = "Softsign";
  static constexpr const char* doc = "x / (1 + |x|)";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) {
    return strict_div(x, strict_add(1.f, Halide::abs(x)));
  }
  static double value(const Attrs&, double x) { return x / (1 + std::abs(x)); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr divisor = strict_add(1.f, Halide::abs(x));
    return strict_div(g, strict_mul(divisor, divisor));
  }
  static double gradient(const Attrs&, double g, double x) {
    const double divisor = 1 + std::abs(x);
    return g / (divisor * divisor);
  }
};

}  // namespace

extern const OpDef hardshrink = activation_op<Hardshrink>();
extern const OpDef hardshrink_grad = activation_grad_op<Hardshrink>();
extern const OpDef softshrink = activation_op<Softshrink>();
extern const OpDef softshrink_grad = activation_grad_op<Softshrink>();
extern const OpDef tanhshrink = activation_op<Tanhshrink>();
extern const OpDef tanhshrink_grad = activation_grad_op<Tanhshrink>();
extern const OpDef softsign = activation_op<Softsign>();
extern const OpDef softsign_grad = activation_grad_op<Softsign>();

}  // namespace cnnc
