// Tested by tests/ops/reshape_test.cpp.
#include "compiler/ops/views.h"

namespace cnnc {
namespace {

using Halide::Expr;

// A run of dimensions of both shapes with as many elements: the index within it is the same.
void place_run(const std::vector<size_t>& from_dims, const Shape& from,
               const std::vector<size_t>& to_dims, const Shape& to, const std::vector<Expr>& at,
               std::vector<Expr>& result) {
  Expr index;
  for (size_t d : to_dims) index = index.defined() ? index * constant(to[d]) + at[d] : at[d];
  for (size_t k = from_dims.size(); k-- > 1;) {
    const Expr extent = constant(from[from_dims[k]]);
    result[from_dims[k]] = index % extent;
    index = index / extent;
  }
  result[from_dims[0]] = index;
}

void lower(Lowering& lowering) {
  const Shape& from = lowering.input_types[0].shape;
  const Shape& to = lowering.output_types[0].shape;
  lower_move(lowering, "view",
             [&](const std::vector<Expr>& at) { return same_element(from, to, at); });
}

std::vector<ValueId> gradient(GradientArgs& args) {
  const Type& in = args.graph.type(args.node.inputs[0]);
  if (args.graph.type(args.node.outputs[0]) == in && is_wanted(args, 0)) {
    return {args.output_gradients[0]};
  }
  Attrs attrs;
  attrs.set("shape", in.shape);
  return gradient_by(args, "View", attrs);
}

void reference(ReferenceArgs& args) { args.outputs[0].data = args.inputs[0]->data; }

}  // namespace

std::vector<Expr> same_element(const Shape& from, const Shape& to, const std::vector<Expr>& at) {
  std::vector<Expr> result(from.size(), Expr(0));
  size_t f = 0, t = 0;
  const auto skip_ones = [](const Shape& shape, size_t d) {
    while (d < shape.size() && shape[d] == 1) ++d;
    return d;
  };
  for (;;) {
    f = skip_ones(from, f);
    t = skip_ones(to, t);
    if (f == from.size() || t == to.size()) return result;
    std::vector<size_t> from_dims = {f}, to_dims = {t};
    int64_t from_count = from[f++], to_count = to[t++];
    while (from_count != to_count) {
      std::vector<size_t>& dims = from_count < to_count ? from_dims : to_dims;
      int64_t& count = from_count < to_count ? from_count : to_count;
      size_t& next = from_count < to_count ? f : t;
      count *= (from_count < to_count ? from : to)[next];
      dims.push_back(next++);
    }
    place_run(from_dims, from, to_dims, to, at, result);
  }
}

Result<std::vector<Type>> infer_view(InferArgs& args, ShapeRule rule) {
  const Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  const Type& in = args.inputs[0];
  const Result<Shape> shape = rule(args.attrs, in.shape);
  if (!shape) return shape.diagnostics();
  if (shape->empty() || shape->size() > static_cast<size_t>(kMostRank)) {
    return error("the output would have " + std::to_string(shape->size()) +
                 " dimensions: a tensor has 1 to " + std::to_string(kMostRank));
  }
  return outputs_of({{in.dtype, *shape}});
}

OpDef view_op() noexcept {
  OpDef op;
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kView;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

}  // namespace cnnc
