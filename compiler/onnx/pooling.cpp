// Pools, and the global ones.
#include <algorithm>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/windows.h"

namespace cnnc {
namespace {

std::vector<int64_t> kernel_of(OnnxNode& node) {
  std::vector<int64_t> kernel = node.integers("kernel_shape");
  if (kernel.empty()) refuse("lacks the attribute kernel_shape");
  return kernel;
}

// With ceil_mode, ONNX counts windows as PyTorch does: those that begin behind the input are left
// out.
OnnxWindow pool_window(OnnxNode& node, const Operand& input) {
  OnnxWindow window = read_window(node, kernel_of(node), spatial_extents(node, input));
  window.ceil_mode = node.integer("ceil_mode", 0) != 0;
  return window;
}

Attrs pool_attrs(const std::string& op, const OnnxWindow& window) {
  Attrs attrs;
  set_window(attrs, op, window);
  attrs.set("ceil_mode", window.ceil_mode);
  return attrs;
}

void import_max_pool(OnnxNode& node) {
  const Operand input = node.input(0);
  const OnnxWindow window = pool_window(node, input);
  const int64_t storage_order = node.integer("storage_order", 0);
  node.refuse_output(
      1, "the places of the maxima (storage_order " + std::to_string(storage_order) + ")");
  const std::string op = with_rank("MaxPool", window.rank());
  node.set_output(0, node.emit(op, pool_attrs(op, window), {input}));
}

// Where padding counts, ONNX counts what ceil_mode's windows reach behind it, too, and PyTorch does
// not: here it is padding.
void pad_to_last_window(OnnxWindow& window, const std::vector<int64_t>& spatial) {
  window.ceil_mode = false;
  for (int64_t d = 0; d < window.rank(); ++d) {
    const int64_t stride = window.strides[d], begin = window.begins[d];
    const int64_t padded = spatial[d] + begin + window.ends[d];
    int64_t last = (padded - window.reach(d) + stride - 1) / stride * stride;
    if (last >= spatial[d] + begin) last -= stride;
    window.ends[d] += std::max<int64_t>(0, last + window.reach(d) - padded);
  }
}

void import_average_pool(OnnxNode& node) {
  const Operand input = node.input(0);
  OnnxWindow window = pool_window(node, input);
  const bool counts_padding = node.integer("count_include_pad", 0) != 0;
  if (counts_padding && window.ceil_mode) pad_to_last_window(window, spatial_extents(node, input));
  const std::string op = with_rank("AvgPool", window.rank());
  Attrs attrs = pool_attrs(op, window);
  attrs.set("count_include_pad", counts_padding);
  node.set_output(0, node.emit(op, std::move(attrs), {input}));
}

// One window over everything behind the channels.
void import_global(OnnxNode& node, const std::string& kind) {
  const Operand input = node.input(0);
  const std::vector<int64_t> spatial = spatial_extents(node, input);
  const auto rank = static_cast<int64_t>(spatial.size());
  const std::string adaptive = "Adaptive" + kind + "Pool" + std::to_string(rank) + "d";
  if (OnnxNode::exists(adaptive)) {
    Attrs attrs;
    set_lengths(attrs, adaptive, "output_size", std::vector<int64_t>(spatial.size(), 1));
    node.set_output(0, node.emit(adaptive, std::move(attrs), {input}));
    return;
  }
  const std::string op = with_rank(kind + "Pool", rank);
  Attrs attrs;
  set_lengths(attrs, op, "kernel_size", spatial);
  node.set_output(0, node.emit(op, std::move(attrs), {input}));
}

void import_global_average_pool(OnnxNode& node) { import_global(node, "Avg"); }
void import_global_max_pool(OnnxNode& node) { import_global(node, "Max"); }

}  // namespace

OnnxOperators pooling_operators() {
  return {{"AveragePool", import_average_pool},
          {"GlobalAveragePool", import_global_average_pool},
          {"GlobalMaxPool", import_global_max_pool},
          {"MaxPool", import_max_pool}};
}

}  // namespace cnnc
