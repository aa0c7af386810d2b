// SGD: one update of a parameter. Tested by tests/ops/sgd_test.cpp.
//
// PyTorch's rule, with v the momentum buffer, which starts at zero:
//   d = gradient + weight_decay * parameter
//   v = momentum * v + (1 - dampening) * d       (on the first step v = d)
//   parameter -= lr * (d + momentum * v if nesterov, else v; d where momentum is 0)
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

enum Input : size_t { kParameter, kMomentumBuffer, kGradient, kLr, kStep };

// Without inputs only the attributes are checked, and there are no outputs.
Result<std::vector<Type>> infer(InferArgs& args) {
  const double momentum = args.attrs.real("momentum");
  const double dampening = args.attrs.real("dampening");
  if (args.attrs.boolean("nesterov") && (momentum <= 0 || dampening != 0)) {
    return error("nesterov needs momentum above 0 and dampening 0, but momentum is " +
                 to_string(AttrValue(momentum)) + " and dampening is " +
                 to_string(AttrValue(dampening)));
  }
  if (args.inputs.empty()) return std::vector<Type>{};
  if (!is_given(args, kParameter)) return error("needs a parameter");
  const Type& type = args.inputs[kParameter];
  if (type.dtype != DType::f32) {
    return error("the parameter must be f32, but is " + to_string(type));
  }
  Diagnostics problems = expect_type(args, kGradient, "gradient", type);
  if (problems.empty()) problems = expect_type(args, kLr, "lr", {DType::f32, {1}});
  if (problems.empty() && momentum != 0) {
    problems = expect_type(args, kMomentumBuffer, "momentum_buffer", type);
  } else if (problems.empty() && is_given(args, kMomentumBuffer)) {
    problems.push_back(error("momentum_buffer is given, but momentum is 0"));
  }
  if (problems.empty() && (is_given(args, kStep) || (momentum != 0 && dampening != 0))) {
    problems = expect_type(args, kStep, "step", {DType::i32, {1}});
  }
  if (!problems.empty()) return problems;
  if (momentum == 0) return outputs_of({type});
  return outputs_of({type, type});
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> place = as_exprs(vars);
  const Attrs& attrs = lowering.attrs();
  const float momentum = static_cast<float>(attrs.real("momentum"));
  const float undamped = static_cast<float>(1 - attrs.real("dampening"));
  const float decay = static_cast<float>(attrs.real("weight_decay"));
  const Expr parameter = at(lowering.inputs[kParameter], place);
  Expr change = at(lowering.inputs[kGradient], place);
  if (decay != 0) change += decay * parameter;
  Func updated("sgd_parameter");
  lowering.outputs = {updated};
  if (momentum != 0) {
    Expr buffer = momentum * at(lowering.inputs[kMomentumBuffer], place) + undamped * change;
    if (undamped != 1) {
      buffer = Halide::select(lowering.inputs[kStep](0) == 0, change, buffer);
    }
    Func velocity("sgd_momentum_buffer");
    velocity(vars) = buffer;
    lowering.outputs.push_back(velocity);
    change = attrs.boolean("nesterov") ? change + momentum * buffer : buffer;
  }
  updated(vars) = parameter - lowering.inputs[kLr](0) * change;
}

void reference(ReferenceArgs& args) {
  const double momentum = args.attrs.real("momentum");
  const double dampening = args.attrs.real("dampening");
  const double lr = args.inputs[kLr]->data[0];
  const bool is_first =
      dampening != 0 && args.inputs.size() > kStep && args.inputs[kStep]->data[0] == 0;
  const std::vector<double>& parameter = args.inputs[kParameter]->data;
  for (size_t i = 0; i < parameter.size(); ++i) {
    const double d =
        args.inputs[kGradient]->data[i] + args.attrs.real("weight_decay") * parameter[i];
    double change = d;
    if (momentum != 0) {
      const double damped = momentum * args.inputs[kMomentumBuffer]->data[i] + (1 - dampening) * d;
      const double v = is_first ? d : damped;
      args.outputs[kMomentumBuffer].data[i] = v;
      change = args.attrs.boolean("nesterov") ? d + momentum * v : v;
    }
    args.outputs[kParameter].data[i] = parameter[i] - lr * change;
  }
}

OpDef make_sgd() noexcept {
  OpDef op;
  op.name = "SGD";
  op.role = OpRole::optimizer;
  op.doc = "Stochastic gradient descent, with momentum if wanted";
  op.attrs = {
      attribute("lr", AttrKind::real, 0.001, kNotNegative, "learning rate"),
      attribute("momentum", AttrKind::real, 0.0, kNotNegative,
                "share of the last update that stays"),
      attribute("dampening", AttrKind::real, 0.0, {}, "share of the gradient that is left out"),
      attribute("weight_decay", AttrKind::real, 0.0, kNotNegative,
                "share of the parameter that is added to its gradient"),
      flag("nesterov", false, "looks one update ahead"),
  };
  op.inputs = {input("parameter"), optional_input("momentum_buffer"), input("gradient"),
               input("lr"), optional_input("step")};
  op.outputs = {"parameter", "momentum_buffer"};
  op.traits = kElementwise | kInPlace;
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef sgd = make_sgd();

}  // namespace cnnc
