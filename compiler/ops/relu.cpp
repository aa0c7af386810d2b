// ReLU and its gradient. Tested by tests/ops/relu_test.cpp.
//
// As in PyTorch, max(x, 0) with NaN for NaN, and the gradient is 0 where the output is 0, so that
// it flows where the output is NaN. The comparisons are strict, since Halide's default arithmetic
// assumes that there are no NaNs.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Expr value = at(lowering.inputs[0], as_exprs(vars));
  Func output("relu");
  output(vars) = Halide::strict_float(Halide::select(0.f > value, 0.f, value));
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const ValueId output = args.node.outputs[0];
  result[0] = args.graph.add("ReLUGrad", args.node.name + ".grad_input", {}, {upstream, output})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) args.outputs[0].data[i] = 0 > in[i] ? 0 : in[i];
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = expect_type(args, 1, "output", args.inputs[0]);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_grad(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Expr upstream = at(lowering.inputs[0], as_exprs(vars));
  const Expr result = at(lowering.inputs[1], as_exprs(vars));
  Func output("relu_grad");
  output(vars) = Halide::select(Halide::strict_float(result != 0.f), upstream, 0.f);
  lowering.outputs = {output};
}

void reference_grad(ReferenceArgs& args) {
  const std::vector<double>& upstream = args.inputs[0]->data;
  const std::vector<double>& result = args.inputs[1]->data;
  for (size_t i = 0; i < upstream.size(); ++i) {
    args.outputs[0].data[i] = result[i] != 0 ? upstream[i] : 0;
  }
}

OpDef make_relu() noexcept {
  OpDef op;
  op.name = "ReLU";
  op.role = OpRole::layer;
  op.doc = "max(x, 0)";
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kElementwise | kMonotone;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_relu_grad() noexcept {
  OpDef op;
  op.name = "ReLUGrad";
  op.doc = "Gradient of ReLU with respect to its input, from its output";
  op.inputs = {input("gradient"), input("output")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef relu = make_relu();
extern const OpDef relu_grad = make_relu_grad();

}  // namespace cnnc
