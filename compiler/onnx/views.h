// Graph nodes that several operators make.
#pragma once
#include "compiler/onnx/node.h"

namespace cnnc {

// The same elements in the same order, in another shape of as many.
[[nodiscard]] Operand reshaped(OnnxNode& node, const Operand& operand, const Shape& shape);
// Output dimension d is dimension order[d].
[[nodiscard]] Operand permuted(OnnxNode& node, const Operand& operand,
                               const std::vector<int64_t>& order);

}  // namespace cnnc
