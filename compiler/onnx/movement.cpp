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
  if (shape.size() == 2 && from.size() >= 2 && shape[0] == from[0]) {
    return node.emit("Flatten", {}, {operand});
  }
  Attrs attrs;
  attrs.set("shape", shape);
  return node.emit("Reshape", std::move(attrs), {operand});
}

Operand permuted(OnnxNode& node, const Operand& operand, const std::vector<int64_t>& order) {
  std::vector<int64_t> same(order.size());
  std::iota(same.begin(), same.end(), 0);
  if (order == same) return operand;
  Attrs attrs;
  attrs.set("dims", order);
  return node.emit("Permute", std::move(attrs), {operand});
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
  for (int64_t i = 0; i < node.input_count(); ++i) inputs.push_back(node.input(i));
  if (inputs.empty()) refuse("has no inputs");
  Attrs attrs;
  attrs.set("dim", OnnxNode::axis_within(node.integer("axis", 1), node.rank(inputs[0])));
  if (inputs.size() == 1) return node.set_output(0, inputs[0]);
  node.set_output(0, node.emit("Concat", std::move(attrs), inputs));
}

}  // namespace

OnnxOperators movement_operators() {
  return {{"Concat", import_concat},   {"Flatten", import_flatten}, {"Reshape", import_reshape},
          {"Squeeze", import_squeeze}, {"Transpose", import_transpose},
          {"Unsqueeze", import_unsqueeze}};
}

OnnxOperators shape_operators() { return {}; }

}  // namespace cnnc
