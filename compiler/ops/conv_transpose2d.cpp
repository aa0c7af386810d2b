// ConvTranspose2d. Tested by tests/ops/conv_transpose2d_test.cpp.
//
// It computes the input of a Conv2d of the same attributes from its output, and so do its gradients
// the other way round: that of the input is that Conv2d, that of the weight, in which input and
// output gradient change places, that Conv2d's. output_padding takes as much away from the padding
// at the end of that Conv2d, which then has as many outputs as there are inputs here.
#include <algorithm>

#include "compiler/ops/conv2d.h"
#include "compiler/ops/exprs.h"

namespace cnnc {
namespace {

std::vector<AttrSpec> layer_attrs() {
  const std::vector<int64_t> ones = {1, 1};
  return {
      attribute("in_channels", AttrKind::integer, {}, kCounts, "channels of the input"),
      required(attribute("out_channels", AttrKind::integer, {}, kCounts, "channels of the output")),
      required(
          attribute("kernel_size", AttrKind::pair, {}, kCounts, "height and width of the kernel")),
      attribute("stride", AttrKind::pair, ones, kCounts, "step of the output between inputs"),
      padding_attribute({}, "rows and columns of the output that are left out at its border"),
      attribute("output_padding", AttrKind::pair, std::vector<int64_t>{0, 0}, kSizes,
                "rows and columns that the output has more at its end"),
      attribute("groups", AttrKind::integer, int64_t{1}, kCounts,
                "parts into which the channels are split; each output sees one part"),
      flag("bias", true, "adds a trained number to each output channel"),
      attribute("dilation", AttrKind::pair, ones, kCounts,
                "distance between the taps of the kernel"),
  };
}

// The Conv2d whose input is this layer's output, but for extents.
Attrs conv_attrs(const Attrs& attrs) {
  Attrs result = select(attrs, conv_window_attrs());
  std::vector<int64_t> padding = attrs.integers("padding");
  const std::vector<int64_t>& more = attrs.integers("output_padding");
  padding[2] -= more[0];
  padding[3] -= more[1];
  result.set("padding", padding);
  return result;
}

void set_input(WindowAxis& axis, int64_t out) {
  axis.out = out;
  axis.in = (out - 1) * axis.stride + axis.span() - axis.before - axis.after;
}

// The windows of that Conv2d, given the height and width of what is its output.
Window transposed_window(const Attrs& attrs, int64_t height, int64_t width) {
  Window window = window_over(conv_attrs(attrs), 1, 1);
  set_input(window.y, height);
  set_input(window.x, width);
  return window;
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kImageForm});
  if (!problems.empty()) return problems;
  Attrs& attrs = args.attrs;
  const Shape& in = args.inputs[0].shape;
  const int64_t groups = attrs.integer("groups");
  const int64_t channels = attrs.integer("out_channels");
  const auto add = [&](Diagnostics found) {
    for (Diagnostic& problem : found) problems.push_back(std::move(problem));
  };
  add(settle(attrs, "in_channels", in[1],
             "the input " + to_string(in) + " has " + std::to_string(in[1]) + " channels"));
  for (const auto& [name, count] : {std::pair{"in_channels", in[1]}, {"out_channels", channels}}) {
    if (count % groups == 0) continue;
    add({error(std::string(name) + " (" + std::to_string(count) +
               ") must be a multiple of groups (" + std::to_string(groups) + ")")});
  }
  const std::vector<int64_t>& more = attrs.integers("output_padding");
  const std::vector<int64_t>& stride = attrs.integers("stride");
  const std::vector<int64_t>& dilation = attrs.integers("dilation");
  if (more[0] >= std::max(stride[0], dilation[0]) || more[1] >= std::max(stride[1], dilation[1])) {
    add({error("output_padding is " + to_string(more) + ", but must be smaller than stride " +
               to_string(stride) + " or dilation " + to_string(dilation))});
  }
  const Window window = transposed_window(attrs, in[2], in[3]);
  if (window.y.in < 1 || window.x.in < 1) {
    add({error("padding " + to_string(attrs.integers("padding")) +
               " leaves nothing of the output: " + to_string(Shape{window.y.in, window.x.in}))});
  }
  const Shape weight = {in[1], channels / groups, window.y.kernel, window.x.kernel};
  if (problems.empty() && is_too_large(weight)) {
    add({error("the weight " + to_string(weight) + " is too large")});
  }
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {in[0], channels, window.y.in, window.x.in}}});
}

// PyTorch takes the second dimension of the weight for the inputs.
std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>&) {
  const std::vector<int64_t>& kernel = attrs.integers("kernel_size");
  const int64_t channels = attrs.integer("out_channels");
  const int64_t depth = channels / attrs.integer("groups");
  const int64_t fan_in = depth * kernel[0] * kernel[1];
  std::vector<ParameterSpec> specs = {
      weight_parameter({attrs.integer("in_channels"), depth, kernel[0], kernel[1]}, fan_in)};
  if (attrs.boolean("bias")) specs.push_back(bias_parameter({channels}, fan_in));
  return specs;
}

int64_t flops(const Attrs&, const std::vector<Type>& inputs, const std::vector<Type>&) {
  const Shape& weight = inputs[1].shape;
  return 2 * element_count(inputs[0].shape) * weight[1] * weight[2] * weight[3];
}

void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  lower_transposed(lowering, transposed_window(lowering.attrs(), in[2], in[3]),
                   input_or_none(lowering, 2));
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const std::vector<bool> wanted = {is_wanted(args, 0), is_wanted(args, 1), is_wanted(args, 2)};
  const Node node = args.node;  // nodes move as others are added
  Graph& graph = args.graph;
  const Attrs window = conv_attrs(node.attrs);
  if (wanted[0]) {
    Attrs attrs = window;
    attrs.set("out_channels", graph.type(node.inputs[0]).shape[1]);
    attrs.set("bias", false);
    result[0] = graph.add("Conv2d", node.name + ".grad_input", attrs,
                          {upstream, node.inputs[1], kNoValue})[0];
  }
  if (wanted[1]) {
    result[1] = graph.add("Conv2dWeightGrad", node.name + ".grad_weight", window,
                          {node.inputs[0], upstream})[0];
  }
  if (wanted[2]) {
    result[2] = graph.add("ChannelSum", node.name + ".grad_bias", {}, {upstream})[0];
  }
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  const ReferenceTensor& weight = *args.inputs[1];
  ReferenceTensor& output = args.outputs[0];
  const Shape& in = input.shape;
  const Shape& out = output.shape;
  if (args.inputs.size() > 2 && args.inputs[2]) {
    const int64_t pixels = out[2] * out[3];
    for (int64_t i = 0; i < element_count(out); ++i) {
      output.data[i] = args.inputs[2]->data[i / pixels % out[1]];
    }
  }
  for_each_product(transposed_window(args.attrs, in[2], in[3]), in[0], out[1], in[1],
                   args.attrs.integer("groups"),
                   [&](int64_t n, int64_t ci, int64_t co, int64_t k, int64_t iy, int64_t ix,
                       int64_t ky, int64_t kx, int64_t oy, int64_t ox) {
                     output.data[index_of(out, n, co, oy, ox)] +=
                         weight.data[index_of(weight.shape, ci, k, ky, kx)] *
                         input.data[index_of(in, n, ci, iy, ix)];
                   });
}

// Of the weight [Cin, Cout / groups, ...].
int64_t output_channel(const Attrs& attrs, const Shape& weight, const Shape&, int64_t i,
                       int64_t j) {
  return i / (weight[0] / attrs.integer("groups")) * weight[1] + j;
}

OpDef make_conv_transpose2d() noexcept {
  OpDef op;
  op.name = "ConvTranspose2d";
  op.role = OpRole::layer;
  op.doc = "Transposed 2-D convolution of [N, C, H, W], such as for upsampling";
  op.attrs = layer_attrs();
  op.inputs = {input("input"), parameter_input("weight"), optional_parameter_input("bias")};
  op.outputs = {"output"};
  op.traits = kAnchor;
  op.schedule = "conv";
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  op.output_channel = output_channel;
  op.flops = flops;
  return op;
}

}  // namespace

extern const OpDef conv_transpose2d = make_conv_transpose2d();

}  // namespace cnnc
