// Adam and AdamW: one update of a parameter. Tested by tests/ops/adam_test.cpp.
//
// PyTorch's rule. With t = step + 1, m = exp_avg, v = exp_avg_sq, which start at zero:
//   g = gradient + weight_decay * parameter      (-gradient where it maximizes)
//   m = beta1 * m + (1 - beta1) * g              v = beta2 * v + (1 - beta2) * g^2
//   parameter -= lr / (1 - beta1^t) * m / (sqrt(w) / sqrt(1 - beta2^t) + eps)
// where w is v, or with amsgrad the greatest v so far. AdamW leaves the gradient as it is and first
// multiplies the parameter by 1 - lr * weight_decay.
#include <cmath>

#include "compiler/ops/update.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;

constexpr size_t kSlots = 3;
constexpr size_t kStep = kSlots + 3;

std::vector<std::string> states(const Attrs& attrs) {
  std::vector<std::string> names = {"exp_avg", "exp_avg_sq"};
  if (attrs.boolean("amsgrad")) names.emplace_back("max_exp_avg_sq");
  return names;
}

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>& inputs) {
  return update_states(states(attrs), inputs);
}

Result<std::vector<Type>> infer(InferArgs& args) {
  const std::vector<double>& betas = args.attrs.reals("betas");
  if (betas.size() != 2) {
    return error("betas must be two numbers, but there are " + std::to_string(betas.size()));
  }
  for (const double beta : betas) {
    if (beta < 0 || beta >= 1) {
      return error("betas must be at least 0 and below 1, but one is " +
                   to_string(AttrValue(beta)));
    }
  }
  if (!args.inputs.empty()) {
    const Diagnostics problems = expect_type(args, kStep, "step", {DType::i32, {1}});
    if (!problems.empty()) return problems;
  }
  return infer_update(args, states(args.attrs), kSlots);
}

// 1 - beta^t, as -expm1(t * log(beta)): near 0 the difference would lose half of its digits, and a
// series has all of them.
Expr bias_correction(double beta, const Expr& step) {
  if (beta == 0) return 1.f;
  constexpr int kTerms = 9;
  constexpr float kSmall = 0.5f;
  const Expr x = Halide::cast<float>(step + 1) * static_cast<float>(std::log(beta));
  Expr series = 1.f;
  for (int n = kTerms; n > 1; --n) series = 1.f + x * (1.f / static_cast<float>(n)) * series;
  return Halide::select(x > -kSmall, -x * series, 1.f - Halide::exp(x));
}

void lower(Lowering& lowering, WeightDecay decay) {
  const Attrs& attrs = lowering.attrs();
  const double beta1 = attrs.reals("betas")[0], beta2 = attrs.reals("betas")[1];
  const auto eps = static_cast<float>(attrs.real("eps"));
  const UpdateExprs update = update_exprs(lowering, kSlots, decay);
  Func step_size("step_size"), scale("scale");
  step_size() = update.lr / bias_correction(beta1, update.step);
  scale() = 1.f / Halide::sqrt(bias_correction(beta2, update.step));
  lowering.stages["step_size"] = step_size;
  lowering.stages["scale"] = scale;

  const Expr& g = update.gradient;
  const Expr m = lerp(update.states[0], g, 1 - beta1);
  const Expr v =
      static_cast<float>(beta2) * update.states[1] + static_cast<float>(1 - beta2) * (g * g);
  std::vector<Expr> values = {Expr(), m, v};
  Expr square = v;
  if (attrs.boolean("amsgrad")) {  // NaN is greater than everything
    const Expr greatest = update.states[2];
    square = Halide::select(Halide::strict_float(v > greatest || v != v), v, greatest);
    values.push_back(square);
  }
  Expr parameter = update.parameter;
  const double share = attrs.real("weight_decay");
  if (decay == WeightDecay::apart && share != 0) {
    parameter = parameter * (1.f - update.lr * static_cast<float>(share));
  }
  values[0] =
      parameter - step_size() * Halide::strict_float(m / (Halide::sqrt(square) * scale() + eps));
  define_update(lowering, update.vars, values);
}

void lower_adam(Lowering& lowering) { lower(lowering, WeightDecay::in_gradient); }
void lower_adamw(Lowering& lowering) { lower(lowering, WeightDecay::apart); }

void reference(ReferenceArgs& args, WeightDecay decay) {
  const double beta1 = args.attrs.reals("betas")[0], beta2 = args.attrs.reals("betas")[1];
  const double eps = args.attrs.real("eps");
  const double share = decay == WeightDecay::apart ? args.attrs.real("weight_decay") : 0;
  for_each_parameter(
      args, kSlots, decay,
      [&](double& parameter, std::vector<double>& kept, double g, double lr, double step) {
        parameter *= 1 - lr * share;
        kept[0] = beta1 * kept[0] + (1 - beta1) * g;
        kept[1] = beta2 * kept[1] + (1 - beta2) * g * g;
        double square = kept[1];
        if (kept.size() > 2) {
          if (square > kept[2] || std::isnan(square)) kept[2] = square;
          square = kept[2];
        }
        const double denominator =
            std::sqrt(square) / std::sqrt(1 - std::pow(beta2, step + 1)) + eps;
        parameter -= lr / (1 - std::pow(beta1, step + 1)) * kept[0] / denominator;
      });
}

void reference_adam(ReferenceArgs& args) { reference(args, WeightDecay::in_gradient); }
void reference_adamw(ReferenceArgs& args) { reference(args, WeightDecay::apart); }

OpDef make_adam() noexcept {
  OpDef op;
  op.name = "Adam";
  op.role = OpRole::optimizer;
  op.doc = "Adam: the mean of the gradients, divided by the root of the mean of their squares";
  op.attrs = {
      lr_attr(0.001),
      attribute("betas", AttrKind::reals, std::vector<double>{0.9, 0.999}, {0, 1},
                "shares of the two means that stay: of the gradients and of their squares"),
      attribute("eps", AttrKind::real, 1e-8, kNotNegative, "added to the divisor"),
      weight_decay_attr(0.0),
      flag("amsgrad", false, "divides by the root of the greatest mean so far"),
      maximize_attr(),
  };
  set_update_inputs(op, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"});
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower_adam;
  op.reference = reference_adam;
  return op;
}

OpDef make_adamw() noexcept {
  OpDef op = make_adam();
  op.name = "AdamW";
  op.doc = "Adam with a weight decay that does not pass through the means";
  for (AttrSpec& spec : op.attrs) {
    if (spec.name != "weight_decay") continue;
    spec.fallback = 0.01;
    spec.doc = "share of the parameter, times lr, that each step takes off";
  }
  op.lower = lower_adamw;
  op.reference = reference_adamw;
  return op;
}

}  // namespace

extern const OpDef adam = make_adam();
extern const OpDef adamw = make_adamw();

}  // namespace cnnc
