// What the optimizers share.
//
// Their inputs are the parameter, the states that the optimizer keeps for it, the gradient, lr
// (f32[1]) and step (i32[1], from 0). Output k overwrites input k. OpDef::parameters lists the
// states that the attributes ask for; these have the parameter's type, start at zero, and follow it
// without gaps. The slots of other states are absent, and come behind.
#pragma once
#include <string>
#include <vector>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// The states as OpDef::parameters wants them.
[[nodiscard]] std::vector<ParameterSpec> update_states(const std::vector<std::string>& names,
                                                       const std::vector<Type>& inputs);
// The inputs and outputs of an optimizer that may keep those states.
void set_update_inputs(OpDef& op, const std::vector<std::string>& names);

// The outputs of an update that keeps `states` in `slots` slots; none without inputs, where only
// the attributes are checked.
[[nodiscard]] Result<std::vector<Type>> infer_update(const InferArgs& args,
                                                     const std::vector<std::string>& states,
                                                     size_t slots);

[[nodiscard]] AttrSpec lr_attr(double fallback);
[[nodiscard]] AttrSpec weight_decay_attr(double fallback);
[[nodiscard]] AttrSpec maximize_attr();

// One element of an update.
struct UpdateExprs {
  std::vector<Halide::Var> vars;
  Halide::Expr parameter;
  std::vector<Halide::Expr> states;
  Halide::Expr gradient;  // of what is minimised, with the weight decay in it
  Halide::Expr lr;
  Halide::Expr step;  // undefined where absent
};
enum class WeightDecay { in_gradient, apart };
[[nodiscard]] UpdateExprs update_exprs(const Lowering& lowering, size_t slots, WeightDecay decay);

// Defines the outputs: parameter and states.
void define_update(Lowering& lowering, const std::vector<Halide::Var>& vars,
                   const std::vector<Halide::Expr>& values);

// a + weight * (b - a), rounded as PyTorch's lerp.
[[nodiscard]] Halide::Expr lerp(const Halide::Expr& a, const Halide::Expr& b, double weight);

// The same for references: calls rule(parameter, states, gradient, lr, step), where parameter and
// states are references to their new values, which begin as the old ones.
template <class Rule>
void for_each_parameter(ReferenceArgs& args, size_t slots, WeightDecay decay, Rule rule) {
  const double sign = args.attrs.boolean("maximize") ? -1 : 1;
  const double share = decay == WeightDecay::in_gradient ? args.attrs.real("weight_decay") : 0;
  const ReferenceTensor* step = slots + 3 < args.inputs.size() ? args.inputs[slots + 3] : nullptr;
  std::vector<double> states(args.outputs.size() - 1);
  for (size_t i = 0; i < args.outputs[0].data.size(); ++i) {
    double parameter = args.inputs[0]->data[i];
    for (size_t k = 0; k < states.size(); ++k) states[k] = args.inputs[k + 1]->data[i];
    const double gradient = sign * args.inputs[slots + 1]->data[i] + share * parameter;
    rule(parameter, states, gradient, args.inputs[slots + 2]->data[0], step ? step->data[0] : 0);
    args.outputs[0].data[i] = parameter;
    for (size_t k = 0; k < states.size(); ++k) args.outputs[k + 1].data[i] = states[k];
  }
}

}  // namespace cnnc
