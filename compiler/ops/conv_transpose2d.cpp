// ConvTranspose2d. Tested by tests/ops/conv_transpose2d_test.cpp.
//
// It computes the input of a Conv2d of the same attributes from its output, and so do its gradients
// the other way round: that of the input is that Conv2d, that of the weight, in which input and
// output gradient change places, that Conv2d's. output_padding takes as much away from the padding
// at the end of that Conv2d, which then has as many outputs as there are inputs here.
#include "compiler/ops/conv2d.h"
#include "compiler/ops/exprs.h"

namespace cnnc {
namespace {

int64_t flops(const Attrs&, const std::vector<Type>& inputs, const std::vector<Type>&) {
  const Shape& weight = inputs[1].shape;
  return 2 * element_count(inputs[0].shape) * weight[1] * weight[2] * weight[3];
}

void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const Axes axes = transposed_axes(lowering.attrs(), extents_of(in));
  lower_transposed(lowering, {axes[0], axes[1]}, input_or_none(lowering, 2));
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const std::vector<bool> wanted = {is_wanted(args, 0), is_wanted(args, 1), is_wanted(args, 2)};
  const Node node = args.node;  // nodes move as others are added
  Graph& graph = args.graph;
  const Attrs window = conv_attrs_of_transposed(node.attrs);
  if (wanted[0]) {
    Attrs attrs = window;
    attrs.set("out_channels", graph.type(node.inputs[0]).shape[1]);
    attrs.set("bias", false);
    result[0] = graph.add("Conv2d", node.name + ".grad_input", attrs,
                          {upstream, node.inputs[1], kNoValue})[0];
  }
  if (wanted[1]) {
    result[1] = graph.add("Conv2dWeightGrad", node.name + ".grad_weight", window,
                          {node.inputs[0], upstream})[0];
  }
  if (wanted[2]) {
    result[2] = graph.add("ChannelSum", node.name + ".grad_bias", {}, {upstream})[0];
  }
  return result;
}

// Of the weight [Cin, Cout / groups, ...].
int64_t output_channel(const Attrs& attrs, const Shape& weight, const Shape&, int64_t i,
                       int64_t j) {
  return i / (weight[0] / attrs.integer("groups")) * weight[1] + j;
}

OpDef make_conv_transpose2d() noexcept {
  OpDef op = conv_transpose_record(
      2, "ConvTranspose2d", "Transposed 2-D convolution of [N, C, H, W], such as for upsampling");
  op.traits = kAnchor;
  op.schedule = "conv";
  op.lower = lower;
  op.gradient = gradient;
  op.output_channel = output_channel;
  op.flops = flops;
  return op;
}

}  // namespace

extern const OpDef conv_transpose2d = make_conv_transpose2d();

}  // namespace cnnc
