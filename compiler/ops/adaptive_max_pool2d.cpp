// AdaptiveMaxPool2d and its gradient. Tested by tests/ops/adaptive_max_pool2d_test.cpp.
//
// Ties and NaN are decided as in MaxPool2d. The index is the row-major number of the element that
// won in its image, as in PyTorch.
#include <limits>

#include "compiler/ops/adaptive_window.h"
#include "compiler/ops/exprs.h"
#include "compiler/ops/pooling.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Tuple;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Result<std::vector<Type>> types = infer_adaptive(args);
  if (types) types->push_back({DType::i32, (*types)[0].shape});
  return types;
}

void lower(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.input_types[0].shape;
  const AdaptiveWindow window = adaptive_window(lowering.attrs(), in[2], in[3]);
  const Func input = lowering.inputs[0];
  RDom r(0, constant(window.x.most_taps()), 0, constant(window.y.most_taps()), "r");
  const Expr ix = window.x.position(r, x, r.x);
  const Expr iy = window.y.position(r, y, r.y);
  const Expr width = constant(in[3]);
  // The index comes first; see max_pool2d.cpp.
  Func best("best");
  best(x, y, c, n) = Tuple(window.y.first(y) * width + window.x.first(x),
                           Expr(-std::numeric_limits<float>::infinity()));
  const Expr value = input(ix, iy, c, n);
  const Expr is_better = is_greater_or_nan(value, best(x, y, c, n)[1]);
  best(x, y, c, n) = Tuple(Halide::select(is_better, iy * width + ix, best(x, y, c, n)[0]),
                           Halide::select(is_better, value, best(x, y, c, n)[1]));
  Func output("adaptive_max_pool2d_output"), index("adaptive_max_pool2d_index");
  output(x, y, c, n) = best(x, y, c, n)[1];
  index(x, y, c, n) = best(x, y, c, n)[0];
  lowering.stages["window"] = best;
  lowering.outputs = {output, index};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Shape& in = args.graph.type(args.node.inputs[0]).shape;
  result[0] =
      args.graph.add("AdaptiveMaxPool2dGrad", args.node.name + ".grad_input",
                     with_input_extent(args.node.attrs, in), {upstream, args.node.outputs[1]})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  const Shape& in = input.shape;
  const Shape& out = args.outputs[0].shape;
  const auto [wy, wx] = adaptive_window(args.attrs, in[2], in[3]);
  for (int64_t i = 0; i < element_count(out); ++i) {
    const int64_t ox = i % out[3], oy = i / out[3] % out[2];
    const int64_t plane = i / (out[3] * out[2]) * in[2] * in[3];
    int64_t winner = -1;
    double best = 0;
    for (int64_t iy = wy.first(oy); iy < wy.last(oy); ++iy) {
      for (int64_t ix = wx.first(ox); ix < wx.last(ox); ++ix) {
        const double value = input.data[plane + iy * in[3] + ix];
        if (winner < 0 || value > best || value != value) {
          best = value;
          winner = iy * in[3] + ix;
        }
      }
    }
    args.outputs[0].data[i] = best;
    args.outputs[1].data[i] = static_cast<double>(winner);
  }
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Result<std::vector<Type>> types = infer_adaptive_grad(args);
  if (!types.ok()) return types;
  const Diagnostics problems = expect_type(args, 1, "index", {DType::i32, args.inputs[0].shape});
  if (!problems.empty()) return problems;
  return types;
}

// Each position gathers from the windows that read it.
void lower_grad(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.output_types[0].shape;
  const AdaptiveWindow window = adaptive_window(lowering.attrs(), in[2], in[3]);
  const Func upstream = lowering.inputs[0], index = lowering.inputs[1];
  Func output("adaptive_max_pool2d_grad");
  output(x, y, c, n) = sum_over_readers(
      window,
      [&](const Expr& ox, const Expr& oy) {
        const Expr is_winner = index(ox, oy, c, n) == y * constant(in[3]) + x;
        return Halide::select(is_winner, upstream(ox, oy, c, n), 0.f);
      },
      lowering.stages);
  lowering.outputs = {output};
}

uint32_t more_traits_grad(const Attrs& attrs, const std::vector<Type>&) {
  const bool overlaps =
      adaptive_window(attrs, attrs.integer("input_height"), attrs.integer("input_width"))
          .overlaps();
  return overlaps ? 0u : kCheapGather;
}

void reference_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const Shape& in = args.outputs[0].shape;
  const int64_t pixels = upstream.shape[2] * upstream.shape[3];
  for (int64_t i = 0; i < element_count(upstream.shape); ++i) {
    const auto winner = static_cast<int64_t>(args.inputs[1]->data[i]);
    args.outputs[0].data[i / pixels * in[2] * in[3] + winner] += upstream.data[i];
  }
}

OpDef make_adaptive_max_pool2d() noexcept {
  OpDef op;
  op.name = "AdaptiveMaxPool2d";
  op.role = OpRole::layer;
  op.doc = "Maximum over as many windows of [N, C, H, W] as output_size says; 1: global";
  op.attrs = adaptive_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output", "index"};
  op.traits = kSelectsMaximum;
  op.schedule = "window";
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_adaptive_max_pool2d_grad() noexcept {
  OpDef op;
  op.name = "AdaptiveMaxPool2dGrad";
  op.doc = "Gradient of AdaptiveMaxPool2d with respect to its input, from the winners";
  op.attrs = with_input_extent(adaptive_attrs());
  op.inputs = {input("gradient"), input("index")};
  op.outputs = {"output"};
  op.traits = kSumPreserving;
  op.more_traits = more_traits_grad;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef adaptive_max_pool2d = make_adaptive_max_pool2d();
extern const OpDef adaptive_max_pool2d_grad = make_adaptive_max_pool2d_grad();

}  // namespace cnnc
