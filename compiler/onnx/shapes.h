// What operators that move elements ask for, whether their input is known or not. These read
// attributes or, in later opsets, known inputs.
#pragma once
#include <vector>

#include "compiler/onnx/node.h"

namespace cnnc {

[[nodiscard]] Shape reshape_target(OnnxNode& node, const Shape& from);
[[nodiscard]] Shape flatten_target(OnnxNode& node, const Shape& from);
[[nodiscard]] Shape squeeze_target(OnnxNode& node, const Shape& from);
[[nodiscard]] Shape unsqueeze_target(OnnxNode& node, const Shape& from);
// Output dimension d is input dimension order[d].
[[nodiscard]] std::vector<int64_t> transpose_order(OnnxNode& node, int64_t rank);

// What is read of a dimension; the step may be negative.
struct OnnxSlice {
  int64_t begin = 0;
  int64_t count = 0;
  int64_t step = 1;
};
[[nodiscard]] std::vector<OnnxSlice> slices_of(OnnxNode& node, const Shape& from);

// Lengths of the parts along an axis, one for each output.
[[nodiscard]] std::vector<int64_t> split_lengths(OnnxNode& node, const Shape& from, int64_t& axis);

struct OnnxReduction {
  std::vector<int64_t> axes;  // ascending
  bool keeps = true;          // them, with an extent of 1
  bool is_identity = false;   // noop_with_empty_axes

  [[nodiscard]] Shape shape(const Shape& from) const;
};
[[nodiscard]] OnnxReduction reduction_of(OnnxNode& node, int64_t rank);

}  // namespace cnnc
