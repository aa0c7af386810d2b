#include "compiler/onnx/windows.h"

#include <algorithm>

namespace cnnc {
namespace {

void expect_size(const std::vector<int64_t>& list, size_t size, const std::string& name) {
  if (list.size() == size) return;
  refuse("its attribute " + name + " has " + std::to_string(list.size()) + " numbers, not " +
         std::to_string(size));
}

}  // namespace

OnnxWindow read_window(OnnxNode& node, std::vector<int64_t> kernel,
                       const std::vector<int64_t>& spatial) {
  const size_t rank = spatial.size();
  expect_size(kernel, rank, "kernel_shape");
  OnnxWindow window;
  window.kernel = std::move(kernel);
  window.strides = node.integers("strides", std::vector<int64_t>(rank, 1));
  window.dilations = node.integers("dilations", std::vector<int64_t>(rank, 1));
  expect_size(window.strides, rank, "strides");
  expect_size(window.dilations, rank, "dilations");
  for (size_t d = 0; d < rank; ++d) {
    if (window.strides[d] < 1 || window.dilations[d] < 1 || window.kernel[d] < 1) {
      refuse("its window has a length below 1");
    }
  }
  const std::string auto_pad = node.text("auto_pad", "NOTSET");
  const std::vector<int64_t> pads = node.integers("pads", std::vector<int64_t>(2 * rank, 0));
  expect_size(pads, 2 * rank, "pads");
  if (auto_pad == "NOTSET" || auto_pad == "VALID") {
    window.begins.assign(pads.begin(), pads.begin() + rank);
    window.ends.assign(pads.begin() + rank, pads.end());
    if (auto_pad == "VALID") {
      window.begins.assign(rank, 0);
      window.ends.assign(rank, 0);
    }
    return window;
  }
  if (auto_pad != "SAME_UPPER" && auto_pad != "SAME_LOWER") {
    refuse("its attribute auto_pad is \"" + auto_pad + "\"");
  }
  for (size_t d = 0; d < rank; ++d) {
    const int64_t outputs = (spatial[d] + window.strides[d] - 1) / window.strides[d];
    const int64_t total = std::max<int64_t>(
        0, (outputs - 1) * window.strides[d] + window.reach(static_cast<int64_t>(d)) - spatial[d]);
    const int64_t less = total / 2, more = total - less;
    window.begins.push_back(auto_pad == "SAME_UPPER" ? less : more);
    window.ends.push_back(auto_pad == "SAME_UPPER" ? more : less);
  }
  return window;
}

std::string with_rank(const std::string& op, int64_t rank) {
  const std::string name = op + std::to_string(rank) + "d";
  if (!OnnxNode::exists(name)) {
    refuse("its windows have " + std::to_string(rank) + " dimensions, and cnnc has no " + name);
  }
  return name;
}

void set_lengths(Attrs& attrs, const std::string& op, const std::string& name,
                 const std::vector<int64_t>& lengths) {
  const OpDef* record = find_op(op);
  CNNC_CHECK(record != nullptr, "no op " + op);
  for (const AttrSpec& spec : record->attrs) {
    if (spec.name != name || spec.kind != AttrKind::integer || lengths.size() != 1) continue;
    attrs.set(name, lengths[0]);
    return;
  }
  attrs.set(name, lengths);
}

void set_window(Attrs& attrs, const std::string& op, const OnnxWindow& window) {
  set_lengths(attrs, op, "kernel_size", window.kernel);
  set_lengths(attrs, op, "stride", window.strides);
  set_lengths(attrs, op, "dilation", window.dilations);
  std::vector<int64_t> padding = window.begins;
  padding.insert(padding.end(), window.ends.begin(), window.ends.end());
  set_lengths(attrs, op, "padding", padding);
}

std::vector<int64_t> spatial_extents(const OnnxNode& node, const Operand& operand) {
  const Shape shape = node.shape(operand);
  if (shape.size() < 3) refuse("its input " + to_string(shape) + " is no batch of images");
  return {shape.begin() + 2, shape.end()};
}

}  // namespace cnnc
