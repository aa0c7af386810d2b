// AvgPool2d and its gradient. Tested by tests/ops/avg_pool2d_test.cpp.
//
// As in PyTorch, a window's sum is divided by the number of its taps: with count_include_pad those
// inside the padded input (a window that ceil_mode keeps may reach beyond it), else those inside
// the input; divisor_override replaces either.
#include "compiler/ops/exprs.h"
#include "compiler/ops/pooling.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Window window = pool_window(attrs, inputs[0].shape[2], inputs[0].shape[3]);
  return joins_producer(window) ? kWindow : 0u;
}

// Whether all windows count as many taps. The first and the last count fewest.
bool is_uniform(const WindowAxis& axis, bool with_padding) {
  return count_of(axis, with_padding, 0) == axis.kernel &&
         count_of(axis, with_padding, axis.out - 1) == axis.kernel;
}

// The taps of output `o` that count.
Expr count_of(const WindowAxis& axis, bool with_padding, const Expr& o) {
  if (is_uniform(axis, with_padding)) return constant(axis.kernel);
  const auto [first, last] = counted(axis, with_padding);
  const Expr start = o * constant(axis.stride) - constant(axis.before);
  // Division rounds down, also below zero.
  const Expr begin =
      Halide::max(0, (constant(first + axis.dilation - 1) - start) / constant(axis.dilation));
  const Expr end = Halide::min(constant(axis.kernel),
                               (constant(last - 1) - start) / constant(axis.dilation) + 1);
  return end - begin;
}

// What the sum of a window is divided by.
class Divisor {
 public:
  Divisor(const Attrs& attrs, const Window& window)
      : window_(window), with_padding_(attrs.boolean("count_include_pad")) {
    if (attrs.has("divisor_override")) {
      constant_ = attrs.integer("divisor_override");
    } else if (is_uniform(window.y, with_padding_) && is_uniform(window.x, with_padding_)) {
      constant_ = window.taps();
    }
  }

  [[nodiscard]] bool is_constant() const { return constant_ != 0; }
  [[nodiscard]] Expr at(const Expr& ox, const Expr& oy) const {
    if (is_constant()) return {static_cast<float>(constant_)};
    return Halide::cast<float>(count_of(window_.x, with_padding_, ox) *
                               count_of(window_.y, with_padding_, oy));
  }
  [[nodiscard]] int64_t at(int64_t ox, int64_t oy) const {
    if (is_constant()) return constant_;
    return count_of(window_.x, with_padding_, ox) * count_of(window_.y, with_padding_, oy);
  }

 private:
  const Window& window_;
  bool with_padding_;
  int64_t constant_ = 0;  // 0: differs between windows
};

void lower(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.input_types[0].shape;
  const Window window = pool_window(lowering.attrs(), in[2], in[3]);
  const Divisor divisor(lowering.attrs(), window);
  const Func input = lowering.inputs[0];
  Expr sum;
  if (is_small(window)) {
    for (int64_t tap = 0; tap < window.taps(); ++tap) {
      const Expr ix =
          x * constant(window.x.stride) + constant(tap % window.x.kernel * window.x.dilation);
      const Expr iy =
          y * constant(window.y.stride) + constant(tap / window.x.kernel * window.y.dilation);
      const Expr value = input(ix, iy, c, n);
      sum = sum.defined() ? sum + value : value;
    }
  } else {
    RDom r(0, constant(window.x.kernel), 0, constant(window.y.kernel), "r");
    Expr exists;
    const Expr ix = read_position(window.x, r, x, r.x, exists);
    const Expr iy = read_position(window.y, r, y, r.y, exists);
    Func accumulator("accumulator");
    accumulator(x, y, c, n) = 0.f;
    accumulator(x, y, c, n) += if_exists(exists, input(ix, iy, c, n), 0.f);
    lowering.stages["window"] = accumulator;
    sum = accumulator(x, y, c, n);
  }
  Func output("avg_pool2d");
  output(x, y, c, n) = sum / divisor.at(x, y);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Shape& in = args.graph.type(args.node.inputs[0]).shape;
  result[0] = args.graph.add("AvgPool2dGrad", args.node.name + ".grad_input",
                             with_input_extent(args.node.attrs, in), {upstream})[0];
  return result;
}

// Calls visit(output, window's divisor, input) for every tap inside the input, as indices.
template <class Visit>
void for_each_tap(const Attrs& attrs, const Shape& in, const Shape& out, Visit visit) {
  const Window window = pool_window(attrs, in[2], in[3]);
  const Divisor divisor(attrs, window);
  for (int64_t i = 0; i < element_count(out); ++i) {
    const int64_t ox = i % out[3], oy = i / out[3] % out[2];
    const int64_t plane = i / (out[3] * out[2]) * in[2] * in[3];
    const auto divided_by = static_cast<double>(divisor.at(ox, oy));
    for (int64_t tap = 0; tap < window.taps(); ++tap) {
      const int64_t iy = window.y.position(oy, tap / window.x.kernel);
      const int64_t ix = window.x.position(ox, tap % window.x.kernel);
      if (!window.y.is_inside(iy) || !window.x.is_inside(ix)) continue;
      visit(i, divided_by, plane + iy * in[3] + ix);
    }
  }
}

void reference(ReferenceArgs& args) {
  std::vector<double>& output = args.outputs[0].data;
  const ReferenceTensor& input = *args.inputs[0];
  for_each_tap(args.attrs, input.shape, args.outputs[0].shape,
               [&](int64_t o, double divisor, int64_t i) { output[o] += input.data[i] / divisor; });
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {kImageForm});
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  const int64_t height = args.attrs.integer("input_height");
  const int64_t width = args.attrs.integer("input_width");
  const Window window = pool_window(args.attrs, height, width);
  problems = expect_type(args, 0, "gradient",
                         {DType::f32, {shape[0], shape[1], window.y.out, window.x.out}});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {shape[0], shape[1], height, width}}});
}

// Each position gathers from the windows that read it.
void lower_grad(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.output_types[0].shape;
  const Window window = pool_window(lowering.attrs(), in[2], in[3]);
  const Divisor divisor(lowering.attrs(), window);
  const Func upstream = lowering.inputs[0];
  Expr sum = sum_over_readers(
      window,
      [&](const WindowReader& rx, const WindowReader& ry) {
        Expr value = upstream(rx.output, ry.output, c, n);
        if (!divisor.is_constant()) value = value / divisor.at(rx.output, ry.output);
        return Halide::select(rx.exists && ry.exists, value, 0.f);
      },
      lowering.stages);
  if (divisor.is_constant()) sum = sum / divisor.at(Expr(x), Expr(y));
  Func output("avg_pool2d_grad");
  output(x, y, c, n) = sum;
  lowering.outputs = {output};
}

uint32_t more_traits_grad(const Attrs& attrs, const std::vector<Type>&) {
  const Window window =
      pool_window(attrs, attrs.integer("input_height"), attrs.integer("input_width"));
  // Sums are kept where windows divide by what they read.
  bool keeps_sums = !attrs.has("divisor_override");
  if (attrs.boolean("count_include_pad")) {
    keeps_sums &= is_uniform(window.y, false) && is_uniform(window.x, false);
  }
  return (keeps_sums ? kSumPreserving : 0u) | (windows_overlap(window) ? 0u : kCheapGather);
}

void reference_grad(ReferenceArgs& args) {
  std::vector<double>& output = args.outputs[0].data;
  const ReferenceTensor& upstream = *args.inputs[0];
  for_each_tap(
      args.attrs, args.outputs[0].shape, upstream.shape,
      [&](int64_t o, double divisor, int64_t i) { output[i] += upstream.data[o] / divisor; });
}

OpDef make_avg_pool2d() noexcept {
  OpDef op;
  op.name = "AvgPool2d";
  op.role = OpRole::layer;
  op.doc = "Mean of windows of [N, C, H, W]";
  op.attrs = avg_pool_attrs(2);
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.schedule = "window";
  op.infer = infer_pool;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_avg_pool2d_grad() noexcept {
  OpDef op;
  op.name = "AvgPool2dGrad";
  op.doc = "Gradient of AvgPool2d with respect to its input";
  op.attrs = with_input_extent(avg_pool_attrs(2));
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.more_traits = more_traits_grad;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef avg_pool2d = make_avg_pool2d();
extern const OpDef avg_pool2d_grad = make_avg_pool2d_grad();

}  // namespace cnnc
