// Tested by the tests of the ops that use it.
#include "compiler/ops/dims.h"

#include <algorithm>

namespace cnnc {
namespace {

std::string number_of_dimensions(const Shape& shape) {
  return "the input " + to_string(shape) + " has dimensions 0 to " +
         std::to_string(shape.size() - 1);
}

// From the front; -1 if out of range.
int64_t counted(int64_t dim, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  return dim >= rank || dim < -rank ? -1 : dim < 0 ? dim + rank : dim;
}

}  // namespace

Diagnostics expect_any(const InferArgs& args, size_t index, const std::string& name) {
  const DType dtype = is_given(args, index) ? args.inputs[index].dtype : DType::f32;
  return expect_input(args, index, name, dtype);
}

Diagnostics settle_dim(Attrs& attrs, const std::string& name, const Shape& shape) {
  const int64_t given = attrs.integer(name);
  const int64_t dim = counted(given, shape);
  if (dim < 0) {
    return {error(name + " is " + std::to_string(given) + ", but " + number_of_dimensions(shape))};
  }
  attrs.set(name, dim);
  return {};
}

Diagnostics settle_dims(Attrs& attrs, const std::string& name, const Shape& shape) {
  std::vector<int64_t> dims;
  for (int64_t given : attrs.integers(name)) {
    const int64_t dim = counted(given, shape);
    if (dim < 0) {
      return {
          error(name + " has " + std::to_string(given) + ", but " + number_of_dimensions(shape))};
    }
    if (std::count(dims.begin(), dims.end(), dim) > 0) {
      return {error(name + " names dimension " + std::to_string(dim) + " twice")};
    }
    dims.push_back(dim);
  }
  attrs.set(name, dims);
  return {};
}

AttrSpec dim_attr(const std::string& name, AttrValue fallback, std::string doc) {
  return attribute(name, AttrKind::integer, std::move(fallback), {-kMostRank, kMostRank - 1},
                   std::move(doc));
}

AttrSpec dims_attr(const std::string& name, std::string doc) {
  return attribute(name, AttrKind::integers, {}, {-kMostRank, kMostRank - 1}, std::move(doc));
}

std::vector<ValueId> gradient_by(const GradientArgs& args, const std::string& op,
                                 const Attrs& attrs) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  result[0] = args.graph.add(op, args.node.name + ".grad_input", attrs, {upstream})[0];
  return result;
}

Shape coordinates_of(const Shape& shape, int64_t index) {
  Shape result(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    result[d] = index % shape[d];
    index /= shape[d];
  }
  return result;
}

int64_t position_of(const Shape& shape, const Shape& coordinates) {
  int64_t result = 0;
  for (size_t d = 0; d < shape.size(); ++d) result = result * shape[d] + coordinates[d];
  return result;
}

}  // namespace cnnc
