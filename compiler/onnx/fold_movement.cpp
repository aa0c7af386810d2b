// Folds what moves, repeats, generates or reduces elements.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "compiler/onnx/fold.h"
#include "compiler/onnx/shapes.h"

namespace cnnc {
namespace {

void fold_reshape(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  node.set_output(0, input.reshaped(reshape_target(node, input.shape())));
}

void fold_flatten(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  node.set_output(0, input.reshaped(flatten_target(node, input.shape())));
}

void fold_squeeze(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  node.set_output(0, input.reshaped(squeeze_target(node, input.shape())));
}

void fold_unsqueeze(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  node.set_output(0, input.reshaped(unsqueeze_target(node, input.shape())));
}

void fold_transpose(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  const std::vector<int64_t> order = transpose_order(node, input.rank());
  Shape shape;
  for (int64_t d : order) shape.push_back(input.shape()[d]);
  std::vector<int64_t> from(order.size());
  node.set_output(0, gathered(input, shape, [&](const std::vector<int64_t>& index) {
                    for (size_t d = 0; d < order.size(); ++d) from[order[d]] = index[d];
                    return broadcast_position(input.shape(), from);
                  }));
}

void fold_concat(OnnxNode& node) {
  const int64_t rank = node.rank(node.input(0));
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", 1), rank);
  Shape shape = node.input(0).constant->shape();
  shape[axis] = 0;
  std::vector<KnownTensorPtr> parts;
  for (int64_t i = 0; i < node.input_count(); ++i) {
    parts.push_back(node.input(i).constant);
    Shape other = parts.back()->shape();
    if (parts.back()->rank() != rank) refuse("concatenates tensors of different ranks");
    const int64_t extent = other[axis];
    other[axis] = shape[axis];
    if (other != shape) refuse("concatenates tensors whose shapes do not fit");
    shape[axis] += extent;
  }
  KnownTensor result(parts[0]->type(), shape);
  for_each_index(shape, [&](int64_t i, const std::vector<int64_t>& index) {
    std::vector<int64_t> from = index;
    size_t part = 0;
    while (from[axis] >= parts[part]->shape()[axis]) from[axis] -= parts[part++]->shape()[axis];
    int64_t position = 0;
    for (size_t d = 0; d < from.size(); ++d)
      position = position * parts[part]->shape()[d] + from[d];
    result.set(i, parts[part]->at(position));
  });
  node.set_output(0, std::move(result));
}

void fold_slice(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  const std::vector<OnnxSlice> slices = slices_of(node, input.shape());
  Shape shape;
  for (const OnnxSlice& each : slices) shape.push_back(each.count);
  std::vector<int64_t> from(slices.size());
  node.set_output(0, gathered(input, shape, [&](const std::vector<int64_t>& index) {
                    int64_t position = 0;
                    for (size_t d = 0; d < index.size(); ++d) {
                      position =
                          position * input.shape()[d] + slices[d].begin + index[d] * slices[d].step;
                    }
                    return position;
                  }));
}

void fold_split(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  int64_t axis = 0;
  const std::vector<int64_t> lengths = split_lengths(node, input.shape(), axis);
  int64_t first = 0;
  for (size_t k = 0; k < lengths.size(); ++k) {
    Shape shape = input.shape();
    shape[axis] = lengths[k];
    node.set_output(static_cast<int64_t>(k),
                    gathered(input, shape, [&](const std::vector<int64_t>& index) {
                      int64_t position = 0;
                      for (size_t d = 0; d < index.size(); ++d) {
                        const bool is_axis = static_cast<int64_t>(d) == axis;
                        position = position * input.shape()[d] + index[d] + (is_axis ? first : 0);
                      }
                      return position;
                    }));
    first += lengths[k];
  }
}

void fold_gather(OnnxNode& node) {
  const KnownTensor& data = *node.input(0).constant;
  const KnownTensor& indices = *node.input(1).constant;
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", 0), data.rank());
  Shape shape(data.shape().begin(), data.shape().begin() + axis);
  shape.insert(shape.end(), indices.shape().begin(), indices.shape().end());
  shape.insert(shape.end(), data.shape().begin() + axis + 1, data.shape().end());
  const int64_t extent = data.shape()[axis];
  node.set_output(0, gathered(data, shape, [&](const std::vector<int64_t>& index) {
                    const std::vector<int64_t> of_indices(index.begin() + axis,
                                                          index.begin() + axis + indices.rank());
                    const auto chosen = static_cast<int64_t>(
                        indices.at(broadcast_position(indices.shape(), of_indices)));
                    if (chosen < -extent || chosen >= extent) refuse("gathers behind the end");
                    std::vector<int64_t> from(index.begin(), index.begin() + axis);
                    from.push_back(chosen < 0 ? chosen + extent : chosen);
                    from.insert(from.end(), index.begin() + axis + indices.rank(), index.end());
                    return broadcast_position(data.shape(), from);
                  }));
}

void fold_expand(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  const Shape shape = common_shape(input.shape(), node.known_integers(1));
  node.set_output(0, gathered(input, shape, [&](const std::vector<int64_t>& index) {
                    return broadcast_position(input.shape(), index);
                  }));
}

void fold_tile(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  const std::vector<int64_t> repeats = node.known_integers(1);
  if (static_cast<int64_t>(repeats.size()) != input.rank()) refuse("repeats other dimensions");
  Shape shape = input.shape();
  for (size_t d = 0; d < shape.size(); ++d) shape[d] *= repeats[d];
  node.set_output(0, gathered(input, shape, [&](std::vector<int64_t> index) {
                    for (size_t d = 0; d < index.size(); ++d) index[d] %= input.shape()[d];
                    return broadcast_position(input.shape(), index);
                  }));
}

void fold_range(OnnxNode& node) {
  const KnownTensorPtr first = node.known_input(0);
  const Number start = node.known_scalar(0), limit = node.known_scalar(1);
  const Number delta = node.known_scalar(2);
  if (delta == 0) refuse("counts in steps of 0");
  const auto count = std::max<int64_t>(0, static_cast<int64_t>(std::ceil((limit - start) / delta)));
  KnownTensor result(first->type(), {count});
  for (int64_t i = 0; i < count; ++i) result.set(i, start + static_cast<Number>(i) * delta);
  node.set_output(0, std::move(result));
}

void fold_constant_of_shape(OnnxNode& node) {
  const KnownTensorPtr value = node.tensor("value");
  const std::vector<int64_t> shape = node.known_integers(0);
  if (element_count(shape) >= (int64_t{1} << 31)) refuse("makes a tensor that is too large");
  node.set_output(0, value ? KnownTensor::filled(value->type(), shape, value->at(0))
                           : KnownTensor(ElementType::f32, shape));
}

void fold_non_zero(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  std::vector<std::vector<int64_t>> found;
  for_each_index(input.shape(), [&](int64_t i, const std::vector<int64_t>& index) {
    if (input.at(i) != 0) found.push_back(index);
  });
  const auto count = static_cast<int64_t>(found.size());
  KnownTensor result(ElementType::i64, {input.rank(), count});
  for (int64_t d = 0; d < input.rank(); ++d) {
    for (int64_t i = 0; i < count; ++i) result.set(d * count + i, found[i][d]);
  }
  node.set_output(0, std::move(result));
}

void fold_reduce(OnnxNode& node) {
  const KnownTensor& input = *node.input(0).constant;
  const OnnxReduction reduction = reduction_of(node, input.rank());
  Shape kept = input.shape();
  int64_t count = 1;
  for (int64_t d : reduction.axes) {
    count *= kept[d];
    kept[d] = 1;
  }
  const std::string& type = node.type();
  const bool is_product = type == "ReduceProd";
  std::vector<Number> totals(static_cast<size_t>(element_count(kept)), is_product ? 1 : 0);
  std::vector<bool> begun(totals.size());
  for_each_index(input.shape(), [&](int64_t i, const std::vector<int64_t>& index) {
    const int64_t at = broadcast_position(kept, index);
    Number& total = totals[at];
    const Number value = input.at(i);
    if (is_product) {
      total *= value;
    } else if (type == "ReduceMax") {
      total = begun[at] ? std::max(total, value) : value;
    } else if (type == "ReduceMin") {
      total = begun[at] ? std::min(total, value) : value;
    } else {
      total += value;
    }
    begun[at] = true;
  });
  KnownTensor result(input.type(), kept);
  for (int64_t i = 0; i < result.count(); ++i) {
    result.set(i, type == "ReduceMean" ? totals[i] / static_cast<Number>(count) : totals[i]);
  }
  node.set_output(0, result.reshaped(reduction.shape(input.shape())));
}

}  // namespace

std::vector<Folding> movement_foldings() {
  return {{"Concat", fold_concat},      {"ConstantOfShape", fold_constant_of_shape},
          {"Expand", fold_expand},      {"Flatten", fold_flatten},
          {"Gather", fold_gather},      {"NonZero", fold_non_zero},
          {"Range", fold_range},        {"ReduceMax", fold_reduce},
          {"ReduceMean", fold_reduce},  {"ReduceMin", fold_reduce},
          {"ReduceProd", fold_reduce},  {"ReduceSum", fold_reduce},
          {"Reshape", fold_reshape},    {"Slice", fold_slice},
          {"Split", fold_split},        {"Squeeze", fold_squeeze},
          {"Tile", fold_tile},          {"Transpose", fold_transpose},
          {"Unsqueeze", fold_unsqueeze}};
}

}  // namespace cnnc
