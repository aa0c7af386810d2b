// Graph nodes that several operators make.
#pragma once
#include "compiler/onnx/node.h"
#include "compiler/onnx/shapes.h"

namespace cnnc {

// The same elements in the same order, in another shape of as many.
[[nodiscard]] Operand reshaped(OnnxNode& node, const Operand& operand, const Shape& shape);
// Output dimension d is dimension order[d].
[[nodiscard]] Operand permuted(OnnxNode& node, const Operand& operand,
                               const std::vector<int64_t>& order);
// One slice for each dimension.
[[nodiscard]] Operand sliced(OnnxNode& node, const Operand& operand,
                             const std::vector<OnnxSlice>& slices);
// The elements [first, first + count) of a dimension.
[[nodiscard]] Operand part_of(OnnxNode& node, const Operand& operand, int64_t axis, int64_t first,
                              int64_t count);
[[nodiscard]] Operand joined(OnnxNode& node, const std::vector<Operand>& parts, int64_t axis);

// Add, Sub, Mul, Div, Maximum, Minimum or Pow of two operands, which are broadcast.
[[nodiscard]] Operand combined(OnnxNode& node, const std::string& op, const Operand& a,
                               const Operand& b);
// The same with a number as the second operand.
[[nodiscard]] Operand combined(OnnxNode& node, const std::string& op, const Operand& a,
                               double number);

// The op along the reduction's dimensions.
[[nodiscard]] Operand reduced(OnnxNode& node, const std::string& op, const Operand& operand,
                              const OnnxReduction& reduction);

}  // namespace cnnc
