// Functions of single elements, Softmax and its kin, Dropout.
#include <map>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

// Those with one input and no attributes, and the op of each.
const std::map<std::string, std::string>& plain_ops() {
  static const std::map<std::string, std::string> kOps = {
      {"Abs", "Abs"},         {"Exp", "Exp"},   {"HardSwish", "Hardswish"}, {"Log", "Log"},
      {"Mish", "Mish"},       {"Neg", "Neg"},   {"Relu", "ReLU"},           {"Sigmoid", "Sigmoid"},
      {"Softplus", "Softplus"}, {"Softsign", "Softsign"}, {"Sqrt", "Sqrt"}, {"Tanh", "Tanh"}};
  return kOps;
}

void import_plain(OnnxNode& node) {
  node.ignore("consumed_inputs");
  node.set_output(0, node.emit(plain_ops().at(node.type()), {}, {node.input(0)}));
}

// Up to opset 12 over all dimensions from the axis on, as if they were one.
void import_softmax(OnnxNode& node) {
  const std::string op = node.type() == "LogSoftmax" ? "LogSoftmax" : "Softmax";
  const Operand input = node.input(0);
  const Shape shape = node.shape(input);
  const auto rank = static_cast<int64_t>(shape.size());
  const bool is_old = node.opset() < 13;
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", is_old ? 1 : -1), rank);
  Attrs attrs;
  const bool joins = is_old && axis != rank - 1;
  if (!joins) {
    attrs.set("dim", axis);
    return node.set_output(0, node.emit(op, std::move(attrs), {input}));
  }
  const Shape rows = {element_count({shape.begin(), shape.begin() + axis}),
                      element_count({shape.begin() + axis, shape.end()})};
  attrs.set("dim", int64_t{1});
  const Operand result = node.emit(op, std::move(attrs), {reshaped(node, input, rows)});
  node.set_output(0, reshaped(node, result, shape));
}

// In inference the identity; the graph keeps it for training.
void import_dropout(OnnxNode& node) {
  node.ignore("seed");
  node.ignore("is_test");
  double ratio = node.real("ratio", 0.5);
  if (node.has_input(1)) ratio = static_cast<double>(node.known_scalar(1));
  if (node.has_input(2) && node.known_scalar(2) != 0 && ratio != 0) {
    refuse("drops elements at random in inference (training_mode)");
  }
  const Operand input = node.input(0);
  if (node.has_output(1)) {
    Constant mask(node.opset() < 10 ? ElementType::f32 : ElementType::boolean, node.shape(input));
    for (int64_t i = 0; i < mask.count(); ++i) mask.set(i, 1);
    node.set_output(1, std::move(mask));
  }
  if (input.is_constant()) return node.set_output(0, input);
  Attrs attrs;
  attrs.set("p", ratio);
  node.set_output(0, node.emit("Dropout", std::move(attrs), {input}));
}

}  // namespace

OnnxOperators activation_operators() {
  OnnxOperators operators = {{"Dropout", import_dropout},
                             {"LogSoftmax", import_softmax},
                             {"Softmax", import_softmax}};
  for (const auto& [name, op] : plain_ops()) operators.push_back({name, import_plain});
  return operators;
}

}  // namespace cnnc
