// Tested by tests/ops/conv1d_test.cpp and pool1d_test.cpp.
#include "compiler/ops/expansion.h"

#include <algorithm>

#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

// [N, C, L] as [N, C, 1, L].
Shape with_row(const Shape& shape) { return {shape[0], shape[1], 1, shape[2]}; }

// An attribute for images of one row: windows have one row, too, and none of the padding.
AttrValue with_row(const std::string& name, const std::vector<int64_t>& numbers) {
  const int64_t vertical = name == "padding" || name == "output_padding" ? 0 : 1;
  std::vector<int64_t> result;
  for (int64_t number : numbers) {
    result.push_back(vertical);
    result.push_back(number);
  }
  return result;
}

}  // namespace

ValueId view_of(Graph& graph, ValueId value, const Shape& shape, const std::string& name) {
  if (graph.type(value).shape == shape) return value;
  const bool is_read = std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return std::count(node.inputs.begin(), node.inputs.end(), value) != 0;
  });
  if (graph.values[value].kind == ValueKind::parameter && !is_read) {
    CNNC_CHECK(element_count(shape) == element_count(graph.type(value).shape), "another size");
    graph.values[value].type.shape = shape;
    return value;
  }
  Attrs attrs;
  attrs.set("shape", shape);
  return graph.add("View", name, attrs, {value})[0];
}

std::vector<ValueId> expand_to_rows(Graph& graph, const Node& node, const std::string& op) {
  Attrs attrs;
  for (const auto& [name, value] : node.attrs.all()) {
    const auto* numbers = std::get_if<std::vector<int64_t>>(&value);
    attrs.set(name, numbers ? with_row(name, *numbers) : value);
  }
  std::vector<ValueId> inputs = node.inputs;
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (inputs[k] == kNoValue || graph.type(inputs[k]).rank() != 3) continue;
    inputs[k] = view_of(graph, inputs[k], with_row(graph.type(inputs[k]).shape),
                        node.name + ".row" + std::to_string(k));
  }
  const ValueId rows = graph.add(op, node.name, attrs, inputs)[0];
  return {view_of(graph, rows, graph.type(node.outputs[0]).shape, node.name + ".output")};
}

Attrs without_depth(const Attrs& attrs) {
  Attrs result;
  for (const auto& [name, value] : attrs.all()) {
    const auto* numbers = std::get_if<std::vector<int64_t>>(&value);
    if (!numbers) {
      result.set(name, value);
      continue;
    }
    std::vector<int64_t> rest;
    for (size_t i = 0; i < numbers->size(); ++i) {
      if (i % 3 != 0) rest.push_back((*numbers)[i]);
    }
    result.set(name, rest);
  }
  return result;
}

}  // namespace cnnc
