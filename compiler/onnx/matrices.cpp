// Gemm and MatMul.
#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

KnownTensor transposed(const KnownTensor& matrix) {
  const int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
  KnownTensor result(matrix.type(), {columns, rows});
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k < columns; ++k) result.set(k * rows + i, matrix.at(i * columns + k));
  }
  return result;
}

KnownTensor scaled(const KnownTensor& from, double factor) {
  KnownTensor result = from;
  for (int64_t i = 0; i < result.count(); ++i) result.set(i, from.at(i) * factor);
  return result;
}

// One number for each output feature, from what is broadcast to [N, features]; else absent.
Operand bias_of(const Operand& operand, int64_t features) {
  if (!operand.is_constant()) return {};
  const KnownTensor& from = *operand.constant;
  const int64_t last = from.rank() == 0 ? 1 : from.shape().back();
  if (from.count() != last || (last != 1 && last != features)) return {};
  if (from.shape() == Shape{features}) return operand;
  KnownTensor bias(from.type(), {features});
  for (int64_t i = 0; i < features; ++i) bias.set(i, from.at(last == 1 ? 0 : i));
  return OnnxNode::derived(operand, "bias", std::move(bias));
}

// alpha * A' * B' + beta * C, with a known B.
void import_gemm(OnnxNode& node) {
  const Operand a = node.input(0);
  const double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  (void)node.integer("broadcast", 0);
  const bool transposes_a = node.integer("transA", 0) != 0;
  const bool transposes_b = node.integer("transB", 0) != 0;
  Operand weight = node.input(1);
  const KnownTensorPtr b = node.known_input(1);
  if (b->rank() != 2 || node.rank(a) != 2) refuse("multiplies what are no matrices");
  if (!transposes_b) weight = OnnxNode::derived(weight, "transposed", transposed(*b));
  if (alpha != 1) weight = OnnxNode::derived(weight, "scaled", scaled(*weight.constant, alpha));
  const int64_t features = weight.constant->shape()[0];
  OnnxNode::Parameters parameters = {{"weight", weight}};
  const Operand c = node.input_or_none(2);
  Operand bias = c.is_absent() ? c : bias_of(c, features);
  if (!bias.is_absent()) {
    if (beta != 1) bias = OnnxNode::derived(bias, "scaled", scaled(*bias.constant, beta));
    parameters.emplace_back("bias", bias);
  }
  Attrs attrs;
  attrs.set("out_features", features);
  attrs.set("bias", !bias.is_absent());
  const Operand input = transposes_a ? permuted(node, a, {1, 0}) : a;
  Operand result = node.emit("Linear", std::move(attrs), {input}, parameters);
  if (!c.is_absent() && bias.is_absent()) {
    result = combined(node, "Add", result, beta == 1 ? c : combined(node, "Mul", c, beta));
  }
  node.set_output(0, result);
}

void import_matmul(OnnxNode& node) {
  const Operand a = node.input(0), b = node.input(1);
  if (!a.is_constant() && b.is_constant() && node.rank(a) == 2 && node.rank(b) == 2) {
    const Operand weight = OnnxNode::derived(b, "transposed", transposed(*b.constant));
    Attrs attrs;
    attrs.set("out_features", weight.constant->shape()[0]);
    attrs.set("bias", false);
    return node.set_output(0, node.emit("Linear", std::move(attrs), {a}, {{"weight", weight}}));
  }
  node.set_output(0, node.emit("MatMul", {}, {a, b}));
}

}  // namespace

OnnxOperators matrix_operators() { return {{"Gemm", import_gemm}, {"MatMul", import_matmul}}; }

}  // namespace cnnc
