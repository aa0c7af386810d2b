// Permute and Transpose. Tested by tests/ops/permute_test.cpp.
#include <algorithm>

#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

using Halide::Expr;

std::string numbers_below(size_t rank) {
  std::vector<int64_t> all(rank);
  for (size_t d = 0; d < rank; ++d) all[d] = static_cast<int64_t>(d);
  return to_string(all);
}

Result<std::vector<Type>> infer_permuted(const InferArgs& args, const std::vector<int64_t>& dims) {
  Type type = args.inputs[0];
  for (size_t d = 0; d < dims.size(); ++d) type.shape[d] = args.inputs[0].shape[dims[d]];
  return outputs_of({type});
}

Result<std::vector<Type>> infer_permute(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  problems = settle_dims(args.attrs, "dims", in);
  if (!problems.empty()) return problems;
  const std::vector<int64_t>& dims = args.attrs.integers("dims");
  if (dims.size() != in.size()) {
    return error("dims is " + to_string(dims) + ", but must be " + numbers_below(in.size()) +
                 " in some order");
  }
  return infer_permuted(args, dims);
}

// Which dimension of the input each of the output is.
std::vector<int64_t> transposed_dims(const Attrs& attrs, size_t rank) {
  std::vector<int64_t> dims(rank);
  for (size_t d = 0; d < rank; ++d) dims[d] = static_cast<int64_t>(d);
  std::swap(dims[attrs.integer("dim0")], dims[attrs.integer("dim1")]);
  return dims;
}

std::vector<int64_t> dims_of(const Attrs& attrs, size_t rank) {
  return attrs.has("dims") ? attrs.integers("dims") : transposed_dims(attrs, rank);
}

Result<std::vector<Type>> infer_transpose(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  for (const char* name : {"dim0", "dim1"}) {
    const Diagnostics found = settle_dim(args.attrs, name, in);
    problems.insert(problems.end(), found.begin(), found.end());
  }
  if (!problems.empty()) return problems;
  return infer_permuted(args, transposed_dims(args.attrs, in.size()));
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Shape& in = inputs[0].shape;
  const std::vector<int64_t> dims = dims_of(attrs, in.size());
  std::vector<int64_t> moved;  // the dimensions that have a place
  for (int64_t d : dims) {
    if (in[d] != 1) moved.push_back(d);
  }
  const bool keeps_order = std::is_sorted(moved.begin(), moved.end());
  return (keeps_order ? kView : 0u) | (dims[0] == 0 ? 0u : kMixesBatch);
}

void lower(Lowering& lowering) {
  const std::vector<int64_t> dims = dims_of(lowering.attrs(), lowering.input_types[0].shape.size());
  lower_move(lowering, "permute", [&](const std::vector<Expr>& at) {
    std::vector<Expr> source(at.size());
    for (size_t d = 0; d < dims.size(); ++d) source[dims[d]] = at[d];
    return source;
  });
}

std::vector<ValueId> gradient(GradientArgs& args) {
  const std::vector<int64_t> dims =
      dims_of(args.node.attrs, args.graph.type(args.node.inputs[0]).shape.size());
  std::vector<int64_t> inverse(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) inverse[dims[d]] = static_cast<int64_t>(d);
  Attrs attrs;
  attrs.set("dims", inverse);
  return gradient_by(args, "Permute", attrs);
}

void reference(ReferenceArgs& args) {
  const Shape& in = args.inputs[0]->shape;
  const Shape& out = args.outputs[0].shape;
  const std::vector<int64_t> dims = dims_of(args.attrs, in.size());
  for (int64_t i = 0; i < element_count(in); ++i) {
    const Shape from = coordinates_of(in, i);
    Shape to;
    for (int64_t d : dims) to.push_back(from[d]);
    args.outputs[0].data[position_of(out, to)] = args.inputs[0]->data[i];
  }
}

OpDef make_op() noexcept {
  OpDef op;
  op.role = OpRole::layer;
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_permute() noexcept {
  OpDef op = make_op();
  op.name = "Permute";
  op.doc = "The dimensions in another order";
  op.attrs = {required(dims_attr("dims", "for each dimension of the output, that of the input"))};
  op.infer = infer_permute;
  return op;
}

OpDef make_transpose() noexcept {
  OpDef op = make_op();
  op.name = "Transpose";
  op.doc = "With two dimensions exchanged";
  op.attrs = {required(dim_attr("dim0", {}, "a dimension")),
              required(dim_attr("dim1", {}, "the dimension that it changes places with"))};
  op.infer = infer_transpose;
  return op;
}

}  // namespace

extern const OpDef permute = make_permute();
extern const OpDef transpose = make_transpose();

}  // namespace cnnc
