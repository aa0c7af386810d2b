// MaxPool3d, AvgPool3d and the adaptive ones: slices are pooled as images, then what is left along
// the depth. Tested by tests/ops/pool3d_test.cpp.
//
// That gives the maxima of volumes, with gradients for those that come first in row-major order, as
// the ones of images are chosen in that order, too; and their means, since the number of elements
// that count is a product over the axes.
#include "compiler/ops/expansion.h"
#include "compiler/ops/pool_axes.h"

namespace cnnc {
namespace {

// Pools [N, C, D, H, W] with the layer `op` of images; `slice` and `depth` are its attributes.
std::vector<ValueId> pool_twice(Graph& graph, const Node& node, const std::string& op,
                                const Attrs& slice, const Attrs& depth) {
  const Shape in = graph.type(node.inputs[0]).shape;
  const Shape out = graph.type(node.outputs[0]).shape;
  const ValueId slices =
      view_of(graph, node.inputs[0], {in[0], in[1] * in[2], in[3], in[4]}, node.name + ".slices");
  const ValueId pooled = graph.add(op, node.name + ".slice", slice, {slices})[0];
  const ValueId columns =
      view_of(graph, pooled, {in[0], in[1], in[2], out[3] * out[4]}, node.name + ".columns");
  const ValueId result = graph.add(op, node.name, depth, {columns})[0];
  return {view_of(graph, result, out, node.name + ".volume")};
}

// The attributes of windows along the depth, one column wide.
Attrs along_depth(const Attrs& attrs) {
  Attrs result = attrs;
  for (const char* name : {"kernel_size", "stride", "dilation"}) {
    result.set(name, std::vector<int64_t>{attrs.integers(name)[0], 1});
  }
  const std::vector<int64_t>& padding = attrs.integers("padding");
  result.set("padding", std::vector<int64_t>{padding[0], 0, padding[3], 0});
  return result;
}

std::vector<ValueId> expand_max(Graph& graph, const Node& node) {
  return pool_twice(graph, node, "MaxPool2d", without_depth(node.attrs), along_depth(node.attrs));
}

std::vector<ValueId> expand_avg(Graph& graph, const Node& node) {
  Attrs depth = along_depth(node.attrs);
  if (depth.has("divisor_override")) depth.set("divisor_override", int64_t{1});
  return pool_twice(graph, node, "AvgPool2d", without_depth(node.attrs), depth);
}

std::vector<ValueId> expand_adaptive(Graph& graph, const Node& node, const std::string& op) {
  const Shape& size = node.attrs.integers("output_size");
  Attrs slice, depth;
  slice.set("output_size", Shape{size[1], size[2]});
  depth.set("output_size", Shape{size[0], size[1] * size[2]});
  return pool_twice(graph, node, op, slice, depth);
}

OpDef make_max_pool3d() noexcept {
  OpDef op = pool_record("MaxPool3d", "Maximum over windows of [N, C, D, H, W]", max_pool_attrs(3));
  op.expand = expand_max;
  op.reference = reference_max_pool;
  return op;
}

OpDef make_avg_pool3d() noexcept {
  OpDef op = pool_record("AvgPool3d", "Mean of windows of [N, C, D, H, W]", avg_pool_attrs(3));
  op.expand = expand_avg;
  op.reference = reference_avg_pool;
  return op;
}

OpDef make_adaptive_max_pool3d() noexcept {
  OpDef op = pool_record("AdaptiveMaxPool3d",
                         "Maximum over as many windows of [N, C, D, H, W] as output_size says; "
                         "1: global",
                         adaptive_attrs(3));
  op.infer = infer_adaptive;
  op.expand = [](Graph& graph, const Node& node) {
    return expand_adaptive(graph, node, "AdaptiveMaxPool2d");
  };
  op.reference = reference_adaptive_max_pool;
  return op;
}

OpDef make_adaptive_avg_pool3d() noexcept {
  OpDef op =
      pool_record("AdaptiveAvgPool3d",
                  "Mean of as many windows of [N, C, D, H, W] as output_size says; 1: global",
                  adaptive_attrs(3));
  op.infer = infer_adaptive;
  op.expand = [](Graph& graph, const Node& node) {
    return expand_adaptive(graph, node, "AdaptiveAvgPool2d");
  };
  op.reference = reference_adaptive_avg_pool;
  return op;
}

}  // namespace

extern const OpDef adaptive_avg_pool3d = make_adaptive_avg_pool3d();
extern const OpDef adaptive_max_pool3d = make_adaptive_max_pool3d();
extern const OpDef avg_pool3d = make_avg_pool3d();
extern const OpDef max_pool3d = make_max_pool3d();

}  // namespace cnnc
