// ChannelSum: the gradient of a bias. Tested by tests/ops/channel_sum_test.cpp.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  const Diagnostics problems =
      expect_input(args, 0, "gradient", DType::f32, {kImageForm, kRowForm});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {args.inputs[0].shape[1]}}});
}

// "part" sums the images of one lane: over the batch innermost, then the columns, then the rows.
void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const int64_t lanes = lowering.lanes;
  CNNC_CHECK(in[0] % lanes == 0, "lanes do not divide the batch");
  const Func upstream = lowering.inputs[0];
  const Var c("c"), l("l");
  Halide::Region bounds = {{0, constant(in[0] / lanes)}};
  if (in.size() == 4) {
    bounds.emplace_back(0, constant(in[3]));
    bounds.emplace_back(0, constant(in[2]));
  }
  RDom r(bounds, "r"), rl(0, constant(lanes), "rl");
  const Expr image = l + constant(lanes) * r[0];
  Func part("part"), accumulator("accumulator"), output("channel_sum");
  part(l, c) = 0.f;
  if (in.size() == 4) {
    part(l, c) += upstream(r[1], r[2], c, image);
  } else {
    part(l, c) += upstream(c, image);
  }
  accumulator(c) = 0.f;
  accumulator(c) += part(rl, c);
  output(c) = accumulator(c);
  lowering.stages["part"] = part;
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

void reference(ReferenceArgs& args) {
  const Fibres channels = fibres(args.inputs[0]->shape, 1);
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) {
    args.outputs[0].data[i / channels.after % channels.extent] += in[i];
  }
}

OpDef make_channel_sum() noexcept {
  OpDef op;
  op.name = "ChannelSum";
  op.doc = "Sum over everything but the channel";
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.traits = kChannelSum;
  op.schedule = "channel_sum";
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef channel_sum = make_channel_sum();

}  // namespace cnnc
