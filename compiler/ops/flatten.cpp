// Flatten and Unflatten. Tested by tests/ops/flatten_test.cpp.
#include "compiler/ops/views.h"

namespace cnnc {
namespace {

Result<Shape> flatten_rule(Attrs& attrs, const Shape& in) {
  const auto rank = static_cast<int64_t>(in.size());
  Diagnostics problems = settle_dim(attrs, "start_dim", in);
  if (problems.empty()) problems = settle_dim(attrs, "end_dim", in);
  if (!problems.empty()) return problems;
  const int64_t first = attrs.integer("start_dim"), last = attrs.integer("end_dim");
  if (first > last) {
    return error("start_dim is " + std::to_string(first) + ", which comes after end_dim, " +
                 std::to_string(last));
  }
  attrs.set("end_dim", last - rank);  // the usual -1 stays so for any rank
  Shape out(in.begin(), in.begin() + first);
  out.push_back(element_count(Shape(in.begin() + first, in.begin() + last + 1)));
  out.insert(out.end(), in.begin() + last + 1, in.end());
  return out;
}

Result<Shape> unflatten_rule(Attrs& attrs, const Shape& in) {
  const Diagnostics problems = settle_dim(attrs, "dim", in);
  if (!problems.empty()) return problems;
  const int64_t dim = attrs.integer("dim");
  Shape sizes = attrs.integers("unflattened_size");
  int64_t product = 1;
  int64_t* open = nullptr;
  bool is_valid = true;
  for (int64_t& size : sizes) {
    is_valid &= size != 0 && (size > 0 || !open);
    if (size < 0) open = &size;
    if (size > 0) product = std::min(product * size, in[dim] + 1);
  }
  if (open && is_valid) {
    *open = in[dim] / product;
    product *= *open;
  }
  if (!is_valid || product != in[dim]) {
    return error("unflattened_size is " + to_string(attrs.integers("unflattened_size")) +
                 ", which cannot hold the " + std::to_string(in[dim]) + " elements of dimension " +
                 std::to_string(dim) + " of " + to_string(in));
  }
  Shape out(in.begin(), in.begin() + dim);
  out.insert(out.end(), sizes.begin(), sizes.end());
  out.insert(out.end(), in.begin() + dim + 1, in.end());
  return out;
}

OpDef make_flatten() noexcept {
  OpDef op = view_op<flatten_rule>();
  op.name = "Flatten";
  op.role = OpRole::layer;
  op.doc = "Joins dimensions: [N, C, H, W] to [N, C * H * W]";
  op.attrs = {dim_attr("start_dim", int64_t{1}, "first dimension to join"),
              dim_attr("end_dim", int64_t{-1}, "last dimension to join")};
  return op;
}

OpDef make_unflatten() noexcept {
  OpDef op = view_op<unflatten_rule>();
  op.name = "Unflatten";
  op.role = OpRole::layer;
  op.doc = "Splits a dimension into several: [N, C * H * W] to [N, C, H, W]";
  op.attrs = {dim_attr("dim", int64_t{1}, "the dimension"),
              required(attribute("unflattened_size", AttrKind::integers, {}, {-1, 2147483647},
                                 "extents of what it becomes; -1, once: what is left"))};
  return op;
}

}  // namespace

extern const OpDef flatten = make_flatten();
extern const OpDef unflatten = make_unflatten();

}  // namespace cnnc
