// Tested by tests/onnx/operators_test.cpp.
#include "compiler/onnx/operators.h"

#include <algorithm>

namespace cnnc {
namespace {

OnnxOperators all_operators() {
  OnnxOperators all;
  for (const auto& family : {convolution_operators(), pooling_operators(), activation_operators(),
                             arithmetic_operators(), normalization_operators(), matrix_operators(),
                             movement_operators(), reduction_operators(), constant_operators(),
                             resizing_operators(), loss_operators(), optimizer_operators()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  std::sort(all.begin(), all.end(),
            [](const OnnxOperator& a, const OnnxOperator& b) { return a.name < b.name; });
  return all;
}

}  // namespace

const std::vector<OnnxOperator>& onnx_operators() {
  static const OnnxOperators kOperators = all_operators();
  return kOperators;
}

const OnnxOperator* find_onnx_operator(const std::string& domain, const std::string& name) {
  const std::string full = domain.empty() || domain == "ai.onnx" ? name : domain + "." + name;
  const OnnxOperators& all = onnx_operators();
  const auto found = std::lower_bound(
      all.begin(), all.end(), full,
      [](const OnnxOperator& each, const std::string& word) { return each.name < word; });
  return found != all.end() && found->name == full ? &*found : nullptr;
}

}  // namespace cnnc
