// ChannelsFirst: [N, H, W, C] to [N, C, H, W]. Tested by tests/ops/channels_first_test.cpp.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

Result<std::vector<Type>> infer(InferArgs& args) {
  if (!is_given(args, 0)) return error("needs an input");
  const Diagnostics problems =
      expect_input(args, 0, "input", args.inputs[0].dtype, {"[N, H, W, C]"});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  return outputs_of({{args.inputs[0].dtype, {in[0], in[3], in[1], in[2]}}});
}

void lower(Lowering& lowering) {
  const std::vector<Halide::Var> v = variables(4);
  Halide::Func output("channels_first");
  output(v) = at(lowering.inputs[0], {v[2], v[0], v[1], v[3]});
  lowering.outputs = {output};
}

void reference(ReferenceArgs& args) {
  const Shape& in = args.inputs[0]->shape;
  ReferenceTensor& out = args.outputs[0];
  int64_t at = 0;
  for (int64_t n = 0; n < in[0]; ++n) {
    for (int64_t y = 0; y < in[1]; ++y) {
      for (int64_t x = 0; x < in[2]; ++x) {
        for (int64_t c = 0; c < in[3]; ++c) {
          out.data[index_of(out.shape, n, c, y, x)] = args.inputs[0]->data[at++];
        }
      }
    }
  }
}

OpDef make_channels_first() noexcept {
  OpDef op;
  op.name = "ChannelsFirst";
  op.doc = "[N, H, W, C] to [N, C, H, W]";
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef channels_first = make_channels_first();

}  // namespace cnnc
