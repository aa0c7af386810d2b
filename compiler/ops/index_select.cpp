// IndexSelect, with indices that are known when a network is compiled, and its gradient. Tested by
// tests/ops/index_select_test.cpp.
#include <algorithm>

#include "compiler/ops/tap_table.h"

namespace cnnc {
namespace {

// Settles dim and the indices, which then count from the front.
Diagnostics settle(Attrs& attrs, const Shape& in) {
  const Diagnostics problems = settle_dim(attrs, "dim", in);
  if (!problems.empty()) return problems;
  const int64_t dim = attrs.integer("dim"), extent = in[dim];
  std::vector<int64_t> indices = attrs.integers("index");
  for (int64_t& index : indices) {
    if (index >= extent || index < -extent) {
      return {error("index has " + std::to_string(index) + ", but dimension " +
                    std::to_string(dim) + " of " + to_string(in) + " has elements 0 to " +
                    std::to_string(extent - 1))};
    }
    if (index < 0) index += extent;
  }
  attrs.set("index", indices);
  return {};
}

Taps taps_of(const Attrs& attrs) {
  Taps taps;
  taps.indices = attrs.integers("index");
  taps.weights.resize(taps.indices.size(), 1);
  return taps;
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (problems.empty()) problems = settle(args.attrs, args.inputs[0].shape);
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  type.shape[args.attrs.integer("dim")] = static_cast<int64_t>(args.attrs.integers("index").size());
  return outputs_of({type});
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>&) {
  return attrs.integer("dim") == 0 ? kMixesBatch : 0u;
}

void lower(Lowering& lowering) {
  lower_sum_of_taps(lowering, "index_select", lowering.attrs().integer("dim"),
                    taps_of(lowering.attrs()));
}

std::vector<ValueId> gradient(GradientArgs& args) {
  Attrs attrs = args.node.attrs;
  attrs.set("input_extent", args.graph.type(args.node.inputs[0]).shape[attrs.integer("dim")]);
  return gradient_by(args, "IndexSelectGrad", attrs);
}

void reference(ReferenceArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const std::vector<int64_t>& indices = args.attrs.integers("index");
  for (int64_t i = 0; i < element_count(args.outputs[0].shape); ++i) {
    Shape from = coordinates_of(args.outputs[0].shape, i);
    from[dim] = indices[from[dim]];
    args.outputs[0].data[i] = args.inputs[0]->data[position_of(args.inputs[0]->shape, from)];
  }
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = settle_dim(args.attrs, "dim", args.inputs[0].shape);
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  int64_t& extent = type.shape[args.attrs.integer("dim")];
  const auto given = static_cast<int64_t>(args.attrs.integers("index").size());
  if (given != extent) {
    return error("index has " + std::to_string(given) + " numbers, but the gradient is " +
                 to_string(type.shape));
  }
  extent = args.attrs.integer("input_extent");
  problems = settle(args.attrs, type.shape);
  if (!problems.empty()) return problems;
  return outputs_of({type});
}

void lower_grad(Lowering& lowering) {
  lower_sum_of_taps(
      lowering, "index_select_grad", lowering.attrs().integer("dim"),
      transposed(taps_of(lowering.attrs()), lowering.attrs().integer("input_extent")));
}

void reference_grad(ReferenceArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const std::vector<int64_t>& indices = args.attrs.integers("index");
  for (int64_t i = 0; i < element_count(args.inputs[0]->shape); ++i) {
    Shape to = coordinates_of(args.inputs[0]->shape, i);
    to[dim] = indices[to[dim]];
    args.outputs[0].data[position_of(args.outputs[0].shape, to)] += args.inputs[0]->data[i];
  }
}

std::vector<AttrSpec> select_attrs() {
  return {dim_attr("dim", int64_t{1}, "the dimension: 1, the channels"),
          required(attribute("index", AttrKind::integers, {}, {-2147483647, 2147483647},
                             "which elements; negative: from the end"))};
}

OpDef make_index_select() noexcept {
  OpDef op;
  op.name = "IndexSelect";
  op.role = OpRole::layer;
  op.doc = "Elements of a dimension by a list of their numbers";
  op.attrs = select_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_index_select_grad() noexcept {
  OpDef op;
  op.name = "IndexSelectGrad";
  op.doc = "Gradient of IndexSelect with respect to its input";
  op.attrs = select_attrs();
  op.attrs.push_back(required(attribute("input_extent", AttrKind::integer, {}, kCounts,
                                        "extent of the input's dimension")));
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef index_select = make_index_select();
extern const OpDef index_select_grad = make_index_select_grad();

}  // namespace cnnc
