// Conv2d and its two gradients. Tested by tests/ops/conv2d_test.cpp.
//
// With position(o, k) = o * stride + k * dilation - padding on each axis, group g and channels
// counted within their group:
//   Conv2d            output(n, co, oy, ox)      = bias(co) + sum over ky, kx, ci of
//                                                  weight(co, ci, ky, kx) * input(n, ci, iy, ix)
//   Conv2dInputGrad   output(n, ci, iy, ix)      = sum over ky, kx, co of
//                                                  weight(co, ci, ky, kx) * gradient(n, co, oy, ox)
//   Conv2dWeightGrad  output(co, ci, ky, kx)     = sum over n, oy, ox of
//                                                  gradient(n, co, oy, ox) * input(n, ci, iy, ix)
// over all (oy, ox), (ky, kx) and (iy, ix) = position of these that lie inside the input.
#include "compiler/ops/conv2d.h"

#include "compiler/ops/exprs.h"
#include "compiler/ops/winograd.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

Window conv_window(const Attrs& attrs, int64_t height, int64_t width) {
  const Axes axes = conv_axes(attrs, {height, width});
  return {axes[0], axes[1]};
}

namespace {

// Stride and dilation are 1: what is the output here is read there, by taps in reverse.
WindowAxis turned(const WindowAxis& axis) {
  WindowAxis result = axis;
  std::swap(result.in, result.out);
  result.before = axis.kernel - 1 - axis.before;
  result.after = axis.kernel - 1 - axis.after;
  return result;
}

}  // namespace

void lower_transposed(Lowering& lowering, const Window& window, const Func& bias) {
  if (lowering.winograd == Lowering::Winograd::batch_innermost) {
    const Window read = {turned(window.y), turned(window.x)};
    return lower_winograd_batch(lowering, read, WeightOrder::inputs_first, bias);
  }
  const Var x("x"), y("y"), c("c"), n("n");
  const int64_t groups = lowering.attrs().integer("groups");
  const int64_t depth = lowering.output_types[0].shape[1] / groups;
  const int64_t group_size = lowering.input_types[0].shape[1] / groups;
  const Func upstream = lowering.inputs[0], weight = lowering.inputs[1];

  RDom r(0, constant(window.x.kernel), 0, constant(window.y.kernel), 0, constant(group_size), "r");
  const Expr ox = reading_output(window.x, r, x, r.x);
  const Expr oy = reading_output(window.y, r, y, r.y);
  Expr within = c, channel = r.z;
  if (groups > 1) {
    within = c % constant(depth);
    channel = c / constant(depth) * constant(group_size) + r.z;
  }
  Func accumulator("accumulator"), output("conv_transposed");
  accumulator(x, y, c, n) = bias.defined() ? Expr(bias(c)) : Expr(0.f);
  accumulator(x, y, c, n) += weight(r.x, r.y, within, channel) * upstream(ox, oy, channel, n);
  output(x, y, c, n) = accumulator(x, y, c, n);
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

namespace {

const char* const kWeightForm = "[out_channels, in_channels / groups, H, W]";

std::vector<AttrSpec> input_grad_attrs() {
  std::vector<AttrSpec> specs = conv_window_attrs();
  specs.push_back(
      required(attribute("input_height", AttrKind::integer, {}, kCounts, "height of the input")));
  specs.push_back(
      required(attribute("input_width", AttrKind::integer, {}, kCounts, "width of the input")));
  return specs;
}

int64_t flops(const Attrs&, const std::vector<Type>& inputs, const std::vector<Type>& outputs) {
  const Shape& weight = inputs[1].shape;
  return 2 * element_count(outputs[0].shape) * weight[1] * weight[2] * weight[3];
}

void lower(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& in = lowering.input_types[0].shape;
  const int64_t groups = lowering.attrs().integer("groups");
  const int64_t depth = in[1] / groups;
  const int64_t group_size = lowering.output_types[0].shape[1] / groups;
  const Window window = conv_window(lowering.attrs(), in[2], in[3]);
  switch (lowering.winograd) {
    case Lowering::Winograd::none:
      break;
    case Lowering::Winograd::channels_innermost:
      return lower_winograd(lowering, window);
    case Lowering::Winograd::batch_innermost:
      return lower_winograd_batch(lowering, window, WeightOrder::outputs_first,
                                  input_or_none(lowering, 2));
  }
  const Func input = lowering.inputs[0], weight = lowering.inputs[1];
  const Func bias = input_or_none(lowering, 2);

  RDom r(0, constant(window.x.kernel), 0, constant(window.y.kernel), 0, constant(depth), "r");
  Expr exists;
  const Expr ix = read_position(window.x, r, x, r.x, exists);
  const Expr iy = read_position(window.y, r, y, r.y, exists);
  Expr channel = r.z;
  if (groups > 1) channel = c / constant(group_size) * constant(depth) + r.z;
  Func accumulator("accumulator"), output("conv2d");
  accumulator(x, y, c, n) = bias.defined() ? Expr(bias(c)) : Expr(0.f);
  accumulator(x, y, c, n) +=
      if_exists(exists, weight(r.x, r.y, r.z, c) * input(ix, iy, channel, n), 0.f);
  output(x, y, c, n) = accumulator(x, y, c, n);
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const std::vector<bool> wanted = {is_wanted(args, 0), is_wanted(args, 1), is_wanted(args, 2)};
  const Node node = args.node;  // nodes move as others are added
  Graph& graph = args.graph;
  const Attrs window = select(node.attrs, conv_window_attrs());
  if (wanted[0]) {
    const Shape in = graph.type(node.inputs[0]).shape;
    Attrs attrs = window;
    attrs.set("input_height", in[2]);
    attrs.set("input_width", in[3]);
    result[0] = graph.add("Conv2dInputGrad", node.name + ".grad_input", attrs,
                          {upstream, node.inputs[1]})[0];
  }
  if (wanted[1]) {
    result[1] = graph.add("Conv2dWeightGrad", node.name + ".grad_weight", window,
                          {upstream, node.inputs[0]})[0];
  }
  if (wanted[2]) {
    result[2] = graph.add("ChannelSum", node.name + ".grad_bias", {}, {upstream})[0];
  }
  return result;
}

Result<std::vector<Type>> infer_input_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {kImageForm});
  if (problems.empty()) problems = expect_input(args, 1, "weight", DType::f32, {kWeightForm});
  if (!problems.empty()) return problems;
  const Shape& weight = args.inputs[1].shape;
  const int64_t channels = weight[1] * args.attrs.integer("groups");
  const int64_t height = args.attrs.integer("input_height");
  const int64_t width = args.attrs.integer("input_width");
  const Window window = conv_window(args.attrs, height, width);
  const int64_t batch = args.inputs[0].shape[0];
  problems = expect_type(args, 0, "gradient",
                         {DType::f32, {batch, weight[0], window.y.out, window.x.out}});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {batch, channels, height, width}}});
}

void lower_input_grad(Lowering& lowering) {
  const Shape& in = lowering.output_types[0].shape;
  lower_transposed(lowering, conv_window(lowering.attrs(), in[2], in[3]), Func());
}

void reference_input_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const ReferenceTensor& weight = *args.inputs[1];
  ReferenceTensor& output = args.outputs[0];
  const Shape& in = output.shape;
  for_each_product(conv_axes(args.attrs, extents_of(in)), in[0], in[1], weight.shape[0],
                   args.attrs.integer("groups"), [&](int64_t o, int64_t w, int64_t i) {
                     output.data[i] += weight.data[w] * upstream.data[o];
                   });
}

Result<std::vector<Type>> infer_weight_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {kImageForm});
  if (problems.empty()) problems = expect_input(args, 1, "input", DType::f32, {kImageForm});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[1].shape;
  const int64_t channels = args.inputs[0].shape[1];
  const Window window = conv_window(args.attrs, in[2], in[3]);
  problems =
      expect_type(args, 0, "gradient", {DType::f32, {in[0], channels, window.y.out, window.x.out}});
  if (!problems.empty()) return problems;
  return outputs_of(
      {{DType::f32,
        {channels, in[1] / args.attrs.integer("groups"), window.y.kernel, window.x.kernel}}});
}

// The batch is summed in interleaved parts, one per lane, and within a part one band of rows of the
// image at a time: "part" holds the sum of a band, "bands" of a chunk of bands, "total" of all
// chunks and lanes.
void lower_weight_grad(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n"), l("l"), band("band"), chunk("chunk");
  const Shape& in = lowering.input_types[1].shape;
  const int64_t groups = lowering.attrs().integer("groups");
  const int64_t depth = in[1] / groups;
  const int64_t group_size = lowering.output_types[0].shape[0] / groups;
  const int64_t lanes = lowering.lanes;
  CNNC_CHECK(in[0] % lanes == 0, "lanes do not divide the batch");
  const Window window = conv_window(lowering.attrs(), in[2], in[3]);
  const Func upstream = lowering.inputs[0], input = lowering.inputs[1];
  if (lowering.winograd == Lowering::Winograd::batch_innermost) {
    return lower_winograd_weight_grad(lowering, window);
  }

  const int64_t height = window.y.out;
  const int64_t band_rows = lowering.band_rows > 0 ? lowering.band_rows : 1;
  const int64_t bands = (height + band_rows - 1) / band_rows;
  const int64_t chunk_bands =
      lowering.chunk_rows > 0 ? (lowering.chunk_rows + band_rows - 1) / band_rows : bands;
  const int64_t chunks = (bands + chunk_bands - 1) / chunk_bands;
  RDom q(0, constant(chunk_bands), "q");
  RDom rl(0, constant(lanes), 0, constant(chunks), "rl");
  Expr channel = c;
  if (groups > 1) channel = n / constant(group_size) * constant(depth) + c;
  Func part("part"), sums("bands"), total("total"), output("conv2d_weight_grad");
  part(l, x, y, c, n, band) = 0.f;
  // Adds the outputs in some rows of each band and some columns.
  const auto add = [&](std::pair<int64_t, int64_t> rows, std::pair<int64_t, int64_t> columns) {
    if (rows.first == rows.second || columns.first == columns.second) return;
    const WindowAxis window_y = bands > 1 ? window.y : window.y.outputs(rows.first, rows.second);
    const WindowAxis window_x = window.x.outputs(columns.first, columns.second);
    RDom r(0, constant(in[0] / lanes), 0, constant(window_x.out), 0,
           constant(rows.second - rows.first), "r");
    const Expr image = l + constant(lanes) * r.x;
    Expr row = r.z;
    if (bands > 1) row = band * constant(band_rows) + row;
    if (height % band_rows != 0) {
      r.where(row < constant(height));
      row = Halide::clamp(row, 0, constant(height - 1));
    }
    Expr exists;
    const Expr ix = read_position(window_x, r, r.y, x, exists);
    const Expr iy = read_position(window_y, r, row, y, exists);
    const Expr gradient =
        upstream(r.y + constant(columns.first), row + constant(rows.first), n, image);
    part(l, x, y, c, n, band) += if_exists(exists, gradient * input(ix, iy, channel, image), 0.f);
  };
  const std::pair<int64_t, int64_t> all = {0, window.x.out};
  if (lowering.separates_border && bands == 1) {
    const auto [top, bottom] = window.y.inside();
    const auto [left, right] = window.x.inside();
    add({0, top}, all);
    add({top, bottom}, {0, left});
    add({top, bottom}, {left, right});
    add({top, bottom}, {right, window.x.out});
    add({bottom, height}, all);
  } else {
    add({0, band_rows}, all);
  }
  sums(l, x, y, c, n, chunk) = 0.f;
  Expr own_band = chunk * constant(chunk_bands) + q;
  if (bands % chunk_bands != 0) {
    q.where(own_band < constant(bands));
    own_band = Halide::clamp(own_band, 0, constant(bands - 1));
  }
  sums(l, x, y, c, n, chunk) += part(l, x, y, c, n, own_band);
  total(x, y, c, n) = 0.f;
  total(x, y, c, n) += sums(rl.x, x, y, c, n, rl.y);
  output(x, y, c, n) = total(x, y, c, n);
  lowering.stages["part"] = part;
  lowering.stages["bands"] = sums;
  lowering.stages["total"] = total;
  lowering.outputs = {output};
}

void reference_weight_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const ReferenceTensor& input = *args.inputs[1];
  ReferenceTensor& output = args.outputs[0];
  const Shape& in = input.shape;
  for_each_product(conv_axes(args.attrs, extents_of(in)), in[0], in[1], output.shape[0],
                   args.attrs.integer("groups"), [&](int64_t o, int64_t w, int64_t i) {
                     output.data[w] += upstream.data[o] * input.data[i];
                   });
}

// Each of the two gradients multiplies as often as the convolution.
int64_t flops_input_grad(const Attrs&, const std::vector<Type>& inputs, const std::vector<Type>&) {
  const Shape& weight = inputs[1].shape;
  return 2 * element_count(inputs[0].shape) * weight[1] * weight[2] * weight[3];
}

int64_t flops_weight_grad(const Attrs&, const std::vector<Type>& inputs,
                          const std::vector<Type>& outputs) {
  const Shape& weight = outputs[0].shape;
  return 2 * element_count(inputs[0].shape) * weight[1] * weight[2] * weight[3];
}

// The channel of the output that rows of the weight belong to.
int64_t output_channel(const Attrs&, const Shape&, const Shape&, int64_t i, int64_t) { return i; }

OpDef make_conv2d() noexcept {
  OpDef op = conv_record(2, "Conv2d", "2-D convolution (cross-correlation) of [N, C, H, W]");
  op.traits = kAnchor;
  op.schedule = "conv";
  op.lower = lower;
  op.gradient = gradient;
  op.output_channel = output_channel;
  op.flops = flops;
  return op;
}

OpDef make_conv2d_input_grad() noexcept {
  OpDef op;
  op.name = "Conv2dInputGrad";
  op.doc = "Gradient of Conv2d with respect to its input";
  op.attrs = input_grad_attrs();
  op.inputs = {input("gradient"), input("weight")};
  op.outputs = {"output"};
  op.traits = kAnchor | kStagesInput0;
  op.schedule = "conv";
  op.infer = infer_input_grad;
  op.lower = lower_input_grad;
  op.reference = reference_input_grad;
  op.flops = flops_input_grad;
  return op;
}

OpDef make_conv2d_weight_grad() noexcept {
  OpDef op;
  op.name = "Conv2dWeightGrad";
  op.doc = "Gradient of Conv2d with respect to its weight";
  op.attrs = conv_window_attrs();
  op.inputs = {input("gradient"), input("input")};
  op.outputs = {"output"};
  op.traits = kAnchor | kStagesInput0;
  op.schedule = "conv_weight_grad";
  op.infer = infer_weight_grad;
  op.lower = lower_weight_grad;
  op.reference = reference_weight_grad;
  op.flops = flops_weight_grad;
  return op;
}

}  // namespace

extern const OpDef conv2d = make_conv2d();
extern const OpDef conv2d_input_grad = make_conv2d_input_grad();
extern const OpDef conv2d_weight_grad = make_conv2d_weight_grad();

}  // namespace cnnc
