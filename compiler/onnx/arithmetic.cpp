// Sums, products and the like of two or more tensors.
#include <map>

#include "compiler/onnx/fold.h"
#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

const std::map<std::string, std::string>& binary_ops() {
  static const std::map<std::string, std::string> kOps = {
      {"Add", "Add"}, {"Div", "Div"}, {"Max", "Maximum"}, {"Min", "Minimum"},
      {"Mul", "Mul"}, {"Pow", "Pow"}, {"Sub", "Sub"},     {"Sum", "Add"}};
  return kOps;
}

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
    const Operand other = aligned_as_of_old(node, result, node.input(i));
    result = node.emit(op, {}, {result, other});
  }
  node.set_output(0, result);
}

}  // namespace

OnnxOperators arithmetic_operators() {
  OnnxOperators operators;
  for (const auto& [name, op] : binary_ops()) operators.push_back({name, import_binary});
  return operators;
}

}  // namespace cnnc
