// ChannelScale: scale[c] * x + shift[c]. Tested by tests/ops/channel_scale_test.cpp.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty() && args.inputs[0].rank() < 2) {
    problems = {error("the input must have channels, but is " + to_string(args.inputs[0].shape))};
  }
  if (!problems.empty()) return problems;
  const Type of_channels = {DType::f32, {args.inputs[0].shape[1]}};
  problems = expect_type(args, 1, "scale", of_channels);
  if (problems.empty()) problems = expect_type(args, 2, "shift", of_channels);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Expr c = vars[vars.size() - 2];
  Func output("channel_scale");
  output(vars) =
      at(lowering.inputs[0], as_exprs(vars)) * lowering.inputs[1](c) + lowering.inputs[2](c);
  lowering.outputs = {output};
}

void reference(ReferenceArgs& args) {
  const Fibres channels = fibres(args.inputs[0]->shape, 1);
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t c = i / channels.after % channels.extent;
    args.outputs[0].data[i] = in[i] * args.inputs[1]->data[c] + args.inputs[2]->data[c];
  }
}

OpDef make_channel_scale() noexcept {
  OpDef op;
  op.name = "ChannelScale";
  op.doc = "scale * x + shift, per channel";
  op.inputs = {input("input"), input("scale"), input("shift")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef channel_scale = make_channel_scale();

}  // namespace cnnc
