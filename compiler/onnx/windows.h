// What operators with windows share: kernel, strides, dilations, pads.
#pragma once
#include <string>
#include <vector>

#include "compiler/onnx/node.h"

namespace cnnc {

struct OnnxWindow {
  std::vector<int64_t> kernel, strides, dilations;
  std::vector<int64_t> begins, ends;  // pads
  bool ceil_mode = false;

  [[nodiscard]] int64_t rank() const { return static_cast<int64_t>(kernel.size()); }
  // Reach of the kernel along dimension d.
  [[nodiscard]] int64_t reach(int64_t d) const { return (kernel[d] - 1) * dilations[d] + 1; }
};

// Reads strides, dilations, pads and auto_pad. `spatial` are the extents of the input behind the
// channels.
[[nodiscard]] OnnxWindow read_window(OnnxNode& node, std::vector<int64_t> kernel,
                                     const std::vector<int64_t>& spatial);
// "Conv2d" for images of two dimensions. Refuses where there is no such op.
[[nodiscard]] std::string with_rank(const std::string& op, int64_t rank);
// Sets an attribute that may be a single number for windows of one dimension.
void set_lengths(Attrs& attrs, const std::string& op, const std::string& name,
                 const std::vector<int64_t>& lengths);
// kernel_size, stride, dilation and padding.
void set_window(Attrs& attrs, const std::string& op, const OnnxWindow& window);
// The extents behind batch and channels of an input with at least one of them.
[[nodiscard]] std::vector<int64_t> spatial_extents(const OnnxNode& node, const Operand& operand);

}  // namespace cnnc
