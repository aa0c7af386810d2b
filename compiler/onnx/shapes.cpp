#include "compiler/onnx/shapes.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace cnnc {
namespace {

int64_t product(const Shape& shape, size_t begin, size_t end) {
  return element_count(Shape(shape.begin() + begin, shape.begin() + end));
}

// Axes of an attribute that later became input number `i`.
std::vector<int64_t> axes_of(OnnxNode& node, int64_t i) {
  if (node.has_input(i)) return node.known_integers(i);
  return node.integers("axes");
}

}  // namespace

Shape reshape_target(OnnxNode& node, const Shape& from) {
  Shape shape = node.known_integers(1);
  const bool allows_zero = node.integer("allowzero", 0) != 0;
  int64_t open = -1;
  int64_t count = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0 && !allows_zero) {
      if (d >= from.size()) refuse("keeps a dimension that its input does not have");
      shape[d] = from[d];
    }
    if (shape[d] == -1 && open < 0) {
      open = static_cast<int64_t>(d);
      continue;
    }
    if (shape[d] < 0) refuse("has the shape " + to_string(shape));
    count *= shape[d];
  }
  if (open >= 0 && count > 0) shape[open] = element_count(from) / count;
  if (open >= 0 && count <= 0) refuse("has the shape " + to_string(shape));
  if (element_count(shape) != element_count(from)) {
    refuse("reshapes " + to_string(from) + " to " + to_string(shape) +
           ", which has another number of elements");
  }
  return shape;
}

Shape flatten_target(OnnxNode& node, const Shape& from) {
  const auto rank = static_cast<int64_t>(from.size());
  int64_t axis = node.integer("axis", 1);
  if (axis < -rank || axis > rank) refuse("its axis is outside of " + to_string(from));
  if (axis < 0) axis += rank;
  return {product(from, 0, axis), product(from, axis, from.size())};
}

Shape squeeze_target(OnnxNode& node, const Shape& from) {
  std::vector<int64_t> axes = axes_of(node, 1);
  axes = OnnxNode::axes_within(axes, static_cast<int64_t>(from.size()));
  const std::set<int64_t> removed(axes.begin(), axes.end());
  Shape shape;
  for (size_t d = 0; d < from.size(); ++d) {
    const bool is_named = removed.count(static_cast<int64_t>(d)) > 0;
    if (is_named && from[d] != 1) {
      refuse("removes dimension " + std::to_string(d) + " of " + to_string(from) +
             ", whose extent is not 1");
    }
    if (!is_named && (from[d] != 1 || !removed.empty())) shape.push_back(from[d]);
  }
  return shape;
}

Shape unsqueeze_target(OnnxNode& node, const Shape& from) {
  std::vector<int64_t> axes = axes_of(node, 1);
  const auto rank = static_cast<int64_t>(from.size() + axes.size());
  axes = OnnxNode::axes_within(axes, rank);
  Shape shape(rank);
  for (int64_t axis : axes) shape[axis] = 1;
  auto next = from.begin();
  for (int64_t d = 0; d < rank; ++d) {
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) shape[d] = *next++;
  }
  return shape;
}

std::vector<int64_t> transpose_order(OnnxNode& node, int64_t rank) {
  std::vector<int64_t> order(rank);
  std::iota(order.rbegin(), order.rend(), 0);
  order = OnnxNode::axes_within(node.integers("perm", order), rank);
  if (static_cast<int64_t>(order.size()) != rank) {
    refuse("its attribute perm has " + std::to_string(order.size()) + " numbers, not " +
           std::to_string(rank));
  }
  return order;
}

std::vector<OnnxSlice> slices_of(OnnxNode& node, const Shape& from) {
  const auto rank = static_cast<int64_t>(from.size());
  std::vector<int64_t> starts, ends, axes, steps;
  if (node.opset() < 10) {
    starts = node.integers("starts");
    ends = node.integers("ends");
    axes = node.integers("axes");
  } else {
    starts = node.known_integers(1);
    ends = node.known_integers(2);
    if (node.has_input(3)) axes = node.known_integers(3);
    if (node.has_input(4)) steps = node.known_integers(4);
  }
  if (axes.empty()) {
    axes.resize(starts.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  axes = OnnxNode::axes_within(axes, rank);
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (starts.size() != ends.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    refuse("its starts, ends, axes and steps differ in number");
  }
  std::vector<OnnxSlice> slices;
  for (int64_t extent : from) slices.push_back({0, extent, 1});
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t extent = from[axes[i]], step = steps[i];
    if (step == 0) refuse("has a step of 0");
    // Backwards, the last begin is the last element and the first end lies before the first.
    const int64_t least = step > 0 ? 0 : -1, most = step > 0 ? extent : extent - 1;
    const auto place = [&](int64_t at) {
      return std::clamp(at < 0 ? at + extent : at, least, most);
    };
    // A negative end is counted from the end even where it lies before the beginning.
    const int64_t begin = place(starts[i]);
    const int64_t end = ends[i] < -extent ? least : place(ends[i]);
    const int64_t distance = step > 0 ? end - begin : begin - end;
    const int64_t width = step > 0 ? step : (step < -extent ? extent + 1 : -step);
    slices[axes[i]] = {begin, distance <= 0 ? 0 : (distance + width - 1) / width, step};
  }
  return slices;
}

std::vector<int64_t> split_lengths(OnnxNode& node, const Shape& from, int64_t& axis) {
  axis = OnnxNode::axis_within(node.integer("axis", 0), static_cast<int64_t>(from.size()));
  const int64_t parts = node.integer("num_outputs", node.output_count());
  std::vector<int64_t> lengths = node.integers("split");
  if (node.has_input(1)) lengths = node.known_integers(1);
  if (lengths.empty()) {
    if (parts < 1) refuse("has no outputs");
    // The last part may be shorter.
    const int64_t length = (from[axis] + parts - 1) / parts;
    for (int64_t k = 0; k < parts; ++k) {
      lengths.push_back(std::clamp<int64_t>(from[axis] - k * length, 0, length));
    }
  }
  if (std::accumulate(lengths.begin(), lengths.end(), int64_t{0}) != from[axis]) {
    refuse("splits " + to_string(from) + " into parts of " + to_string(lengths) +
           ", which have another sum");
  }
  return lengths;
}

Shape OnnxReduction::shape(const Shape& from) const {
  Shape result;
  for (size_t d = 0; d < from.size(); ++d) {
    const bool is_reduced =
        std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end();
    if (!is_reduced) result.push_back(from[d]);
    if (is_reduced && keeps) result.push_back(1);
  }
  return result;
}

OnnxReduction reduction_of(OnnxNode& node, int64_t rank) {
  OnnxReduction reduction;
  reduction.axes = OnnxNode::axes_within(axes_of(node, 1), rank);
  reduction.keeps = node.integer("keepdims", 1) != 0;
  reduction.is_identity = node.integer("noop_with_empty_axes", 0) != 0 && reduction.axes.empty();
  if (reduction.axes.empty() && !reduction.is_identity) {
    reduction.axes.resize(rank);
    std::iota(reduction.axes.begin(), reduction.axes.end(), 0);
  }
  std::sort(reduction.axes.begin(), reduction.axes.end());
  return reduction;
}

}  // namespace cnnc
