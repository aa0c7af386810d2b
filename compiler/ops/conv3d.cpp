// Conv3d and ConvTranspose3d: those of images whose channels are windows of slices. Tested by
// tests/ops/conv3d_test.cpp.
#include "compiler/ops/convolution.h"
#include "compiler/ops/expansion.h"

namespace cnnc {
namespace {

// [N, C, D, H, W] as [N, C * D, H, W].
Shape with_joined_depth(const Shape& shape) {
  return {shape[0], shape[1] * shape[2], shape[3], shape[4]};
}

Attrs depth_attrs(const WindowAxis& axis) {
  Attrs attrs;
  attrs.set("kernel", axis.kernel);
  attrs.set("stride", axis.stride);
  attrs.set("dilation", axis.dilation);
  attrs.set("padding", axis.before);
  attrs.set("depth", axis.in);
  attrs.set("windows", axis.out);
  return attrs;
}

// Slices by themselves.
Attrs depth_attrs(int64_t depth) {
  WindowAxis axis;
  axis.in = axis.out = depth;
  return depth_attrs(axis);
}

std::vector<ValueId> expand_conv3d(Graph& graph, const Node& node) {
  const Shape in = graph.type(node.inputs[0]).shape;
  const WindowAxis depth = conv_axes(node.attrs, extents_of(in))[0];
  const ValueId windows =
      graph.add("DepthWindows", node.name + ".windows", depth_attrs(depth), {node.inputs[0]})[0];
  const ValueId weight =
      view_of(graph, node.inputs[1], with_joined_depth(graph.type(node.inputs[1]).shape),
              node.name + ".weight.view");
  Attrs attrs = without_depth(node.attrs);
  attrs.set("in_channels", in[1] * depth.kernel);
  const ValueId images =
      graph.add("Conv2d", node.name, attrs, {windows, weight, node.inputs[2]})[0];
  return graph.add("FoldDepth", node.name + ".volume", depth_attrs(depth.out), {images, kNoValue});
}

std::vector<ValueId> expand_conv_transpose3d(Graph& graph, const Node& node) {
  const Shape in = graph.type(node.inputs[0]).shape;
  const WindowAxis depth = transposed_axes(node.attrs, extents_of(in))[0];
  const ValueId slices =
      graph.add("DepthWindows", node.name + ".slices", depth_attrs(in[2]), {node.inputs[0]})[0];
  const ValueId weight =
      view_of(graph, node.inputs[1], with_joined_depth(graph.type(node.inputs[1]).shape),
              node.name + ".weight.view");
  Attrs attrs = without_depth(node.attrs);
  attrs.set("out_channels", node.attrs.integer("out_channels") * depth.kernel);
  attrs.set("bias", false);
  const ValueId images =
      graph.add("ConvTranspose2d", node.name, attrs, {slices, weight, kNoValue})[0];
  return graph.add("FoldDepth", node.name + ".volume", depth_attrs(depth),
                   {images, node.inputs[2]});
}

OpDef make_conv3d() noexcept {
  OpDef op = conv_record(3, "Conv3d", "3-D convolution (cross-correlation) of [N, C, D, H, W]");
  op.expand = expand_conv3d;
  return op;
}

OpDef make_conv_transpose3d() noexcept {
  OpDef op = conv_transpose_record(
      3, "ConvTranspose3d",
      "Transposed 3-D convolution of [N, C, D, H, W], such as for upsampling");
  op.expand = expand_conv_transpose3d;
  return op;
}

}  // namespace

extern const OpDef conv3d = make_conv3d();
extern const OpDef conv_transpose3d = make_conv_transpose3d();

}  // namespace cnnc
