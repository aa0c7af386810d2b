// Tested by tests/ops/{sgd,adam,rmsprop,adagrad}_test.cpp.
#include "compiler/ops/update.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

std::vector<ParameterSpec> update_states(const std::vector<std::string>& names,
                                         const std::vector<Type>& inputs) {
  std::vector<ParameterSpec> result;
  for (const std::string& name : names) {
    ParameterSpec spec;
    spec.name = name;
    spec.shape = inputs[0].shape;
    result.push_back(std::move(spec));
  }
  return result;
}

void set_update_inputs(OpDef& op, const std::vector<std::string>& names) {
  op.inputs = {input("parameter")};
  op.outputs = {"parameter"};
  for (const std::string& name : names) {
    op.inputs.push_back(optional_parameter_input(name));
    op.outputs.push_back(name);
  }
  op.inputs.push_back(input("gradient"));
  op.inputs.push_back(input("lr"));
  op.inputs.push_back(optional_input("step"));
  op.traits = kElementwise | kInPlace;
}

Result<std::vector<Type>> infer_update(const InferArgs& args,
                                       const std::vector<std::string>& states, size_t slots) {
  if (args.inputs.empty()) return std::vector<Type>{};
  if (!is_given(args, 0)) return error("needs a parameter");
  const Type& type = args.inputs[0];
  if (type.dtype != DType::f32) {
    return error("the parameter must be f32, but is " + to_string(type));
  }
  Diagnostics problems = expect_type(args, slots + 1, "gradient", type);
  if (problems.empty()) problems = expect_type(args, slots + 2, "lr", {DType::f32, {1}});
  for (size_t k = 0; k < slots && problems.empty(); ++k) {
    if (k < states.size()) {
      problems = expect_type(args, k + 1, states[k], type);
    } else if (is_given(args, k + 1)) {
      problems.push_back(error("state " + std::to_string(k + 1) +
                               " is given, but the attributes ask for " +
                               std::to_string(states.size())));
    }
  }
  if (problems.empty() && is_given(args, slots + 3)) {
    problems = expect_type(args, slots + 3, "step", {DType::i32, {1}});
  }
  if (!problems.empty()) return problems;
  return outputs_of(std::vector<Type>(states.size() + 1, type));
}

AttrSpec lr_attr(double fallback) {
  return attribute("lr", AttrKind::real, fallback, kNotNegative, "learning rate");
}

AttrSpec weight_decay_attr(double fallback) {
  return attribute("weight_decay", AttrKind::real, fallback, kNotNegative,
                   "share of the parameter that is added to its gradient");
}

AttrSpec maximize_attr() { return flag("maximize", false, "goes up the gradient, not down"); }

UpdateExprs update_exprs(const Lowering& lowering, size_t slots, WeightDecay decay) {
  UpdateExprs result;
  result.vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> place = as_exprs(result.vars);
  result.parameter = at(lowering.inputs[0], place);
  for (size_t k = 1; k < lowering.output_types.size(); ++k) {
    result.states.push_back(at(lowering.inputs[k], place));
  }
  result.gradient = at(lowering.inputs[slots + 1], place);
  if (lowering.attrs().boolean("maximize")) result.gradient = -result.gradient;
  const auto share = static_cast<float>(lowering.attrs().real("weight_decay"));
  if (decay == WeightDecay::in_gradient && share != 0) {
    result.gradient += share * result.parameter;
  }
  result.lr = lowering.inputs[slots + 2](0);
  const Func step = input_or_none(lowering, slots + 3);
  if (step.defined()) result.step = step(0);
  return result;
}

void define_update(Lowering& lowering, const std::vector<Var>& vars,
                   const std::vector<Expr>& values) {
  for (size_t k = 0; k < values.size(); ++k) {
    Func output("updated_" + lowering.node.op->outputs[k]);
    output(vars) = values[k];
    lowering.outputs.push_back(output);
  }
}

Expr lerp(const Expr& a, const Expr& b, double weight) {
  const auto share = static_cast<float>(weight);
  const auto rest = static_cast<float>(1 - weight);
  return weight < 0.5 ? a + share * (b - a) : b - rest * (b - a);
}

}  // namespace cnnc
