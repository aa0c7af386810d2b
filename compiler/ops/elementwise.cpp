// Tested by the tests of the layers.
#include "compiler/ops/elementwise.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer_unary(InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_unary(Lowering& lowering, ExprOfOne value) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  Func output("unary");
  output(vars) = value(lowering.attrs(), at(lowering.inputs[0], as_exprs(vars)));
  lowering.outputs = {output};
}

void reference_unary(ReferenceArgs& args, DoubleOfOne value) {
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) args.outputs[0].data[i] = value(args.attrs, in[i]);
}

std::vector<ValueId> unary_gradient(GradientArgs& args, bool from_output) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  const ValueId at = from_output ? node.outputs[0] : node.inputs[0];
  result[0] = args.graph.add(node.op->name + "Grad", node.name + ".grad_input", node.attrs,
                             {upstream, at})[0];
  return result;
}

Result<std::vector<Type>> infer_unary_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = expect_type(args, 1, "second input", args.inputs[0]);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_unary_grad(Lowering& lowering, ExprOfTwo gradient) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> place = as_exprs(vars);
  Func output("unary_grad");
  output(vars) =
      gradient(lowering.attrs(), at(lowering.inputs[0], place), at(lowering.inputs[1], place));
  lowering.outputs = {output};
}

void reference_unary_grad(ReferenceArgs& args, DoubleOfTwo gradient) {
  const std::vector<double>& upstream = args.inputs[0]->data;
  const std::vector<double>& second = args.inputs[1]->data;
  for (size_t i = 0; i < upstream.size(); ++i) {
    args.outputs[0].data[i] = gradient(args.attrs, upstream[i], second[i]);
  }
}

OpDef unary_op(std::string name, std::string doc, std::vector<AttrSpec> attrs, uint32_t traits) {
  OpDef op;
  op.name = std::move(name);
  op.role = OpRole::layer;
  op.doc = std::move(doc);
  op.attrs = std::move(attrs);
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kElementwise | traits;
  op.infer = infer_unary;
  return op;
}

OpDef unary_grad_op(const std::string& name, std::vector<AttrSpec> attrs, bool from_output) {
  const std::string source = from_output ? "output" : "input";
  OpDef op = unary_op(name + "Grad",
                      "Gradient of " + name + " with respect to its input, from its " + source,
                      std::move(attrs), 0);
  op.role = OpRole::internal;
  op.inputs = {input("gradient"), input(source)};
  op.infer = infer_unary_grad;
  return op;
}

}  // namespace cnnc
