// Activations made of straight pieces that are cut off: ReLU6, Hardtanh, Clamp, Hardsigmoid,
// Hardswish, Threshold, Identity. Tested by tests/ops/clamps_test.cpp.
//
// As in PyTorch, NaN stays NaN, and gradients of what was cut off, the limits themselves included,
// are 0; the gradient of Clamp flows at its limits.
#include <algorithm>
#include <cmath>

#include "compiler/ops/elementwise.h"

namespace cnnc {
namespace {

using Halide::Expr;

double clamp_double(double x, double least, double most) {
  return x < least ? least : x > most ? most : x;
}

// The gradient where least < y < most, or y is NaN.
Expr inside(const Expr& g, const Expr& y, double least, double most) {
  const Expr outside =
      at_most(y, static_cast<float>(least)) || at_most(static_cast<float>(most), y);
  return Halide::select(outside, 0.f, g);
}
double inside(double g, double y, double least, double most) {
  return y <= least || y >= most ? 0 : g;
}

struct ReLU6 {
  static constexpr const char* name = "ReLU6";
  static constexpr const char* doc = "min(max(x, 0), 6)";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = true;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return clamp_or_nan(x, 0, 6); }
  static double value(const Attrs&, double x) { return clamp_double(x, 0, 6); }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& y) { return inside(g, y, 0, 6); }
  static double gradient(const Attrs&, double g, double y) { return inside(g, y, 0, 6); }
};

struct Hardtanh {
  static constexpr const char* name = "Hardtanh";
  static constexpr const char* doc = "min(max(x, min_val), max_val)";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = true;
  static std::vector<AttrSpec> attrs() {
    return {attribute("min_val", AttrKind::real, -1.0, {}, "the least result"),
            attribute("max_val", AttrKind::real, 1.0, {}, "the greatest result; above min_val")};
  }
  static Expr value(const Attrs& attrs, const Expr& x) {
    return clamp_or_nan(x, attrs.real("min_val"), attrs.real("max_val"));
  }
  static double value(const Attrs& attrs, double x) {
    return clamp_double(x, attrs.real("min_val"), attrs.real("max_val"));
  }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& y) {
    return inside(g, y, attrs.real("min_val"), attrs.real("max_val"));
  }
  static double gradient(const Attrs& attrs, double g, double y) {
    return inside(g, y, attrs.real("min_val"), attrs.real("max_val"));
  }
};

Result<std::vector<Type>> infer_hardtanh(InferArgs& args) {
  const double least = args.attrs.real("min_val"), most = args.attrs.real("max_val");
  if (least >= most) {
    return error("max_val is " + to_string(AttrValue(most)) + ", but must be above min_val, " +
                 to_string(AttrValue(least)));
  }
  return infer_unary(args);
}

// Where min is greater than max, the result is max.
struct Clamp {
  static constexpr const char* name = "Clamp";
  static constexpr const char* doc = "x, at least `min` and at most `max`";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() {
    return {
        attribute("min", AttrKind::real, {}, {}, "the least result; not limited by default"),
        attribute("max", AttrKind::real, {}, {}, "the greatest result; not limited by default")};
  }
  static Expr value(const Attrs& attrs, const Expr& x) {
    Expr result = x;
    if (attrs.has("min")) {
      const Expr least = static_cast<float>(attrs.real("min"));
      result = Halide::select(strict_less(result, least), least, result);
    }
    if (attrs.has("max")) {
      const Expr most = static_cast<float>(attrs.real("max"));
      result = Halide::select(strict_less(most, result), most, result);
    }
    return result;
  }
  static double value(const Attrs& attrs, double x) {
    if (attrs.has("min") && x < attrs.real("min")) x = attrs.real("min");
    if (attrs.has("max") && x > attrs.real("max")) x = attrs.real("max");
    return x;
  }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& x) {
    Expr result = g;
    const auto limit = [&](const Expr& flows) { result = Halide::select(flows, result, 0.f); };
    if (attrs.has("min")) limit(at_most(static_cast<float>(attrs.real("min")), x));
    if (attrs.has("max")) limit(at_most(x, static_cast<float>(attrs.real("max"))));
    return result;
  }
  static double gradient(const Attrs& attrs, double g, double x) {
    const bool flows = (!attrs.has("min") || x >= attrs.real("min")) &&
                       (!attrs.has("max") || x <= attrs.real("max"));
    return flows ? g : 0;
  }
};

Result<std::vector<Type>> infer_clamp(InferArgs& args) {
  if (!args.attrs.has("min") && !args.attrs.has("max")) return error("needs min, max or both");
  return infer_unary(args);
}

struct Hardsigmoid {
  static constexpr const char* name = "Hardsigmoid";
  static constexpr const char* doc = "min(max(x / 6 + 1 / 2, 0), 1)";
  static constexpr uint32_t traits = kMonotone;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) {
    return strict_mul(clamp_or_nan(strict_add(x, 3.f), 0, 6), 1.f / 6);
  }
  static double value(const Attrs&, double x) { return clamp_double(x + 3, 0, 6) / 6; }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr is_inside = strict_less(-3.f, x) && strict_less(x, 3.f);
    return Halide::select(is_inside, strict_mul(g, 1.f / 6), 0.f);
  }
  static double gradient(const Attrs&, double g, double x) { return x > -3 && x < 3 ? g / 6 : 0; }
};

struct Hardswish {
  static constexpr const char* name = "Hardswish";
  static constexpr const char* doc = "x * min(max(x + 3, 0), 6) / 6";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) {
    const Expr share = clamp_or_nan(strict_add(x, 3.f), 0, 6);
    return strict_mul(x, strict_mul(share, 1.f / 6));
  }
  static double value(const Attrs&, double x) { return x * clamp_double(x + 3, 0, 6) / 6; }
  static Expr gradient(const Attrs&, const Expr& g, const Expr& x) {
    const Expr bend = strict_mul(g, strict_add(strict_mul(x, 1.f / 3), 0.5f));
    return Halide::select(at_most(x, -3.f), 0.f, Halide::select(strict_less(x, 3.f), bend, g));
  }
  static double gradient(const Attrs&, double g, double x) {
    return x <= -3 ? 0 : x < 3 ? g * (x / 3 + 0.5) : g;
  }
};

struct Threshold {
  static constexpr const char* name = "Threshold";
  static constexpr const char* doc = "x where it is above the threshold, else `value`";
  static constexpr uint32_t traits = 0;
  static constexpr bool from_output = false;
  static std::vector<AttrSpec> attrs() {
    return {required(attribute("threshold", AttrKind::real, {}, {}, "what stays is greater")),
            required(attribute("value", AttrKind::real, {}, {}, "what stands for the rest"))};
  }
  static Expr value(const Attrs& attrs, const Expr& x) {
    return Halide::select(is_cut(attrs, x), static_cast<float>(attrs.real("value")), x);
  }
  static double value(const Attrs& attrs, double x) {
    return x <= attrs.real("threshold") ? attrs.real("value") : x;
  }
  static Expr gradient(const Attrs& attrs, const Expr& g, const Expr& x) {
    return Halide::select(is_cut(attrs, x), 0.f, g);
  }
  static double gradient(const Attrs& attrs, double g, double x) {
    return x <= attrs.real("threshold") ? 0 : g;
  }

 private:
  static Expr is_cut(const Attrs& attrs, const Expr& x) {
    return at_most(x, static_cast<float>(attrs.real("threshold")));
  }
};

struct Identity {
  static constexpr const char* name = "Identity";
  static constexpr const char* doc = "x";
  static constexpr uint32_t traits = kMonotone;
  static std::vector<AttrSpec> attrs() { return {}; }
  static Expr value(const Attrs&, const Expr& x) { return x; }
  static double value(const Attrs&, double x) { return x; }
};

OpDef make_hardtanh() noexcept {
  OpDef op = activation_op<Hardtanh>();
  op.infer = infer_hardtanh;
  return op;
}

OpDef make_clamp() noexcept {
  OpDef op = activation_op<Clamp>();
  op.infer = infer_clamp;
  return op;
}

OpDef make_threshold() noexcept {
  OpDef op = activation_op<Threshold>();
  op.more_traits = [](const Attrs& attrs, const std::vector<Type>&) {
    const bool rises = attrs.real("value") <= attrs.real("threshold");
    return rises ? uint32_t{kMonotone} : 0u;
  };
  return op;
}

OpDef make_identity() noexcept {
  OpDef op = function_op<Identity>();
  op.gradient = [](GradientArgs& args) {
    std::vector<ValueId> result = no_gradients(args.node);
    if (is_wanted(args, 0)) result[0] = args.output_gradients[0];
    return result;
  };
  return op;
}

}  // namespace

extern const OpDef relu6 = activation_op<ReLU6>();
extern const OpDef relu6_grad = activation_grad_op<ReLU6>();
extern const OpDef hardtanh = make_hardtanh();
extern const OpDef hardtanh_grad = activation_grad_op<Hardtanh>();
extern const OpDef clamp = make_clamp();
extern const OpDef clamp_grad = activation_grad_op<Clamp>();
extern const OpDef hardsigmoid = activation_op<Hardsigmoid>();
extern const OpDef hardsigmoid_grad = activation_grad_op<Hardsigmoid>();
extern const OpDef hardswish = activation_op<Hardswish>();
extern const OpDef hardswish_grad = activation_grad_op<Hardswish>();
extern const OpDef threshold = make_threshold();
extern const OpDef threshold_grad = activation_grad_op<Threshold>();
extern const OpDef identity = make_identity();

}  // namespace cnnc
