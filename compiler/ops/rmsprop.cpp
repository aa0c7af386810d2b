// RMSprop: one update of a parameter. Tested by tests/ops/rmsprop_test.cpp.
//
// PyTorch's rule. With s = square_avg, a = grad_avg and b = momentum_buffer, which start at zero:
//   g = gradient + weight_decay * parameter      (-gradient where it maximizes)
//   s = alpha * s + (1 - alpha) * g^2            a = alpha * a + (1 - alpha) * g   (centered)
//   r = g / (sqrt(s) + eps)                      (centered: sqrt(s - a^2); not below 0)
//   parameter -= lr * r, or with momentum b = momentum * b + r and parameter -= lr * b
// Where rounding makes s - a^2 negative, its root is 0, not NaN.
#include <algorithm>
#include <cmath>

#include "compiler/ops/nan.h"
#include "compiler/ops/update.h"

namespace cnnc {
namespace {

using Halide::Expr;

constexpr size_t kSlots = 3;

std::vector<std::string> states(const Attrs& attrs) {
  std::vector<std::string> names = {"square_avg"};
  if (attrs.real("momentum") != 0) names.emplace_back("momentum_buffer");
  if (attrs.boolean("centered")) names.emplace_back("grad_avg");
  return names;
}

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>& inputs) {
  return update_states(states(attrs), inputs);
}

Result<std::vector<Type>> infer(InferArgs& args) {
  return infer_update(args, states(args.attrs), kSlots);
}

void lower(Lowering& lowering) {
  const Attrs& attrs = lowering.attrs();
  const double alpha = attrs.real("alpha");
  const auto eps = static_cast<float>(attrs.real("eps"));
  const auto momentum = static_cast<float>(attrs.real("momentum"));
  const UpdateExprs update = update_exprs(lowering, kSlots, WeightDecay::in_gradient);
  const Expr& g = update.gradient;
  std::vector<Expr> values(1 + update.states.size());
  values[1] =
      static_cast<float>(alpha) * update.states[0] + static_cast<float>(1 - alpha) * (g * g);
  Expr square = values[1];
  if (attrs.boolean("centered")) {
    const Expr mean = lerp(update.states.back(), g, 1 - alpha);
    values.back() = mean;
    square = square - mean * mean;
    square = or_nan(square, Halide::max(square, 0.f));
  }
  Expr change = Halide::strict_float(g / (Halide::sqrt(square) + eps));
  if (momentum != 0) {
    change = momentum * update.states[1] + change;
    values[2] = change;
  }
  values[0] = update.parameter - update.lr * change;
  define_update(lowering, update.vars, values);
}

void reference(ReferenceArgs& args) {
  const double alpha = args.attrs.real("alpha");
  const double eps = args.attrs.real("eps");
  const double momentum = args.attrs.real("momentum");
  const bool centered = args.attrs.boolean("centered");
  for_each_parameter(
      args, kSlots, WeightDecay::in_gradient,
      [&](double& parameter, std::vector<double>& kept, double g, double lr, double) {
        kept[0] = alpha * kept[0] + (1 - alpha) * g * g;
        double square = kept[0];
        if (centered) {
          double& mean = kept.back();
          mean = alpha * mean + (1 - alpha) * g;
          square -= mean * mean;
          if (square < 0) square = 0;
        }
        double change = g / (std::sqrt(square) + eps);
        if (momentum != 0) change = kept[1] = momentum * kept[1] + change;
        parameter -= lr * change;
      });
}

OpDef make_rmsprop() noexcept {
  OpDef op;
  op.name = "RMSprop";
  op.role = OpRole::optimizer;
  op.doc = "Divides the gradient by the root of the mean of its squares";
  op.attrs = {
      lr_attr(0.01),
      attribute("alpha", AttrKind::real, 0.99, {0, 1}, "share of the mean that stays"),
      attribute("eps", AttrKind::real, 1e-8, kNotNegative, "added to the divisor"),
      weight_decay_attr(0.0),
      attribute("momentum", AttrKind::real, 0.0, kNotNegative,
                "share of the last update that stays"),
      flag("centered", false, "divides by the standard deviation instead"),
      maximize_attr(),
  };
  set_update_inputs(op, {"square_avg", "momentum_buffer", "grad_avg"});
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef rmsprop = make_rmsprop();

}  // namespace cnnc
