// The table of ONNX's operators: which function imports each. A file for each family.
#pragma once
#include <string>
#include <vector>

#include "compiler/onnx/node.h"

namespace cnnc {

struct OnnxOperator {
  std::string name;  // behind that of its domain, where it is not ONNX's own
  void (*import)(OnnxNode&);
};

// Sorted by name.
[[nodiscard]] const std::vector<OnnxOperator>& onnx_operators();
// Null: there is none of that name in that domain ("" is ONNX's own).
[[nodiscard]] const OnnxOperator* find_onnx_operator(const std::string& domain,
                                                     const std::string& name);

using OnnxOperators = std::vector<OnnxOperator>;
[[nodiscard]] OnnxOperators convolution_operators();
[[nodiscard]] OnnxOperators pooling_operators();
[[nodiscard]] OnnxOperators activation_operators();
[[nodiscard]] OnnxOperators arithmetic_operators();
[[nodiscard]] OnnxOperators normalization_operators();
[[nodiscard]] OnnxOperators matrix_operators();
[[nodiscard]] OnnxOperators movement_operators();
[[nodiscard]] OnnxOperators reduction_operators();
[[nodiscard]] OnnxOperators constant_operators();
[[nodiscard]] OnnxOperators resizing_operators();
[[nodiscard]] OnnxOperators loss_operators();
[[nodiscard]] OnnxOperators optimizer_operators();

}  // namespace cnnc
