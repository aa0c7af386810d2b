// MaxPool2d and its gradient. Tested by tests/ops/max_pool2d_test.cpp.
//
// As in PyTorch: the taps of a window are visited in row-major order and padding is left out; a tap
// wins if it is strictly greater than the best so far, or NaN. Hence the first of equal maxima
// wins, NaN propagates, and the last NaN is the one that receives the gradient. The comparisons are
// strict, since Halide's default arithmetic assumes that there are no NaNs.
#include <limits>

#include "compiler/ops/exprs.h"
#include "compiler/ops/pooling.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Tuple;
using Halide::Var;

DType index_type(const Window& window) { return window.taps() > 255 ? DType::i32 : DType::u8; }

Result<std::vector<Type>> infer(InferArgs& args) {
  Result<std::vector<Type>> types = infer_pool(args);
  if (!types) return types;
  types->push_back({index_type(window_of(args.attrs)), (*types)[0].shape});
  return types;
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Window window = pool_window(attrs, inputs[0].shape[2], inputs[0].shape[3]);
  return joins_producer(window) ? kWindow : 0u;
}

void lower(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.input_types[0].shape;
  const Window window = pool_window(lowering.attrs(), in[2], in[3]);
  const Func input = lowering.inputs[0];
  const bool is_wide = lowering.output_types[1].dtype == DType::i32;
  const Halide::Type type = is_wide ? Halide::Int(32) : Halide::UInt(8);
  const auto number = [&](const Expr& tap) { return Halide::cast(type, tap); };
  const Tuple none(
      Expr(-std::numeric_limits<float>::infinity()),
      number(first_tap(window.y, y) * constant(window.x.kernel) + first_tap(window.x, x)));

  Func pool("max_pool2d");
  if (is_small(window)) {
    // A tournament in row-major order: expressions stay small, since each round repeats its
    // operands.
    std::vector<Tuple> round;
    for (int64_t tap = 0; tap < window.taps(); ++tap) {
      const Expr ix =
          x * constant(window.x.stride) + constant(tap % window.x.kernel * window.x.dilation);
      const Expr iy =
          y * constant(window.y.stride) + constant(tap / window.x.kernel * window.y.dilation);
      round.emplace_back(Expr(input(ix, iy, c, n)), number(constant(tap)));
    }
    while (round.size() > 1) {
      std::vector<Tuple> winners;
      for (size_t i = 0; i + 1 < round.size(); i += 2) {
        const Expr second = is_greater_or_nan(round[i + 1][0], round[i][0]);
        winners.emplace_back(Halide::select(second, round[i + 1][0], round[i][0]),
                             Halide::select(second, round[i + 1][1], round[i][1]));
      }
      if (round.size() % 2 != 0) winners.push_back(round.back());
      round = std::move(winners);
    }
    pool(x, y, c, n) = round[0];
  } else {
    RDom r(0, constant(window.x.kernel), 0, constant(window.y.kernel), "r");
    Expr exists;
    const Expr ix = read_position(window.x, r, x, r.x, exists);
    const Expr iy = read_position(window.y, r, y, r.y, exists);
    const Expr value = if_exists(exists, input(ix, iy, c, n), none[0]);
    // The index comes first: Halide 21 stores the elements of a tuple one after the other where
    // it does not see that a strict comparison reads an earlier one.
    Func best("best");
    best(x, y, c, n) = Tuple(none[1], none[0]);
    const Expr is_better = is_greater_or_nan(value, best(x, y, c, n)[1]);
    const Expr tap = number(r.y * constant(window.x.kernel) + r.x);
    best(x, y, c, n) = Tuple(Halide::select(is_better, tap, best(x, y, c, n)[0]),
                             Halide::select(is_better, value, best(x, y, c, n)[1]));
    pool(x, y, c, n) = Tuple(best(x, y, c, n)[1], best(x, y, c, n)[0]);
    lowering.stages["window"] = best;
  }
  Func output("max_pool2d_output"), index("max_pool2d_index");
  output(x, y, c, n) = pool(x, y, c, n)[0];
  // The index of a single tap reads nothing, not even what becomes nothing when it is inlined:
  // Halide 21 has no place for stages that nobody reads.
  const bool is_one = is_small(window) && window.taps() == 1;
  index(x, y, c, n) = is_one ? number(0) : pool(x, y, c, n)[1];
  lowering.outputs = {output, index};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Shape& in = args.graph.type(args.node.inputs[0]).shape;
  result[0] =
      args.graph.add("MaxPool2dGrad", args.node.name + ".grad_input",
                     with_input_extent(args.node.attrs, in), {upstream, args.node.outputs[1]})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  const Shape& in = input.shape;
  const Shape& out = args.outputs[0].shape;
  const Window window = pool_window(args.attrs, in[2], in[3]);
  for (int64_t i = 0; i < element_count(out); ++i) {
    const int64_t ox = i % out[3], oy = i / out[3] % out[2];
    const int64_t plane = i / (out[3] * out[2]) * in[2] * in[3];
    int64_t best_tap = -1;
    double best = 0;
    for (int64_t tap = 0; tap < window.taps(); ++tap) {
      const int64_t iy = window.y.position(oy, tap / window.x.kernel);
      const int64_t ix = window.x.position(ox, tap % window.x.kernel);
      if (!window.y.is_inside(iy) || !window.x.is_inside(ix)) continue;
      const double value = input.data[plane + iy * in[3] + ix];
      if (best_tap < 0 || value > best || value != value) {
        best = value;
        best_tap = tap;
      }
    }
    args.outputs[0].data[i] = best;
    args.outputs[1].data[i] = static_cast<double>(best_tap);
  }
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {kImageForm});
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  const int64_t height = args.attrs.integer("input_height");
  const int64_t width = args.attrs.integer("input_width");
  const Window window = pool_window(args.attrs, height, width);
  const Shape out = {shape[0], shape[1], window.y.out, window.x.out};
  problems = expect_type(args, 0, "gradient", {DType::f32, out});
  if (problems.empty()) problems = expect_type(args, 1, "index", {index_type(window), out});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {shape[0], shape[1], height, width}}});
}

// Each position gathers from the windows that read it.
void lower_grad(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.output_types[0].shape;
  const Window window = pool_window(lowering.attrs(), in[2], in[3]);
  const Func upstream = lowering.inputs[0], index = lowering.inputs[1];
  Func output("max_pool2d_grad");
  output(x, y, c, n) = sum_over_readers(
      window,
      [&](const WindowReader& rx, const WindowReader& ry) {
        const Expr chosen = index(rx.output, ry.output, c, n);
        const Expr tap = Halide::cast(chosen.type(), ry.tap * constant(window.x.kernel) + rx.tap);
        return Halide::select(rx.exists && ry.exists && chosen == tap,
                              upstream(rx.output, ry.output, c, n), 0.f);
      },
      lowering.stages);
  lowering.outputs = {output};
}

uint32_t more_traits_grad(const Attrs& attrs, const std::vector<Type>&) {
  return windows_overlap(window_of(attrs)) ? 0u : kCheapGather;
}

void reference_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const Shape& out = upstream.shape;
  const Shape& in = args.outputs[0].shape;
  const Window window = pool_window(args.attrs, in[2], in[3]);
  for (int64_t i = 0; i < element_count(out); ++i) {
    const int64_t tap = static_cast<int64_t>(args.inputs[1]->data[i]);
    const int64_t iy = window.y.position(i / out[3] % out[2], tap / window.x.kernel);
    const int64_t ix = window.x.position(i % out[3], tap % window.x.kernel);
    const int64_t plane = i / (out[3] * out[2]) * in[2] * in[3];
    args.outputs[0].data[plane + iy * in[3] + ix] += upstream.data[i];
  }
}

OpDef make_max_pool2d() noexcept {
  OpDef op;
  op.name = "MaxPool2d";
  op.role = OpRole::layer;
  op.doc = "Maximum over windows of [N, C, H, W]";
  op.attrs = max_pool_attrs(2);
  op.inputs = {input("input")};
  op.outputs = {"output", "index"};
  op.traits = kSelectsMaximum;
  op.more_traits = more_traits;
  op.schedule = "window";
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_max_pool2d_grad() noexcept {
  OpDef op;
  op.name = "MaxPool2dGrad";
  op.doc = "Gradient of MaxPool2d with respect to its input, from the winning taps";
  op.attrs = with_input_extent(max_pool_attrs(2));
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

extern const OpDef max_pool2d = make_max_pool2d();
extern const OpDef max_pool2d_grad = make_max_pool2d_grad();

}  // namespace cnnc
