// DepthWindows and FoldDepth: with them, convolutions of images compute those of volumes. Tested by
// tests/ops/depth_windows_test.cpp.
//
//   DepthWindows  output(d * N + n, c * K + k, y, x) = input(n, c, z, y, x) or 0 where there is
//   none FoldDepth     output(n, c, z, y, x) = bias(c) + sum of input(d * N + n, c * K + k, y, x)
//                                         over all (d, k) of that z
// with z = d * stride + k * dilation - padding. Each is the other's gradient. A kernel K of 1 makes
// images of the slices of volumes, and the other way round.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"
#include "compiler/ops/window.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

constexpr int64_t kMostUnrolledTaps = 8;

std::vector<AttrSpec> window_attrs() {
  const auto size = [](const char* name, Range range, const char* doc) {
    return required(attribute(name, AttrKind::integer, {}, range, doc));
  };
  return {
      size("kernel", kCounts, "taps of a window, K"),
      size("stride", kCounts, "step between windows"),
      size("dilation", kCounts, "distance between taps"),
      size("padding", kSizes, "slices of zeros before the volume"),
      size("depth", kCounts, "of the volume"),
      size("windows", kCounts, "how many there are"),
  };
}

WindowAxis axis_of(const Attrs& attrs) {
  WindowAxis axis;
  axis.kernel = attrs.integer("kernel");
  axis.stride = attrs.integer("stride");
  axis.dilation = attrs.integer("dilation");
  axis.before = attrs.integer("padding");
  axis.in = attrs.integer("depth");
  axis.out = attrs.integer("windows");
  return axis;
}

Result<std::vector<Type>> infer_windows(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kVolumeForm});
  if (!problems.empty()) return problems;
  const WindowAxis axis = axis_of(args.attrs);
  const Shape& in = args.inputs[0].shape;
  problems = expect_type(args, 0, "input", {DType::f32, {in[0], in[1], axis.in, in[3], in[4]}});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {axis.out * in[0], in[1] * axis.kernel, in[3], in[4]}}});
}

Result<std::vector<Type>> infer_fold(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kImageForm});
  if (!problems.empty()) return problems;
  const WindowAxis axis = axis_of(args.attrs);
  const Shape& in = args.inputs[0].shape;
  if (in[0] % axis.out != 0 || in[1] % axis.kernel != 0) {
    return error("cannot fold " + to_string(in) + " from " + std::to_string(axis.out) +
                 " windows of " + std::to_string(axis.kernel));
  }
  const int64_t channels = in[1] / axis.kernel;
  if (is_given(args, 1)) {
    problems = expect_type(args, 1, "bias", {DType::f32, {channels}});
    if (!problems.empty()) return problems;
  }
  return outputs_of({{DType::f32, {in[0] / axis.out, channels, axis.in, in[2], in[3]}}});
}

// a / b and a % b, which is nothing where b is 1.
Expr quotient(const Expr& a, int64_t b) { return b == 1 ? a : a / constant(b); }
Expr remainder(const Expr& a, int64_t b) { return b == 1 ? Expr(0) : a % constant(b); }

void lower_windows(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const WindowAxis axis = axis_of(lowering.attrs());
  const int64_t batch = lowering.input_types[0].shape[0];
  const Expr k = remainder(c, axis.kernel);
  const Expr d = axis.out == 1 ? Expr(0) : n / constant(batch);
  const Expr z = d * constant(axis.stride) + k * constant(axis.dilation) - constant(axis.before);
  const Expr image = axis.out == 1 ? Expr(n) : n % constant(batch);
  const bool inside = axis.starts_inside(0) && axis.ends_inside(axis.kernel - 1);
  const Expr value =
      lowering.inputs[0](x, y, inside ? z : Halide::clamp(z, 0, constant(axis.in - 1)),
                         quotient(c, axis.kernel), image);
  Func output("depth_windows");
  output(x, y, c, n) = inside ? value : Halide::select(z >= 0 && z < constant(axis.in), value, 0.f);
  lowering.outputs = {output};
}

void lower_fold(Lowering& lowering) {
  const std::vector<Var> v = variables(5);
  const Var &x = v[0], &y = v[1], &z = v[2], &c = v[3], &n = v[4];
  const WindowAxis axis = axis_of(lowering.attrs());
  const int64_t batch = lowering.output_types[0].shape[0];
  const Func input = lowering.inputs[0], bias = input_or_none(lowering, 1);
  const Expr start = bias.defined() ? Expr(bias(c)) : Expr(0.f);
  const auto value = [&](const Expr& d, const Expr& k) -> Expr {
    return input(x, y, c * constant(axis.kernel) + k, d * constant(batch) + n);
  };
  Func output("fold_depth");
  if (axis.kernel == 1 && axis.stride == 1 && axis.before == 0 && axis.in == axis.out) {
    output(v) = bias.defined() ? value(z, 0) + start : value(z, 0);
  } else if (axis.kernel <= kMostUnrolledTaps) {
    Expr sum = start;
    for (int64_t k = 0; k < axis.kernel; ++k) {
      const Expr t = z + constant(axis.before - k * axis.dilation);
      const Expr d = quotient(t, axis.stride);
      Expr exists = t >= 0 && d < constant(axis.out);
      if (axis.stride > 1) exists = exists && t % constant(axis.stride) == 0;
      sum += Halide::select(exists, value(Halide::clamp(d, 0, constant(axis.out - 1)), constant(k)),
                            0.f);
    }
    output(v) = sum;
  } else {
    RDom r(0, constant(axis.kernel), "r");
    const Expr d = reading_output(axis, r, z, r);
    Func accumulator("accumulator");
    accumulator(v) = start;
    accumulator(v) += value(d, r);
    output(v) = accumulator(v);
    lowering.stages["accumulator"] = accumulator;
  }
  lowering.outputs = {output};
}

std::vector<ValueId> gradient_windows(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  result[0] = args.graph.add("FoldDepth", args.node.name + ".grad_input", args.node.attrs,
                             {upstream, kNoValue})[0];
  return result;
}

std::vector<ValueId> gradient_fold(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const std::vector<bool> wanted = {is_wanted(args, 0), is_wanted(args, 1)};
  const Node node = args.node;  // nodes move as others are added
  if (wanted[0]) {
    result[0] =
        args.graph.add("DepthWindows", node.name + ".grad_input", node.attrs, {upstream})[0];
  }
  if (wanted[1]) {
    const Shape out = args.graph.type(upstream).shape;
    Attrs attrs;
    attrs.set("shape", Shape{out[0], out[1], out[2] * out[3], out[4]});
    const ValueId images = args.graph.add("View", node.name + ".grad_image", attrs, {upstream})[0];
    result[1] = args.graph.add("ChannelSum", node.name + ".grad_bias", {}, {images})[0];
  }
  return result;
}

// Calls visit(element of the volume, element of the windows).
template <class Visit>
void for_each_pair(const Attrs& attrs, const Shape& volume, Visit visit) {
  const WindowAxis axis = axis_of(attrs);
  const int64_t pixels = volume[3] * volume[4];
  for (int64_t d = 0; d < axis.out; ++d) {
    for (int64_t n = 0; n < volume[0]; ++n) {
      for (int64_t c = 0; c < volume[1]; ++c) {
        for (int64_t k = 0; k < axis.kernel; ++k) {
          const int64_t z = axis.position(d, k);
          if (!axis.is_inside(z)) continue;
          const int64_t plane = (n * volume[1] + c) * axis.in + z;
          const int64_t window = ((d * volume[0] + n) * volume[1] + c) * axis.kernel + k;
          for (int64_t i = 0; i < pixels; ++i) visit(plane * pixels + i, window * pixels + i);
        }
      }
    }
  }
}

void reference_windows(ReferenceArgs& args) {
  for_each_pair(args.attrs, args.inputs[0]->shape, [&](int64_t volume, int64_t window) {
    args.outputs[0].data[window] = args.inputs[0]->data[volume];
  });
}

void reference_fold(ReferenceArgs& args) {
  ReferenceTensor& output = args.outputs[0];
  if (args.inputs.size() > 1 && args.inputs[1]) {
    const Fibres channels = fibres(output.shape, 1);
    for (size_t i = 0; i < output.data.size(); ++i) {
      output.data[i] =
          args.inputs[1]->data[static_cast<int64_t>(i) / channels.after % channels.extent];
    }
  }
  for_each_pair(args.attrs, output.shape, [&](int64_t volume, int64_t window) {
    output.data[volume] += args.inputs[0]->data[window];
  });
}

OpDef make_depth_windows() noexcept {
  OpDef op;
  op.name = "DepthWindows";
  op.doc = "Windows of slices of [N, C, D, H, W] as channels of images";
  op.attrs = window_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer_windows;
  op.lower = lower_windows;
  op.gradient = gradient_windows;
  op.reference = reference_windows;
  return op;
}

OpDef make_fold_depth() noexcept {
  OpDef op;
  op.name = "FoldDepth";
  op.doc = "[N, C, D, H, W] as the sum of windows of slices that are channels of images";
  op.attrs = window_attrs();
  op.inputs = {input("input"), optional_input("bias")};
  op.outputs = {"output"};
  op.infer = infer_fold;
  op.lower = lower_fold;
  op.gradient = gradient_fold;
  op.reference = reference_fold;
  return op;
}

}  // namespace

extern const OpDef depth_windows = make_depth_windows();
extern const OpDef fold_depth = make_fold_depth();

}  // namespace cnnc
