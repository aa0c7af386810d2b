// Adagrad: one update of a parameter. Tested by tests/ops/adagrad_test.cpp.
//
// PyTorch's rule. With s = sum, which starts at initial_accumulator_value:
//   g = gradient + weight_decay * parameter      (-gradient where it maximizes)
//   s = s + g^2
//   parameter -= lr / (1 + step * lr_decay) * g / (sqrt(s) + eps)
// The memory of states starts at zero; step 0 reads initial_accumulator_value in its place.
#include <cmath>

#include "compiler/ops/update.h"

namespace cnnc {
namespace {

using Halide::Expr;

constexpr size_t kSlots = 1;
constexpr size_t kStep = kSlots + 3;

std::vector<ParameterSpec> parameters(const Attrs&, const std::vector<Type>& inputs) {
  return update_states({"sum"}, inputs);
}

Result<std::vector<Type>> infer(InferArgs& args) {
  if (!args.inputs.empty()) {
    const Diagnostics problems = expect_type(args, kStep, "step", {DType::i32, {1}});
    if (!problems.empty()) return problems;
  }
  return infer_update(args, {"sum"}, kSlots);
}

void lower(Lowering& lowering) {
  const Attrs& attrs = lowering.attrs();
  const auto eps = static_cast<float>(attrs.real("eps"));
  const double lr_decay = attrs.real("lr_decay");
  const auto initial = static_cast<float>(attrs.real("initial_accumulator_value"));
  const UpdateExprs update = update_exprs(lowering, kSlots, WeightDecay::in_gradient);
  const Expr& g = update.gradient;
  Expr before = update.states[0];
  if (initial != 0) before = Halide::select(update.step == 0, initial, before);
  const Expr sum = before + g * g;
  Expr lr = update.lr;
  if (lr_decay != 0) {
    const Expr slowing = Expr(1.0) + Halide::cast<double>(update.step) * Expr(lr_decay);
    lr = Halide::cast<float>(Halide::cast<double>(lr) / slowing);
  }
  const Expr change = Halide::strict_float(g / (Halide::sqrt(sum) + eps));
  define_update(lowering, update.vars, {update.parameter - lr * change, sum});
}

void reference(ReferenceArgs& args) {
  const double eps = args.attrs.real("eps");
  const double lr_decay = args.attrs.real("lr_decay");
  const double initial = args.attrs.real("initial_accumulator_value");
  for_each_parameter(
      args, kSlots, WeightDecay::in_gradient,
      [&](double& parameter, std::vector<double>& kept, double g, double lr, double step) {
        if (step == 0) kept[0] = initial;
        kept[0] += g * g;
        parameter -= lr / (1 + step * lr_decay) * g / (std::sqrt(kept[0]) + eps);
      });
}

OpDef make_adagrad() noexcept {
  OpDef op;
  op.name = "Adagrad";
  op.role = OpRole::optimizer;
  op.doc = "Divides the gradient by the root of the sum of its squares so far";
  op.attrs = {
      lr_attr(0.01),
      attribute("lr_decay", AttrKind::real, 0.0, kNotNegative,
                "lr is divided by 1 + lr_decay times the number of steps before"),
      weight_decay_attr(0.0),
      attribute("initial_accumulator_value", AttrKind::real, 0.0, kNotNegative,
                "what the sums begin with"),
      attribute("eps", AttrKind::real, 1e-10, kNotNegative, "added to the divisor"),
      maximize_attr(),
  };
  set_update_inputs(op, {"sum"});
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef adagrad = make_adagrad();

}  // namespace cnnc
