// Reshape, Squeeze, Unsqueeze, and View, which is any of them. Tested by
// tests/ops/reshape_test.cpp.
#include <algorithm>

#include "compiler/ops/views.h"

namespace cnnc {
namespace {

// `wanted` with the extent that -1 stands for, so that it has the elements of `in`.
Result<Shape> completed(const Shape& wanted, const Shape& in) {
  const int64_t count = element_count(in);
  const auto open = std::find(wanted.begin(), wanted.end(), -1);
  Shape result = wanted;
  int64_t product = 1;
  for (int64_t extent : wanted) {
    if (extent == 0) return error("shape is " + to_string(wanted) + ": extents are 1 or more");
    if (extent < 0) continue;
    if (extent > count) product = count + 1;  // too much, whatever else there is
    product = std::min(product * extent, count + 1);
  }
  if (open != wanted.end()) {
    if (std::find(open + 1, wanted.end(), -1) != wanted.end()) {
      return error("shape is " + to_string(wanted) + ": at most one extent can be -1");
    }
    if (count % product == 0) {
      result[open - wanted.begin()] = count / product;
      return result;
    }
  }
  if (product == count) return result;
  return error("shape is " + to_string(wanted) + ", which cannot hold the " +
               std::to_string(count) + " elements of " + to_string(in));
}

Result<Shape> reshape_rule(Attrs& attrs, const Shape& in) {
  const Result<Shape> image = completed(attrs.integers("shape"), Shape(in.begin() + 1, in.end()));
  if (!image) return image.diagnostics();
  Shape out = {in[0]};
  out.insert(out.end(), image->begin(), image->end());
  return out;
}

Result<Shape> view_rule(Attrs& attrs, const Shape& in) {
  return completed(attrs.integers("shape"), in);
}

Result<Shape> squeeze_rule(Attrs& attrs, const Shape& in) {
  Shape out;
  std::vector<int64_t> dims;
  if (attrs.has("dim")) {
    const Diagnostics problems = settle_dims(attrs, "dim", in);
    if (!problems.empty()) return problems;
    dims = attrs.integers("dim");
  }
  for (size_t d = 0; d < in.size(); ++d) {
    const bool named = attrs.has("dim") ? std::count(dims.begin(), dims.end(), d) > 0 : d > 0;
    if (!named || in[d] != 1) out.push_back(in[d]);
  }
  return out;
}

Result<Shape> unsqueeze_rule(Attrs& attrs, const Shape& in) {
  const Shape room(in.size() + attrs.integers("dim").size(), 1);
  const Diagnostics problems = settle_dims(attrs, "dim", room);
  if (!problems.empty()) return problems;
  Shape out = in;
  std::vector<int64_t> dims = attrs.integers("dim");
  std::sort(dims.begin(), dims.end());
  for (int64_t d : dims) out.insert(out.begin() + d, 1);
  return out;
}

OpDef make_reshape() noexcept {
  OpDef op = view_op<reshape_rule>();
  op.name = "Reshape";
  op.role = OpRole::layer;
  op.doc = "The elements of each image, in the same order, under another shape";
  op.attrs = {required(attribute("shape", AttrKind::integers, {}, {-1, 2147483647},
                                 "shape of the output without the batch; -1, once: what is left"))};
  return op;
}

OpDef make_view() noexcept {
  OpDef op = view_op<view_rule>();
  op.name = "View";
  op.doc = "The elements in the same order under another shape";
  op.attrs = {required(attribute("shape", AttrKind::integers, {}, {-1, 2147483647},
                                 "shape of the output; -1, once: what is left"))};
  return op;
}

OpDef make_squeeze() noexcept {
  OpDef op = view_op<squeeze_rule>();
  op.name = "Squeeze";
  op.role = OpRole::layer;
  op.doc = "Without dimensions of extent 1";
  op.attrs = {dims_attr("dim",
                        "dimensions to leave out where their extent is 1; without it, all "
                        "but the batch")};
  return op;
}

OpDef make_unsqueeze() noexcept {
  OpDef op = view_op<unsqueeze_rule>();
  op.name = "Unsqueeze";
  op.role = OpRole::layer;
  op.doc = "With more dimensions, of extent 1";
  op.attrs = {required(dims_attr("dim", "dimensions of the output to add"))};
  return op;
}

}  // namespace

extern const OpDef reshape = make_reshape();
extern const OpDef squeeze = make_squeeze();
extern const OpDef unsqueeze = make_unsqueeze();
extern const OpDef view = make_view();

}  // namespace cnnc
