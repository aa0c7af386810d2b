// Activations made of exponentials: Sigmoid, LogSigmoid, SiLU, Tanh, Softplus, Mish. Tested by
// tests/ops/sigmoids_test.cpp.
#include <algorithm>
#include <cmath>

#include "compiler/ops/elementwise.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::strict_float;

double sigmoid_of_double(double x) { return 1 / (1 + std::exp(-x)); }
double softplus_of_double(double x) {
  return std::isnan(x) ? x : std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

struct Sigmoid {
  static constexpr const char* name = "Sigmoid";
  static constexpr const char* doc = "1 / (1 + exp(-x))";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = true;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return sigmoid_of(x); }
  static double value(const Attrs&, double x) { return sigmoid_of_double(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) {
    return strict_float(g * (y * (1.f - y)));
  }
  static double gradient(const Attrs&, double g, double y) { return g * y * (1 - y); }
};

struct LogSigmoid {
  static constexpr const char* name = "LogSigmoid";
  static constexpr const char* doc = "log(1 / (1 + exp(-x)))";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) {
    return strict_sub(0.f, softplus_of(strict_sub(0.f, x)));
  }
  static double value(const Attrs&, double x) { return -softplus_of_double(-x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    return strict_mul(g, sigmoid_of(strict_sub(0.f, x)));
  }
  static double gradient(const Attrs&, double g, double x) { return g * sigmoid_of_double(-x); }
};

struct SiLU {
  static constexpr const char* name = "SiLU";
  static constexpr const char* doc = "x * sigmoid(x), also called swish";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return strict_mul(x, sigmoid_of(x)); }
  static double value(const Attrs&, double x) { return x * sigmoid_of_double(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr s = sigmoid_of(x);
    const Expr slope = strict_add(1.f, strict_mul(x, strict_sub(1.f, s)));
    return strict_mul(g, strict_mul(s, slope));
  }
  static double gradient(const Attrs&, double g, double x) {
    const double s = sigmoid_of_double(x);
    return g * (s * (1 + x * (1 - s)));
  }
};

struct Tanh {
  static constexpr const char* name = "Tanh";
  static constexpr const char* doc = "Hyperbolic tangent";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = true;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return tanh_of(x); }
  static double value(const Attrs&, double x) { return std::tanh(x); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) {
    return strict_float(g * (1.f - y * y));
  }
  static double gradient(const Attrs&, double g, double y) { return g * (1 - y * y); }
};

// With z = beta * x, x itself where z is above the threshold.
struct Softplus {
  static constexpr const char* name = "Softplus";
  static constexpr const char* doc = "log(1 + exp(beta * x)) / beta, a smooth ReLU";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() {
    return {attribute("beta", AttrKind::real, 1.0, {}, "how sharp the bend is; not 0"),
            attribute("threshold", AttrKind::real, 20.0, {},
                      "where beta * x is greater, the result is x")};
  }
  static Expr value(const Attrs& attrs, const Expr& x) {
    const auto beta = static_cast<float>(attrs.real("beta"));
    const Expr z = strict_mul(x, beta);
    return Halide::select(is_linear(attrs, z), x, strict_mul(softplus_of(z), 1.f / beta));
  }
  static double value(const Attrs& attrs, double x) {
    const double beta = attrs.real("beta");
    const double z = x * beta;
    return z > attrs.real("threshold") ? x : softplus_of_double(z) / beta;
  }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& x) {
    const Expr z = strict_mul(x, static_cast<float>(attrs.real("beta")));
    return Halide::select(is_linear(attrs, z), g, strict_mul(g, sigmoid_of(z)));
  }
  static double gradient(const Attrs& attrs, double g, double x) {
    const double z = x * attrs.real("beta");
    return z > attrs.real("threshold") ? g : g * sigmoid_of_double(z);
  }

 private:
  static Expr is_linear(const Attrs& attrs, const Expr& z) {
    return strict_less(static_cast<float>(attrs.real("threshold")), z);
  }
};

Result<std::vector<Type>> infer_softplus(InferArgs& args) {
  if (args.attrs.real("beta") == 0) return error("beta must not be 0");
  return infer_unary(args);
}

// tanh(softplus(x)) = (e^2 + 2 e) / (e^2 + 2 e + 2) with e = exp(x), which is 1 from 20 on.
struct Mish {
  static constexpr const char* name = "Mish";
  static constexpr const char* doc = "x * tanh(softplus(x))";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) {
    const Expr square = squared(x);
    return strict_mul(x, strict_div(square, strict_add(square, 2.f)));
  }
  static double value(const Attrs&, double x) { return x * std::tanh(softplus_of_double(x)); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr square = squared(x);
    const Expr t = strict_div(square, strict_add(square, 2.f));
    // The slope of the factor is 0 where x may be infinite.
    const Expr finite = clamp_finite(x, -104, 104);
    const Expr rest = 2.f / (square + 2.f);  // 1 - t
    const Expr bend = finite * sigmoid_of(finite) * rest * (1.f + t);
    return strict_mul(g, strict_add(t, bend));
  }
  static double gradient(const Attrs&, double g, double x) {
    const double t = std::tanh(softplus_of_double(x));
    const double finite = std::min(std::max(x, -104.0), 104.0);
    return g * (t + finite * sigmoid_of_double(finite) * (1 - t * t));
  }

 private:
  // e^2 + 2 e
  static Expr squared(const Expr& x) {
    const Expr e = exp_of(clamp_or_nan(x, -104, 20));
    return strict_mul(e, strict_add(e, 2.f));
  }
};

OpDef make_softplus() noexcept {
  OpDef op = activation_op<Softplus>();
  op.infer = infer_softplus;
  op.more_traits = [](const Attrs& attrs, const std::vector<Type>&) {
    return attrs.real("beta") > 0 ? uint32_t{kMonotone} : 0u;
  };
  return op;
}

}  // namespace

extern const OpDef sigmoid = activation_op<Sigmoid>();
extern const OpDef sigmoid_grad = activation_grad_op<Sigmoid>();
extern const OpDef log_sigmoid = activation_op<LogSigmoid>();
extern const OpDef log_sigmoid_grad = activation_grad_op<LogSigmoid>();
extern const OpDef silu = activation_op<SiLU>();
extern const OpDef silu_grad = activation_grad_op<SiLU>();
extern const OpDef tanh_layer = activation_op<Tanh>();
extern const OpDef tanh_layer_grad = activation_grad_op<Tanh>();
extern const OpDef softplus = make_softplus();
extern const OpDef softplus_grad = activation_grad_op<Softplus>();
extern const OpDef mish = activation_op<Mish>();
extern const OpDef mish_grad = activation_grad_op<Mish>();

}  // namespace cnnc
