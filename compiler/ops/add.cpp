// Add. Tested by tests/ops/add_test.cpp.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kImageForm, kRowForm});
  if (problems.empty())
    problems = expect_input(args, 1, "other", DType::f32, {kImageForm, kRowForm});
  if (!problems.empty()) return problems;
  if (args.inputs[0] != args.inputs[1]) {
    return error("adds tensors of one shape, but the inputs are " +
                 to_string(args.inputs[0].shape) + " and " + to_string(args.inputs[1].shape));
  }
  return outputs_of({args.inputs[0]});
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  Func output("add");
  output(vars) = at(lowering.inputs[0], as_exprs(vars)) + at(lowering.inputs[1], as_exprs(vars));
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  return {is_wanted(args, 0) ? args.output_gradients[0] : kNoValue,
          is_wanted(args, 1) ? args.output_gradients[0] : kNoValue};
}

void reference(ReferenceArgs& args) {
  const std::vector<double>& a = args.inputs[0]->data;
  const std::vector<double>& b = args.inputs[1]->data;
  for (size_t i = 0; i < a.size(); ++i) args.outputs[0].data[i] = a[i] + b[i];
}

OpDef make_add() noexcept {
  OpDef op;
  op.name = "Add";
  op.role = OpRole::layer;
  op.doc = "Sum of two tensors of the same shape, such as a residual connection";
  op.inputs = {input("input"), input("other")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef add = make_add();

}  // namespace cnnc
