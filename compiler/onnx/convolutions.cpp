// Conv and ConvTranspose.
#include <algorithm>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/windows.h"

namespace cnnc {
namespace {

// The extents of the kernel, which the weight has, too.
std::vector<int64_t> kernel_of(OnnxNode& node, const KnownTensor& weight, size_t rank) {
  if (weight.shape().size() != rank + 2) {
    refuse("its weight has the shape " + to_string(weight.shape()) + " for windows of " +
           std::to_string(rank) + " dimensions");
  }
  const std::vector<int64_t> kernel(weight.shape().begin() + 2, weight.shape().end());
  if (node.integers("kernel_shape", kernel) != kernel) {
    refuse("its attribute kernel_shape is not that of its weight " + to_string(weight.shape()));
  }
  return kernel;
}

OnnxNode::Parameters weights_of(const OnnxNode& node) {
  OnnxNode::Parameters parameters = {{"weight", node.input(1)}};
  if (node.has_input(2)) parameters.emplace_back("bias", node.input(2));
  return parameters;
}

void import_conv(OnnxNode& node) {
  const Operand input = node.input(0);
  const std::vector<int64_t> spatial = spatial_extents(node, input);
  const auto rank = static_cast<int64_t>(spatial.size());
  const KnownTensorPtr weight = node.known_input(1);
  if (node.has_input(2)) (void)node.known_input(2);
  const OnnxWindow window = read_window(node, kernel_of(node, *weight, spatial.size()), spatial);
  const std::string op = with_rank("Conv", rank);
  Attrs attrs;
  attrs.set("out_channels", weight->shape()[0]);
  attrs.set("groups", node.integer("group", 1));
  attrs.set("bias", node.has_input(2));
  set_window(attrs, op, window);
  node.set_output(0, node.emit(op, std::move(attrs), {input}, weights_of(node)));
}

// out = (in - 1) * stride + output_padding + reach - begin - end
void import_conv_transpose(OnnxNode& node) {
  const Operand input = node.input(0);
  const std::vector<int64_t> spatial = spatial_extents(node, input);
  const auto rank = static_cast<int64_t>(spatial.size());
  const KnownTensorPtr weight = node.known_input(1);
  if (node.has_input(2)) (void)node.known_input(2);
  const std::string auto_pad = node.text("auto_pad", "NOTSET");
  std::vector<int64_t> extra =
      node.integers("output_padding", std::vector<int64_t>(spatial.size(), 0));
  const std::vector<int64_t> output_shape = node.integers("output_shape");
  const bool is_same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  OnnxWindow window = read_window(node, kernel_of(node, *weight, spatial.size()), spatial);
  if (extra.size() != spatial.size()) refuse("its attribute output_padding has the wrong length");
  if (is_same || !output_shape.empty()) {
    // The pads follow from the output's shape.
    for (int64_t d = 0; d < rank; ++d) {
      const int64_t from_end = rank - d;
      const int64_t wanted =
          output_shape.empty() ? spatial[d] * window.strides[d]
                               : output_shape[static_cast<int64_t>(output_shape.size()) - from_end];
      const int64_t total =
          window.strides[d] * (spatial[d] - 1) + extra[d] + window.reach(d) - wanted;
      // Where the output is larger than the windows reach, zeros follow at its end.
      const int64_t half = std::max<int64_t>(0, total) / 2;
      window.begins[d] = auto_pad == "SAME_UPPER" || total < 0 ? half : total - half;
      window.ends[d] = total - window.begins[d];
    }
  }
  const std::string op = with_rank("ConvTranspose", rank);
  const int64_t groups = node.integer("group", 1);
  for (int64_t d = 0; d < rank; ++d) {
    if (window.begins[d] < 0) refuse("its attribute pads is negative");
    if (window.ends[d] >= 0) continue;
    extra[d] -= window.ends[d];
    window.ends[d] = 0;
  }
  Attrs attrs;
  attrs.set("out_channels", weight->shape()[1] * groups);
  attrs.set("groups", groups);
  attrs.set("bias", node.has_input(2));
  set_window(attrs, op, window);
  set_lengths(attrs, op, "output_padding", extra);
  node.set_output(0, node.emit(op, std::move(attrs), {input}, weights_of(node)));
}

}  // namespace

OnnxOperators convolution_operators() {
  return {{"Conv", import_conv}, {"ConvTranspose", import_conv_transpose}};
}

}  // namespace cnnc
