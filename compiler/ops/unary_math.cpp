// Functions of numbers: Abs, Neg, Sign, Floor, Ceil, Round, Reciprocal, Sqrt, Exp, Log, Erf, Sin,
// Cos. Tested by tests/ops/unary_math_test.cpp.
#include <cmath>

#include "compiler/ops/elementwise.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::strict_float;

double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
Expr sign_of(const Expr& x) {
  return Halide::select(strict_less(0.f, x), 1.f, strict_less(x, 0.f), -1.f, x);
}

// What the functions have in common. Each may hide what it does otherwise.
struct Plain {
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
};
struct Rising : Plain {
  static constexpr uint32_t traits = kMonotone;
};

struct Abs : Plain {
  static constexpr const char* name = "Abs";
  static constexpr const char* doc = "The magnitude of x";
  static Expr value(const Attrs&, const Expr& x) { return Halide::abs(x); }
  static double value(const Attrs&, double x) { return std::abs(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    return strict_mul(g, sign_of(x));
  }
  static double gradient(const Attrs&, double g, double x) { return g * sign_of(x); }
};

struct Neg : Plain {
  static constexpr const char* name = "Neg";
  static constexpr const char* doc = "-x";
  static Expr value(const Attrs&, const Expr& x) { return -x; }
  static double value(const Attrs&, double x) { return -x; }
};

struct Sign : Rising {
  static constexpr const char* name = "Sign";
  static constexpr const char* doc = "1, 0 or -1, as x is positive, zero or negative";
  static Expr value(const Attrs&, const Expr& x) { return sign_of(x); }
  static double value(const Attrs&, double x) { return sign_of(x); }
};

// From this size on, all floats are whole.
constexpr float kWhole = 8388608.f;

// x towards zero, where it is no larger than that; NaN is.
Expr is_fractional(const Expr& x) { return strict_less(Halide::abs(x), kWhole); }
Expr truncated(const Expr& x) {
  return Halide::cast<float>(Halide::cast<int32_t>(Halide::select(is_fractional(x), x, 0.f)));
}

struct Floor : Rising {
  static constexpr const char* name = "Floor";
  static constexpr const char* doc = "The greatest whole number that is at most x";
  static Expr value(const Attrs&, const Expr& x) {
    const Expr t = truncated(x);
    return Halide::select(is_fractional(x), t - Halide::select(strict_less(x, t), 1.f, 0.f), x);
  }
  static double value(const Attrs&, double x) { return std::floor(x); }
};

struct Ceil : Rising {
  static constexpr const char* name = "Ceil";
  static constexpr const char* doc = "The least whole number that is at least x";
  static Expr value(const Attrs&, const Expr& x) {
    const Expr t = truncated(x);
    return Halide::select(is_fractional(x), t + Halide::select(strict_less(t, x), 1.f, 0.f), x);
  }
  static double value(const Attrs&, double x) { return std::ceil(x); }
};

struct Round : Rising {
  static constexpr const char* name = "Round";
  static constexpr const char* doc = "The nearest whole number, of two the even one";
  // Sums of that size are rounded to whole numbers, halves to even ones.
  static Expr value(const Attrs&, const Expr& x) {
    const Expr size = Halide::abs(x);
    const Expr whole = strict_sub(strict_add(size, kWhole), kWhole);
    return Halide::select(is_fractional(x), Halide::select(strict_less(x, 0.f), -whole, whole), x);
  }
  static double value(const Attrs&, double x) { return std::nearbyint(x); }
};

struct Reciprocal : Plain {
  static constexpr const char* name = "Reciprocal";
  static constexpr const char* doc = "1 / x";
  static constexpr bool from_output = true;
  static Expr value(const Attrs&, const Expr& x) { return strict_div(1.f, x); }
  static double value(const Attrs&, double x) { return 1 / x; }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) {
    return strict_float(-g * (y * y));
  }
  static double gradient(const Attrs&, double g, double y) { return -g * y * y; }
};

struct Sqrt : Plain {
  static constexpr const char* name = "Sqrt";
  static constexpr const char* doc = "The square root of x";
  static constexpr bool from_output = true;
  static Expr value(const Attrs&, const Expr& x) { return sqrt_of(x); }
  static double value(const Attrs&, double x) { return std::sqrt(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) {
    return strict_div(g, strict_mul(2.f, y));
  }
  static double gradient(const Attrs&, double g, double y) { return g / (2 * y); }
};

struct Exp : Rising {
  static constexpr const char* name = "Exp";
  static constexpr const char* doc = "The exponential of x";
  static constexpr bool from_output = true;
  static Expr value(const Attrs&, const Expr& x) { return exp_of(x); }
  static double value(const Attrs&, double x) { return std::exp(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) { return strict_mul(g, y); }
  static double gradient(const Attrs&, double g, double y) { return g * y; }
};

struct Log : Plain {
  static constexpr const char* name = "Log";
  static constexpr const char* doc = "The natural logarithm of x";
  static Expr value(const Attrs&, const Expr& x) { return log_of(x); }
  static double value(const Attrs&, double x) { return std::log(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) { return strict_div(g, x); }
  static double gradient(const Attrs&, double g, double x) { return g / x; }
};

struct Erf : Rising {
  static constexpr const char* name = "Erf";
  static constexpr const char* doc = "The error function of x";
  static Expr value(const Attrs&, const Expr& x) { return erf_of(x); }
  static double value(const Attrs&, double x) { return std::erf(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr finite = clamp_or_nan(x, -12, 12);
    const Expr density = exp_of(strict_mul(finite, strict_sub(0.f, finite)));
    return strict_mul(g, strict_mul(density, static_cast<float>(kTwoByRootOfPi)));
  }
  static double gradient(const Attrs&, double g, double x) {
    return g * kTwoByRootOfPi * std::exp(-x * x);
  }

 private:
  static constexpr double kTwoByRootOfPi = 1.12837916709551257390;
};

struct Sin : Plain {
  static constexpr const char* name = "Sin";
  static constexpr const char* doc = "The sine of x";
  static Expr value(const Attrs&, const Expr& x) { return sin_of(x); }
  static double value(const Attrs&, double x) { return std::sin(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    return strict_mul(g, cos_of(x));
  }
  static double gradient(const Attrs&, double g, double x) { return g * std::cos(x); }
};

struct Cos : Plain {
  static constexpr const char* name = "Cos";
  static constexpr const char* doc = "The cosine of x";
  static Expr value(const Attrs&, const Expr& x) { return cos_of(x); }
  static double value(const Attrs&, double x) { return std::cos(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    return strict_mul(g, strict_sub(0.f, sin_of(x)));
  }
  static double gradient(const Attrs&, double g, double x) { return -g * std::sin(x); }
};

OpDef make_neg() noexcept {
  OpDef op = function_op<Neg>();
  op.gradient = [](GradientArgs& args) {
    std::vector<ValueId> result = no_gradients(args.node);
    const ValueId upstream = args.output_gradients[0];
    if (upstream == kNoValue || !is_wanted(args, 0)) return result;
    result[0] = args.graph.add("Neg", args.node.name + ".grad_input", {}, {upstream})[0];
    return result;
  };
  return op;
}

// Steps: nothing flows back.
template <class Function>
OpDef step_op() noexcept {
  OpDef op = function_op<Function>();
  op.gradient = [](GradientArgs& args) { return no_gradients(args.node); };
  return op;
}

}  // namespace

extern const OpDef abs_layer = activation_op<Abs>();
extern const OpDef abs_layer_grad = activation_grad_op<Abs>();
extern const OpDef neg = make_neg();
extern const OpDef sign = step_op<Sign>();
extern const OpDef floor_layer = step_op<Floor>();
extern const OpDef ceil_layer = step_op<Ceil>();
extern const OpDef round_layer = step_op<Round>();
extern const OpDef reciprocal = activation_op<Reciprocal>();
extern const OpDef reciprocal_grad = activation_grad_op<Reciprocal>();
extern const OpDef sqrt_layer = activation_op<Sqrt>();
extern const OpDef sqrt_layer_grad = activation_grad_op<Sqrt>();
extern const OpDef exp_layer = activation_op<Exp>();
extern const OpDef exp_layer_grad = activation_grad_op<Exp>();
extern const OpDef log_layer = activation_op<Log>();
extern const OpDef log_layer_grad = activation_grad_op<Log>();
extern const OpDef erf_layer = activation_op<Erf>();
extern const OpDef erf_layer_grad = activation_grad_op<Erf>();
extern const OpDef sin_layer = activation_op<Sin>();
extern const OpDef sin_layer_grad = activation_grad_op<Sin>();
extern const OpDef cos_layer = activation_op<Cos>();
extern const OpDef cos_layer_grad = activation_grad_op<Cos>();

}  // namespace cnnc
