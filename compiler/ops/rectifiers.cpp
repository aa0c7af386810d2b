// Activations that bend at zero: LeakyReLU, ELU, CELU, SELU. Tested by
// tests/ops/rectifiers_test.cpp.
#include <cmath>
#include <limits>

#include "compiler/ops/elementwise.h"

namespace cnnc {
namespace {

using Halide::Expr;

struct LeakyReLU {
  static constexpr const char* name = "LeakyReLU";
  static constexpr const char* doc = "x where it is positive, else negative_slope * x";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = true;  // but for negative slopes; the gradient is the same
  static std::vector<AttrSpec> attrs() {
    return {attribute("negative_slope", AttrKind::real, 0.01, {}, "the slope below zero")};
  }
  static Expr value(const Attrs& attrs, const Expr& x) {
    return Halide::select(strict_less(0.f, x), x, strict_mul(x, slope(attrs)));
  }
  static double value(const Attrs& attrs, double x) {
    return x > 0 ? x : x * attrs.real("negative_slope");
  }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& xy) {
    return Halide::select(strict_less(0.f, xy), g, strict_mul(g, slope(attrs)));
  }
  static double gradient(const Attrs& attrs, double g, double xy) {
    return xy > 0 ? g : g * attrs.real("negative_slope");
  }

 private:
  static Expr slope(const Attrs& attrs) { return static_cast<float>(attrs.real("negative_slope")); }
};

// scale * x where x is positive, else scale * alpha * (exp(x / width) - 1).
struct Bend {
  double alpha = 1;
  double width = 1;
  double scale = 1;

  [[nodiscard]] Expr value(const Expr& x) const {
    const Expr below = strict_mul(expm1_below_zero(inner(x)), part(scale * alpha));
    return Halide::select(strict_less(0.f, x), strict_mul(x, part(scale)), below);
  }
  [[nodiscard]] double value(double x) const {
    return x > 0 ? scale * x : scale * alpha * std::expm1(x / width);
  }
  [[nodiscard]] Expr gradient(const Expr& g, const Expr& x) const {
    const Expr below = strict_mul(exp_of(inner(x)), part(scale * alpha / width));
    return strict_mul(g, Halide::select(at_most(x, 0.f), below, part(scale)));
  }
  [[nodiscard]] double gradient(double g, double x) const {
    return g * (x <= 0 ? scale * alpha / width * std::exp(x / width) : scale);
  }

 private:
  static Expr part(double number) { return static_cast<float>(number); }
  [[nodiscard]] Expr inner(const Expr& x) const {
    return width == 1 ? x : strict_mul(x, part(1 / width));
  }
};

struct ELU {
  static constexpr const char* name = "ELU";
  static constexpr const char* doc = "x where it is positive, else alpha * (exp(x) - 1)";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() {
    return {attribute("alpha", AttrKind::real, 1.0, {}, "-alpha is the limit far below zero")};
  }
  static Bend bend(const Attrs& attrs) { return {attrs.real("alpha"), 1, 1}; }
  static Expr value(const Attrs& attrs, const Expr& x) { return bend(attrs).value(x); }
  static double value(const Attrs& attrs, double x) { return bend(attrs).value(x); }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& x) {
    return bend(attrs).gradient(g, x);
  }
  static double gradient(const Attrs& attrs, double g, double x) {
    return bend(attrs).gradient(g, x);
  }
};

struct CELU : ELU {
  static constexpr const char* name = "CELU";
  static constexpr const char* doc = "x where it is positive, else alpha * (exp(x / alpha) - 1)";
  static constexpr uint32_t traits = kMonotone;
  static std::vector<AttrSpec> attrs() {
    return {attribute("alpha", AttrKind::real, 1.0,
                      {1e-30, std::numeric_limits<double>::infinity()},
                      "-alpha is the limit far below zero")};
  }
  static Bend bend(const Attrs& attrs) { return {attrs.real("alpha"), attrs.real("alpha"), 1}; }
  static Expr value(const Attrs& attrs, const Expr& x) { return bend(attrs).value(x); }
  static double value(const Attrs& attrs, double x) { return bend(attrs).value(x); }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& x) {
    return bend(attrs).gradient(g, x);
  }
  static double gradient(const Attrs& attrs, double g, double x) {
    return bend(attrs).gradient(g, x);
  }
};

struct SELU {
  static constexpr const char* name = "SELU";
  static constexpr const char* doc = "ELU, scaled so that mean and variance tend to 0 and 1";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return bend().value(x); }
  static double value(const Attrs&, double x) { return bend().value(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) { return bend().gradient(g, x); }
  static double gradient(const Attrs&, double g, double x) { return bend().gradient(g, x); }

 private:
  static Bend bend() { return {1.6732632423543772848, 1, 1.0507009873554804934}; }
};

OpDef make_leaky_relu() noexcept {
  OpDef op = activation_op<LeakyReLU>();
  op.gradient = [](GradientArgs& args) {
    return unary_gradient(args, args.node.attrs.real("negative_slope") >= 0);
  };
  op.more_traits = [](const Attrs& attrs, const std::vector<Type>&) {
    return attrs.real("negative_slope") >= 0 ? uint32_t{kMonotone} : 0u;
  };
  return op;
}

OpDef make_elu() noexcept {
  OpDef op = activation_op<ELU>();
  op.more_traits = [](const Attrs& attrs, const std::vector<Type>&) {
    return attrs.real("alpha") >= 0 ? uint32_t{kMonotone} : 0u;
  };
  return op;
}

}  // namespace

extern const OpDef leaky_relu = make_leaky_relu();
extern const OpDef leaky_relu_grad = activation_grad_op<LeakyReLU>();
extern const OpDef elu = make_elu();
extern const OpDef elu_grad = activation_grad_op<ELU>();
extern const OpDef celu = activation_op<CELU>();
extern const OpDef celu_grad = activation_grad_op<CELU>();
extern const OpDef selu = activation_op<SELU>();
extern const OpDef selu_grad = activation_grad_op<SELU>();

}  // namespace cnnc
