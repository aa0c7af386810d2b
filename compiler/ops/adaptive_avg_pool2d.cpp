// AdaptiveAvgPool2d and its gradient. Tested by tests/ops/adaptive_avg_pool2d_test.cpp.
#include "compiler/ops/adaptive_window.h"
#include "compiler/ops/exprs.h"
#include "compiler/ops/pooling.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

Expr divisor(const AdaptiveWindow& window, const Expr& ox, const Expr& oy) {
  return Halide::cast<float>(window.x.count(ox) * window.y.count(oy));
}

bool has_equal_windows(const AdaptiveWindow& window) {
  return window.x.has_equal_windows() && window.y.has_equal_windows();
}

void lower(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.input_types[0].shape;
  const AdaptiveWindow window = adaptive_window(lowering.attrs(), in[2], in[3]);
  const Func input = lowering.inputs[0];
  RDom r(0, constant(window.x.most_taps()), 0, constant(window.y.most_taps()), "r");
  const Expr ix = window.x.position(r, x, r.x);
  const Expr iy = window.y.position(r, y, r.y);
  Func accumulator("accumulator"), output("adaptive_avg_pool2d");
  accumulator(x, y, c, n) = 0.f;
  accumulator(x, y, c, n) += input(ix, iy, c, n);
  output(x, y, c, n) = accumulator(x, y, c, n) / divisor(window, x, y);
  lowering.stages["window"] = accumulator;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Shape& in = args.graph.type(args.node.inputs[0]).shape;
  result[0] = args.graph.add("AdaptiveAvgPool2dGrad", args.node.name + ".grad_input",
                             with_input_extent(args.node.attrs, in), {upstream})[0];
  return result;
}

// Calls visit(output, elements of its window, input) for every tap, as indices.
template <class Visit>
void for_each_tap(const Attrs& attrs, const Shape& in, const Shape& out, Visit visit) {
  const auto [wy, wx] = adaptive_window(attrs, in[2], in[3]);
  for (int64_t i = 0; i < element_count(out); ++i) {
    const int64_t ox = i % out[3], oy = i / out[3] % out[2];
    const int64_t plane = i / (out[3] * out[2]) * in[2] * in[3];
    const auto count =
        static_cast<double>((wy.last(oy) - wy.first(oy)) * (wx.last(ox) - wx.first(ox)));
    for (int64_t iy = wy.first(oy); iy < wy.last(oy); ++iy) {
      for (int64_t ix = wx.first(ox); ix < wx.last(ox); ++ix) {
        visit(i, count, plane + iy * in[3] + ix);
      }
    }
  }
}

void reference(ReferenceArgs& args) {
  std::vector<double>& output = args.outputs[0].data;
  const ReferenceTensor& input = *args.inputs[0];
  for_each_tap(args.attrs, input.shape, args.outputs[0].shape,
               [&](int64_t o, double count, int64_t i) { output[o] += input.data[i] / count; });
}

Result<std::vector<Type>> infer_grad(InferArgs& args) { return infer_adaptive_grad(args); }

// Each position gathers from the windows that read it.
void lower_grad(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.output_types[0].shape;
  const AdaptiveWindow window = adaptive_window(lowering.attrs(), in[2], in[3]);
  const Func upstream = lowering.inputs[0];
  const bool divides_sum = has_equal_windows(window);
  Expr sum = sum_over_readers(
      window,
      [&](const Expr& ox, const Expr& oy) {
        const Expr value = upstream(ox, oy, c, n);
        return divides_sum ? value : value / divisor(window, ox, oy);
      },
      lowering.stages);
  if (divides_sum) sum = sum / divisor(window, Expr(x), Expr(y));
  Func output("adaptive_avg_pool2d_grad");
  output(x, y, c, n) = sum;
  lowering.outputs = {output};
}

uint32_t more_traits_grad(const Attrs& attrs, const std::vector<Type>&) {
  const bool overlaps =
      adaptive_window(attrs, attrs.integer("input_height"), attrs.integer("input_width"))
          .overlaps();
  return overlaps ? 0u : kCheapGather;
}

void reference_grad(ReferenceArgs& args) {
  std::vector<double>& output = args.outputs[0].data;
  const ReferenceTensor& upstream = *args.inputs[0];
  for_each_tap(args.attrs, args.outputs[0].shape, upstream.shape,
               [&](int64_t o, double count, int64_t i) { output[i] += upstream.data[o] / count; });
}

OpDef make_adaptive_avg_pool2d() noexcept {
  OpDef op;
  op.name = "AdaptiveAvgPool2d";
  op.role = OpRole::layer;
  op.doc = "Mean of as many windows of [N, C, H, W] as output_size says; 1: global";
  op.attrs = adaptive_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.schedule = "window";
  op.infer = infer_adaptive;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_adaptive_avg_pool2d_grad() noexcept {
  OpDef op;
  op.name = "AdaptiveAvgPool2dGrad";
  op.doc = "Gradient of AdaptiveAvgPool2d with respect to its input";
  op.attrs = with_input_extent(adaptive_attrs());
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.traits = kSumPreserving;
  op.more_traits = more_traits_grad;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef adaptive_avg_pool2d = make_adaptive_avg_pool2d();
extern const OpDef adaptive_avg_pool2d_grad = make_adaptive_avg_pool2d_grad();

}  // namespace cnnc
