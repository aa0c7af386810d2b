// Operators that move elements: views, permutations, concatenation, slices, padding.
#include <algorithm>
#include <numeric>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/shapes.h"
#include "compiler/onnx/views.h"

namespace cnnc {

Operand reshaped(OnnxNode& node, const Operand& operand, const Shape& shape) {
  const Shape from = node.shape(operand);
  if (from == shape) return operand;
  if (operand.is_constant()) {
    return OnnxNode::derived(operand, "reshaped", operand.constant->reshaped(shape));
  }
  const Shape in_graph = shape.empty() ? Shape{1} : shape;
  Operand result = operand;
  if (shape.size() == 2 && from.size() >= 2 && shape[0] == from[0]) {
    result = node.emit("Flatten", {}, {operand});
  } else if (in_graph != node.shape_in_graph(operand)) {
    Attrs attrs;
    attrs.set("shape", in_graph);
    result = node.emit("View", std::move(attrs), {operand});
  }
  result.is_scalar = shape.empty();
  return result;
}

Operand permuted(OnnxNode& node, const Operand& operand, const std::vector<int64_t>& order) {
  std::vector<int64_t> same(order.size());
  std::iota(same.begin(), same.end(), 0);
  if (order == same) return operand;
  Attrs attrs;
  attrs.set("dims", order);
  return node.emit("Permute", std::move(attrs), {operand});
}

Operand sliced(OnnxNode& node, const Operand& operand, const std::vector<OnnxSlice>& slices) {
  const Shape shape = node.shape(operand);
  std::vector<int64_t> axes, starts, ends, steps;
  for (size_t d = 0; d < slices.size(); ++d) {
    const OnnxSlice& each = slices[d];
    if (each.begin == 0 && each.count == shape[d] && each.step == 1) continue;
    if (each.count == 0) refuse("leaves nothing of dimension " + std::to_string(d));
    const int64_t end = each.begin + (each.count - 1) * each.step + (each.step > 0 ? 1 : -1);
    axes.push_back(static_cast<int64_t>(d));
    starts.push_back(each.begin);
    // Before the first element.
    ends.push_back(end < 0 ? -shape[d] - 1 : end);
    steps.push_back(each.step);
  }
  if (axes.empty()) return operand;
  Attrs attrs;
  attrs.set("axes", axes);
  attrs.set("starts", starts);
  attrs.set("ends", ends);
  attrs.set("steps", steps);
  return node.emit("Slice", std::move(attrs), {operand});
}

Operand part_of(OnnxNode& node, const Operand& operand, int64_t axis, int64_t first,
                int64_t count) {
  std::vector<OnnxSlice> slices;
  for (int64_t extent : node.shape(operand)) slices.push_back({0, extent, 1});
  slices[axis] = {first, count, 1};
  return sliced(node, operand, slices);
}

Operand joined(OnnxNode& node, const std::vector<Operand>& parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  Attrs attrs;
  attrs.set("dim", axis);
  return node.emit("Concat", std::move(attrs), parts);
}

namespace {

void import_reshape(OnnxNode& node) {
  const Operand input = node.input(0);
  node.set_output(0, reshaped(node, input, reshape_target(node, node.shape(input))));
}

void import_flatten(OnnxNode& node) {
  const Operand input = node.input(0);
  node.set_output(0, reshaped(node, input, flatten_target(node, node.shape(input))));
}

void import_squeeze(OnnxNode& node) {
  const Operand input = node.input(0);
  node.set_output(0, reshaped(node, input, squeeze_target(node, node.shape(input))));
}

void import_unsqueeze(OnnxNode& node) {
  const Operand input = node.input(0);
  node.set_output(0, reshaped(node, input, unsqueeze_target(node, node.shape(input))));
}

void import_transpose(OnnxNode& node) {
  const Operand input = node.input(0);
  node.set_output(0, permuted(node, input, transpose_order(node, node.rank(input))));
}

void import_concat(OnnxNode& node) {
  std::vector<Operand> inputs;
  inputs.reserve(static_cast<size_t>(node.input_count()));
  for (int64_t i = 0; i < node.input_count(); ++i) inputs.push_back(node.input(i));
  if (inputs.empty()) refuse("has no inputs");
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", 1), node.rank(inputs[0]));
  node.set_output(0, joined(node, inputs, axis));
}

void import_slice(OnnxNode& node) {
  const Operand input = node.input(0);
  node.set_output(0, sliced(node, input, slices_of(node, node.shape(input))));
}

void import_split(OnnxNode& node) {
  const Operand input = node.input(0);
  int64_t axis = 0, first = 0;
  const std::vector<int64_t> lengths = split_lengths(node, node.shape(input), axis);
  for (size_t k = 0; k < lengths.size(); ++k) {
    const auto output = static_cast<int64_t>(k);
    if (node.has_output(output)) {
      node.set_output(output, part_of(node, input, axis, first, lengths[k]));
    }
    first += lengths[k];
  }
}

// Elements at known places.
void import_gather(OnnxNode& node) {
  const Operand input = node.input(0);
  const Shape from = node.shape(input);
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", 0), node.rank(input));
  const KnownTensorPtr indices = node.known_input(1);
  if (indices->count() == 0) refuse("gathers nothing");
  std::vector<int64_t> places;
  for (int64_t index : indices->as_integers()) {
    places.push_back(OnnxNode::axis_within(index, from[axis]));
  }
  Attrs attrs;
  attrs.set("dim", axis);
  attrs.set("index", places);
  const Operand chosen = node.emit("IndexSelect", std::move(attrs), {input});
  Shape shape(from.begin(), from.begin() + axis);
  shape.insert(shape.end(), indices->shape().begin(), indices->shape().end());
  shape.insert(shape.end(), from.begin() + axis + 1, from.end());
  node.set_output(0, reshaped(node, chosen, shape));
}

// Blocks of channels to blocks of pixels: [N, b, b, C, H, W] to [N, C, H, b, W, b], or with the
// channels before the blocks.
void import_depth_to_space(OnnxNode& node) {
  const Operand input = node.input(0);
  const Shape in = node.shape(input);
  const int64_t block = node.required_integer("blocksize");
  const std::string mode = node.text("mode", "DCR");
  if (in.size() != 4 || block < 1 || in[1] % (block * block) != 0) {
    refuse("its input " + to_string(in) + " has no blocks of " + std::to_string(block) +
           " by as many channels");
  }
  if (mode != "DCR" && mode != "CRD") refuse("its attribute mode is \"" + mode + "\"");
  const bool depth_first = mode == "CRD";
  const int64_t depth = in[1] / (block * block);
  const Shape split = depth_first ? Shape{in[0], depth, block, block, in[2], in[3]}
                                  : Shape{in[0], block, block, depth, in[2], in[3]};
  const Operand parts = reshaped(node, input, split);
  const Operand moved = permuted(node, parts,
                                 depth_first ? std::vector<int64_t>{0, 1, 4, 2, 5, 3}
                                             : std::vector<int64_t>{0, 3, 4, 1, 5, 2});
  node.set_output(0, reshaped(node, moved, {in[0], depth, in[2] * block, in[3] * block}));
}

void import_space_to_depth(OnnxNode& node) {
  const Operand input = node.input(0);
  const Shape in = node.shape(input);
  const int64_t block = node.required_integer("blocksize");
  if (in.size() != 4 || block < 1 || in[2] % block != 0 || in[3] % block != 0) {
    refuse("its input " + to_string(in) + " has no blocks of " + std::to_string(block) +
           " by as many pixels");
  }
  const Shape split = {in[0], in[1], in[2] / block, block, in[3] / block, block};
  const Operand moved = permuted(node, reshaped(node, input, split), {0, 3, 5, 1, 2, 4});
  node.set_output(
      0, reshaped(node, moved, {in[0], in[1] * block * block, in[2] / block, in[3] / block}));
}

}  // namespace

OnnxOperators movement_operators() {
  return {{"Concat", import_concat},
          {"DepthToSpace", import_depth_to_space},
          {"Flatten", import_flatten},
          {"Gather", import_gather},
          {"Reshape", import_reshape},
          {"Slice", import_slice},
          {"SpaceToDepth", import_space_to_depth},
          {"Split", import_split},
          {"Squeeze", import_squeeze},
          {"Transpose", import_transpose},
          {"Unsqueeze", import_unsqueeze}};
}

}  // namespace cnnc
