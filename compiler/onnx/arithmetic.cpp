// Sums, products and the like of two or more tensors.
#include <map>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

const std::map<std::string, std::string>& binary_ops() {
  static const std::map<std::string, std::string> kOps = {
      {"Add", "Add"}, {"Div", "Div"}, {"Max", "Maximum"}, {"Mean", "Add"}, {"Min", "Minimum"},
      {"Mul", "Mul"}, {"Pow", "Pow"}, {"Sub", "Sub"},     {"Sum", "Add"}};
  return kOps;
}

bool commutes(const std::string& op) {
  return op == "Add" || op == "Mul" || op == "Maximum" || op == "Minimum";
}

// A constant of one element, which adds no dimensions to the other operand.
bool is_number(const OnnxNode& node, const Operand& operand, const Operand& beside) {
  return operand.is_constant() && operand.constant->count() == 1 && node.is_f32(operand) &&
         node.rank(operand) <= node.rank(beside);
}

double number_of(const Operand& operand) { return static_cast<double>(operand.constant->at(0)); }

// In opset 6, the second operand's first dimension lies at the attribute axis of the first's.
Operand aligned_as_of_old(OnnxNode& node, const Operand& a, const Operand& b) {
  if (node.opset() >= 7) return b;
  (void)node.integer("broadcast", 0);
  node.ignore("consumed_inputs");
  const int64_t of_a = node.rank(a), of_b = node.rank(b);
  int64_t axis = node.integer("axis", of_a - of_b);
  if (axis < 0) axis += of_a;
  Shape shape = node.shape(b);
  while (static_cast<int64_t>(shape.size()) + axis < of_a) shape.push_back(1);
  return reshaped(node, b, shape);
}

void import_binary(OnnxNode& node) {
  const std::string& op = binary_ops().at(node.type());
  Operand result = node.input(0);
  for (int64_t i = 1; i < node.input_count(); ++i) {
    result = combined(node, op, result, aligned_as_of_old(node, result, node.input(i)));
  }
  if (node.type() == "Mean" && node.input_count() > 1) {
    result = combined(node, "Mul", result, 1.0 / static_cast<double>(node.input_count()));
  }
  node.set_output(0, result);
}

}  // namespace

Operand combined(OnnxNode& node, const std::string& op, const Operand& a, double number) {
  const OpDef* record = find_op(op);
  if (record == nullptr) refuse("needs " + op + ", which cnnc does not have");
  Attrs attrs;
  attrs.set(record->attrs.empty() ? "other" : record->attrs[0].name, number);
  return node.emit(op, std::move(attrs), {a});
}

Operand combined(OnnxNode& node, const std::string& op, const Operand& a, const Operand& b) {
  if (a.is_constant() && b.is_constant()) return node.emit(op, {}, {a, b});
  if (is_number(node, b, a)) return combined(node, op, a, number_of(b));
  if (is_number(node, a, b)) {
    const double number = number_of(a);
    if (commutes(op)) return combined(node, op, b, number);
    if (op == "Sub") return combined(node, "Add", node.emit("Neg", {}, {b}), number);
    if (op == "Div") return combined(node, "Mul", node.emit("Reciprocal", {}, {b}), number);
  }
  return node.emit(op, {}, {a, b});
}

OnnxOperators arithmetic_operators() {
  OnnxOperators operators;
  for (const auto& [name, op] : binary_ops()) operators.push_back({name, import_binary});
  return operators;
}

}  // namespace cnnc
