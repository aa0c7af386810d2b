// Tile, as PyTorch's and ONNX's; Expand; and the gradient of both. Tested by
// tests/ops/tile_test.cpp.
#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

// A list for the last dimensions, as one for all.
Result<std::vector<int64_t>> for_all(const std::vector<int64_t>& list, const std::string& name,
                                     const Shape& in, int64_t fallback) {
  if (list.size() > in.size()) {
    return error(name + " has " + std::to_string(list.size()) + " numbers, but the input is " +
                 to_string(in));
  }
  std::vector<int64_t> all(in.size() - list.size(), fallback);
  all.insert(all.end(), list.begin(), list.end());
  return all;
}

Result<std::vector<Type>> infer_tile(InferArgs& args) {
  const Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  const Result<std::vector<int64_t>> repeats =
      for_all(args.attrs.integers("dims"), "dims", type.shape, 1);
  if (!repeats) return repeats.diagnostics();
  for (size_t d = 0; d < type.shape.size(); ++d) type.shape[d] *= (*repeats)[d];
  return outputs_of({type});
}

Result<std::vector<Type>> infer_expand(InferArgs& args) {
  const Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  const Result<std::vector<int64_t>> sizes =
      for_all(args.attrs.integers("size"), "size", type.shape, -1);
  if (!sizes) return sizes.diagnostics();
  for (size_t d = 0; d < type.shape.size(); ++d) {
    const int64_t size = (*sizes)[d];
    if (size == -1 || size == type.shape[d]) continue;
    if (type.shape[d] != 1 || size < 1) {
      return error("size has " + std::to_string(size) + " for dimension " + std::to_string(d) +
                   ", whose extent is " + std::to_string(type.shape[d]) +
                   ": only dimensions of extent 1 expand");
    }
    type.shape[d] = size;
  }
  return outputs_of({type});
}

// `inputs` are those of a Tile or an Expand.
Shape output_shape(const Attrs& attrs, const Shape& in) {
  Attrs own = attrs;
  const std::vector<Type> types = {{DType::f32, in}};
  InferArgs args{own, types};
  return (attrs.has("dims") ? infer_tile(args) : infer_expand(args))->at(0).shape;
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Shape& in = inputs[0].shape;
  const Shape out = output_shape(attrs, in);
  return (out == in ? kView : 0u) | (out[0] == in[0] ? 0u : kMixesBatch);
}

void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const Shape& out = lowering.output_types[0].shape;
  lower_move(lowering, "tile", [&](std::vector<Expr> at) {
    for (size_t d = 0; d < in.size(); ++d) {
      if (in[d] != out[d]) at[d] = in[d] == 1 ? Expr(0) : at[d] % constant(in[d]);
    }
    return at;
  });
}

std::vector<ValueId> gradient(GradientArgs& args) {
  const Shape& in = args.graph.type(args.node.inputs[0]).shape;
  const Shape& out = args.graph.type(args.node.outputs[0]).shape;
  std::vector<int64_t> repeats;
  for (size_t d = 0; d < in.size(); ++d) repeats.push_back(out[d] / in[d]);
  Attrs attrs;
  attrs.set("dims", repeats);
  return gradient_by(args, "TileGrad", attrs);
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& in = *args.inputs[0];
  ReferenceTensor& out = args.outputs[0];
  for (int64_t i = 0; i < element_count(out.shape); ++i) {
    Shape from = coordinates_of(out.shape, i);
    for (size_t d = 0; d < from.size(); ++d) from[d] %= in.shape[d];
    out.data[i] = in.data[position_of(in.shape, from)];
  }
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  const std::vector<int64_t>& repeats = args.attrs.integers("dims");
  for (size_t d = 0; d < type.shape.size(); ++d) {
    if (repeats.size() != type.shape.size() || type.shape[d] % repeats[d] != 0) {
      return error("dims is " + to_string(repeats) + ", but the gradient is " +
                   to_string(type.shape));
    }
    type.shape[d] /= repeats[d];
  }
  return outputs_of({type});
}

uint32_t more_traits_grad(const Attrs& attrs, const std::vector<Type>&) {
  return attrs.integers("dims")[0] == 1 ? 0u : kMixesBatch;
}

void lower_grad(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  const std::vector<Var> vars = variables(type.rank());
  const std::vector<int64_t>& repeats = lowering.attrs().integers("dims");
  Halide::Region bounds;
  for (int64_t each : repeats) {
    if (each > 1) bounds.emplace_back(0, constant(each));
  }
  std::vector<Expr> source = reversed(vars);
  Func output("tile_grad");
  if (bounds.empty()) {
    output(vars) = at(lowering.inputs[0], reversed(source));
  } else {
    const RDom r(bounds, "r");
    int next = 0;
    for (size_t d = 0; d < repeats.size(); ++d) {
      if (repeats[d] > 1) source[d] = source[d] + r[next++] * constant(type.shape[d]);
    }
    Func sum("sum");
    sum(vars) = 0.f;
    sum(vars) += at(lowering.inputs[0], reversed(source));
    lowering.stages["sum"] = sum;
    output(vars) = sum(vars);
  }
  lowering.outputs = {output};
}

std::vector<ValueId> gradient_grad(GradientArgs& args) {
  return gradient_by(args, "Tile", args.node.attrs);
}

void reference_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  ReferenceTensor& out = args.outputs[0];
  for (int64_t i = 0; i < element_count(upstream.shape); ++i) {
    Shape to = coordinates_of(upstream.shape, i);
    for (size_t d = 0; d < to.size(); ++d) to[d] %= out.shape[d];
    out.data[position_of(out.shape, to)] += upstream.data[i];
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

OpDef make_tile() noexcept {
  OpDef op = make_op();
  op.name = "Tile";
  op.doc = "The input, several times side by side";
  op.attrs = {required(attribute("dims", AttrKind::integers, {}, kCounts,
                                 "how often, for each of the last dimensions"))};
  op.infer = infer_tile;
  return op;
}

OpDef make_expand() noexcept {
  OpDef op = make_op();
  op.name = "Expand";
  op.doc = "Repeats along dimensions of extent 1";
  op.attrs = {required(attribute("size", AttrKind::integers, {}, {-1, 2147483647},
                                 "extents of the last dimensions; -1: as it is"))};
  op.infer = infer_expand;
  return op;
}

OpDef make_tile_grad() noexcept {
  OpDef op;
  op.name = "TileGrad";
  op.doc = "Gradient of Tile with respect to its input: sums of what was repeated";
  op.attrs = {required(
      attribute("dims", AttrKind::integers, {}, kCounts, "how often, for each dimension"))};
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.more_traits = more_traits_grad;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.gradient = gradient_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef expand = make_expand();
extern const OpDef tile = make_tile();
extern const OpDef tile_grad = make_tile_grad();

}  // namespace cnnc
