// Layouts: strides, and which views cost nothing. Tested by tests/plan/layout_test.cpp.
#include <algorithm>
#include <numeric>

#include "compiler/plan/memory.h"

namespace cnnc {
namespace {

// The dimensions from outermost to innermost in memory.
std::vector<size_t> memory_order(size_t rank, Layout layout) {
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (rank < 2) return order;
  if (layout == Layout::batch_innermost) std::rotate(order.begin(), order.begin() + 1, order.end());
  if (layout == Layout::channels_last)
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

// The address as a function of the row-major index, as (extent, stride) from outermost to
// innermost, with everything merged that can be. Equal functions have equal forms.
std::vector<std::pair<int64_t, int64_t>> merged(const Shape& shape, Layout layout) {
  const std::vector<int64_t> stride = strides(shape, layout);
  std::vector<std::pair<int64_t, int64_t>> runs;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 1) continue;
    if (!runs.empty() && stride[d] == runs.back().first * runs.back().second) {
      runs.back().first *= shape[d];
    } else {
      runs.emplace_back(shape[d], stride[d]);
    }
  }
  return runs;
}

constexpr int64_t kPage = 4096;     // bytes: how far the sets of a first-level cache reach
constexpr int64_t kCacheLine = 16;  // elements

// Whether blocks of f32 at that distance begin in at most four different places of a page, and so
// of a first-level cache, where a kernel that reads all of them at once would evict its own lines.
bool share_few_sets(int64_t stride) {
  constexpr int64_t kPlaces = 4;
  return std::gcd(stride * 4, kPage) * kPlaces >= kPage;
}

// Whether pixels at that distance, or every other of them, begin in the same place of a page:
// kernels read some fourteen at once, convolutions with stride 2 every other.
bool begin_in_one_set(int64_t stride) { return 2 * stride * 4 % kPage == 0; }

bool has_shape_of_output(const Graph& graph, const Node& node, ValueId input) {
  return graph.type(input).shape == graph.type(node.outputs[0]).shape;
}

}  // namespace

const char* to_string(Layout layout) {
  switch (layout) {
    case Layout::row_major:
      return "row_major";
    case Layout::batch_innermost:
      return "batch_innermost";
    case Layout::channels_last:
      return "channels_last";
  }
  return "?";
}

std::vector<int64_t> strides(const Shape& shape, Layout layout) {
  std::vector<int64_t> result(shape.size());
  const std::vector<size_t> order = memory_order(shape.size(), layout);
  int64_t stride = 1;
  const bool is_image = shape.size() > 2;
  for (auto d = order.rbegin(); d != order.rend(); ++d) {
    const bool channels = layout == Layout::batch_innermost && is_image && *d == 1;
    if (channels && shape[1] > 1 && share_few_sets(stride)) stride += shape[0];
    const bool pixels = layout == Layout::channels_last && is_image && *d + 1 == shape.size();
    if (pixels && element_count(shape) > shape[0] * shape[1] && begin_in_one_set(stride)) {
      stride += kCacheLine;
    }
    result[*d] = stride;
    stride *= shape[*d];
  }
  return result;
}

int64_t storage_bytes(const Type& type, Layout layout) {
  const std::vector<int64_t> stride = strides(type.shape, layout);
  int64_t elements = 1;
  for (size_t d = 0; d < stride.size(); ++d) {
    elements = std::max(elements, stride[d] * type.shape[d]);
  }
  return elements * byte_width(type.dtype);
}

bool same_order(const Shape& a, Layout layout_a, const Shape& b, Layout layout_b) {
  return merged(a, layout_a) == merged(b, layout_b);
}

std::vector<Layout> value_layouts(const Graph& graph, Layout layout) {
  std::vector<bool> row_major(graph.values.size());
  for (size_t id = 0; id < graph.values.size(); ++id) {
    row_major[id] = graph.values[id].kind != ValueKind::result || graph.values[id].type.rank() < 2;
  }
  for (ValueId id : graph.outputs) row_major[id] = true;
  // A view of a parameter is free if it is row-major, too; and so is one of the caller's input, but
  // vectors of the batch had to be gathered from it again and again.
  for (const Node& node : graph.nodes) {
    if (!node.has(kView)) continue;
    const ValueKind kind = graph.values[node.inputs[0]].kind;
    const bool gathers = kind == ValueKind::input && layout == Layout::batch_innermost;
    if (kind != ValueKind::result && !gathers) row_major[node.outputs[0]] = true;
  }
  // Backwards: what flows elementwise into an update of a parameter has the parameter's layout.
  std::vector<bool> parameter_like(graph.values.size());
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool joins =
        node->has(kInPlace) || (node->has(kElementwise) && parameter_like[node->outputs[0]]);
    for (size_t k = 0; node->has(kInPlace) && k < node->outputs.size(); ++k) {
      row_major[node->outputs[k]] = true;
    }
    for (ValueId id : node->inputs) {
      if (!joins || id == kNoValue || !has_shape_of_output(graph, *node, id)) continue;
      parameter_like[id] = true;
      row_major[id] = true;
    }
  }
  std::vector<Layout> result(graph.values.size(), layout);
  for (size_t id = 0; id < result.size(); ++id) {
    if (row_major[id]) result[id] = Layout::row_major;
  }
  return result;
}

std::vector<bool> free_views(const Graph& graph, Layout layout) {
  const std::vector<Layout> layouts = value_layouts(graph, layout);
  std::vector<bool> result;
  for (const Node& node : graph.nodes) {
    bool is_free = node.has(kView);
    if (is_free) {
      const ValueId from = node.inputs[0];
      const ValueId to = node.outputs[0];
      is_free =
          std::find(graph.outputs.begin(), graph.outputs.end(), to) == graph.outputs.end() &&
          same_order(graph.type(from).shape, layouts[from], graph.type(to).shape, layouts[to]);
    }
    result.push_back(is_free);
  }
  return result;
}

bool is_free_view(const Graph& graph, const Node& node, Layout layout) {
  return node.has(kView) && free_views(graph, layout)[graph.values[node.outputs[0]].producer];
}

ValueId storage_of(const Graph& graph, ValueId id, Layout layout) {
  return storages(graph, free_views(graph, layout))[id];
}

}  // namespace cnnc
