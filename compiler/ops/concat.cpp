// Concat. Tested by tests/ops/concat_test.cpp.
#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "inputs");
  if (problems.empty()) problems = settle_dim(args.attrs, "dim", args.inputs[0].shape);
  if (!problems.empty()) return problems;
  const int64_t dim = args.attrs.integer("dim");
  const Type& first = args.inputs[0];
  Type joined = first;
  for (size_t i = 1; i < args.inputs.size(); ++i) {
    Type like = args.inputs[i];
    if (like.rank() == first.rank()) like.shape[dim] = first.shape[dim];
    if (like != first) {
      return error("joins tensors that differ in dimension " + std::to_string(dim) +
                   " only, but input 0 is " + to_string(first) + " and input " + std::to_string(i) +
                   " is " + to_string(args.inputs[i]));
    }
    joined.shape[dim] += args.inputs[i].shape[dim];
  }
  return outputs_of({joined});
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  if (inputs.size() == 1) return kView;
  return attrs.integer("dim") == 0 ? kMixesBatch : 0u;
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const int64_t dim = lowering.attrs().integer("dim");
  const std::vector<Expr> at_output = reversed(vars);
  int64_t end = lowering.output_types[0].shape[dim];
  lowering.range_argument = vars.size() - 1 - static_cast<size_t>(dim);
  lowering.range_begins.resize(lowering.inputs.size());
  Expr value;
  for (size_t i = lowering.inputs.size(); i-- > 0;) {
    const int64_t extent = lowering.input_types[i].shape[dim];
    std::vector<Expr> source = at_output;
    source[dim] = Halide::clamp(source[dim] - constant(end - extent), 0, constant(extent - 1));
    const Expr own = at(lowering.inputs[i], reversed(source));
    end -= extent;
    lowering.range_begins[i] = end;
    value =
        value.defined() ? Halide::select(at_output[dim] < constant(end + extent), own, value) : own;
  }
  Func output("concat");
  output(vars) = value;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const Node node = args.node;  // nodes move as others are added
  const int64_t dim = node.attrs.integer("dim");
  int64_t begin = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const int64_t end = begin + args.graph.type(node.inputs[i]).shape[dim];
    if (args.wanted[i]) {
      Attrs attrs;
      attrs.set("starts", std::vector<int64_t>{begin});
      attrs.set("ends", std::vector<int64_t>{end});
      attrs.set("axes", std::vector<int64_t>{dim});
      result[i] = args.graph.add("Slice", node.name + ".grad_input" + std::to_string(i), attrs,
                                 {upstream})[0];
    }
    begin = end;
  }
  return result;
}

void reference(ReferenceArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const Fibres whole = fibres(args.outputs[0].shape, dim);
  int64_t begin = 0;
  for (const ReferenceTensor* in : args.inputs) {
    const Fibres part = fibres(in->shape, dim);
    for (int64_t i = 0; i < element_count(in->shape); ++i) {
      const int64_t after = i % part.after, k = i / part.after % part.extent;
      const int64_t before = i / (part.after * part.extent);
      args.outputs[0].data[(before * whole.extent + begin + k) * whole.after + after] = in->data[i];
    }
    begin += part.extent;
  }
}

OpDef make_concat() noexcept {
  OpDef op;
  op.name = "Concat";
  op.role = OpRole::layer;
  op.doc = "Joins tensors along a dimension, such as the channels of a dense block";
  op.attrs = {dim_attr("dim", int64_t{1}, "the dimension: 1, the channels")};
  op.inputs = {input("inputs")};
  op.inputs[0].variadic = true;
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef concat = make_concat();

}  // namespace cnnc
