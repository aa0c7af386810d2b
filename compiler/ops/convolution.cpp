// Tested through tests/ops/conv1d_test.cpp, conv2d_test.cpp and conv3d_test.cpp.
#include "compiler/ops/convolution.h"

#include <algorithm>

namespace cnnc {
namespace {

AttrSpec channels_attribute(const char* name, const char* doc) {
  return attribute(name, AttrKind::integer, {}, kCounts, doc);
}

AttrSpec kernel_attribute(size_t axes) {
  return required(
      per_axis("kernel_size", axes, std::nullopt, kCounts, names_of_axes(axes) + " of the kernel"));
}

AttrSpec dilation_attribute(size_t axes) {
  return per_axis("dilation", axes, 1, kCounts, "distance between the taps of the kernel");
}

AttrSpec groups_attribute() {
  return attribute("groups", AttrKind::integer, int64_t{1}, kCounts,
                   "parts into which the channels are split; each output sees one part");
}

AttrSpec bias_attribute() {
  return flag("bias", true, "adds a trained number to each output channel");
}

void add(Diagnostics& problems, Diagnostics found) {
  for (Diagnostic& problem : found) problems.push_back(std::move(problem));
}

size_t axes_of_layer(const Attrs& attrs) { return attrs.integers("kernel_size").size(); }

// What channels and groups have to do with the input.
Diagnostics settle_channels(Attrs& attrs, const Shape& in) {
  const int64_t groups = attrs.integer("groups");
  Diagnostics problems =
      settle(attrs, "in_channels", in[1],
             "the input " + to_string(in) + " has " + std::to_string(in[1]) + " channels");
  for (const auto& [name, count] :
       {std::pair{"in_channels", in[1]}, {"out_channels", attrs.integer("out_channels")}}) {
    if (count % groups == 0) continue;
    problems.push_back(error(std::string(name) + " (" + std::to_string(count) +
                             ") must be a multiple of groups (" + std::to_string(groups) + ")"));
  }
  return problems;
}

Shape weight_shape(int64_t first, int64_t second, const Attrs& attrs) {
  Shape shape = {first, second};
  const std::vector<int64_t>& kernel = attrs.integers("kernel_size");
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  return shape;
}

void expect_small(const Shape& weight, Diagnostics& problems) {
  if (problems.empty() && is_too_large(weight)) {
    problems.push_back(error("the weight " + to_string(weight) + " is too large"));
  }
}

// PyTorch takes the second dimension of the weight for the inputs.
std::vector<ParameterSpec> parameters_for(const Shape& weight, const Attrs& attrs) {
  const int64_t fan_in = element_count(weight) / weight[0];
  std::vector<ParameterSpec> specs = {weight_parameter(weight, fan_in)};
  if (attrs.boolean("bias")) {
    specs.push_back(bias_parameter({attrs.integer("out_channels")}, fan_in));
  }
  return specs;
}

void begin_with_bias(ReferenceArgs& args) {
  if (args.inputs.size() < 3 || !args.inputs[2]) return;
  ReferenceTensor& output = args.outputs[0];
  const Fibres channels = fibres(output.shape, 1);
  for (size_t i = 0; i < output.data.size(); ++i) {
    output.data[i] =
        args.inputs[2]->data[static_cast<int64_t>(i) / channels.after % channels.extent];
  }
}

}  // namespace

std::vector<AttrSpec> conv_window_attrs(size_t axes) {
  return {
      kernel_attribute(axes),
      per_axis("stride", axes, 1, kCounts, "step between outputs"),
      padding_attribute(
          axes, {"same", "valid", "same_upper", "same_lower"},
          "zeros around the input; \"same\" keeps its size (stride 1 only), "
          "\"valid\" is 0; ONNX's \"same_upper\" and \"same_lower\" divide it by stride"),
      dilation_attribute(axes),
      groups_attribute(),
  };
}

std::vector<AttrSpec> conv_layer_attrs(size_t axes) {
  std::vector<AttrSpec> specs = {
      channels_attribute("in_channels", "channels of the input"),
      required(channels_attribute("out_channels", "channels of the output")),
  };
  for (AttrSpec& spec : conv_window_attrs(axes)) specs.push_back(std::move(spec));
  specs.push_back(bias_attribute());
  return specs;
}

std::vector<AttrSpec> conv_transpose_layer_attrs(size_t axes) {
  const std::string elements = axes == 1   ? "elements"
                               : axes == 2 ? "rows and columns"
                                           : "slices, rows and columns";
  return {
      channels_attribute("in_channels", "channels of the input"),
      required(channels_attribute("out_channels", "channels of the output")),
      kernel_attribute(axes),
      per_axis("stride", axes, 1, kCounts, "step of the output between inputs"),
      padding_attribute(axes, {}, elements + " of the output that are left out at its border"),
      per_axis("output_padding", axes, 0, kSizes,
               elements + " that the output has more at its end"),
      groups_attribute(),
      bias_attribute(),
      dilation_attribute(axes),
  };
}

Axes conv_axes(const Attrs& attrs, const Shape& extents) {
  Axes axes = axes_over(attrs, extents);
  for (WindowAxis& axis : axes) set_output_floor(axis);
  return axes;
}

Attrs conv_attrs_of_transposed(const Attrs& attrs) {
  Attrs result = select(attrs, conv_window_attrs());
  std::vector<int64_t> padding = attrs.integers("padding");
  const std::vector<int64_t>& more = attrs.integers("output_padding");
  for (size_t i = 0; i < more.size(); ++i) padding[more.size() + i] -= more[i];
  result.set("padding", padding);
  return result;
}

Axes transposed_axes(const Attrs& attrs, const Shape& extents) {
  Axes axes = axes_over(conv_attrs_of_transposed(attrs), extents);
  for (size_t i = 0; i < axes.size(); ++i) {
    WindowAxis& axis = axes[i];
    axis.out = extents[i];
    axis.in = (axis.out - 1) * axis.stride + axis.span() - axis.before - axis.after;
  }
  return axes;
}

Result<std::vector<Type>> infer_conv(InferArgs& args) {
  Attrs& attrs = args.attrs;
  Diagnostics problems =
      expect_input(args, 0, "input", DType::f32, {form_of(axes_of_layer(attrs))});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const Shape extents = extents_of(in);
  const int64_t channels = attrs.integer("out_channels");
  problems = settle_channels(attrs, in);
  add(problems, settle_padding(attrs, extents));
  if (attrs.is_text("padding")) return problems;
  const Axes axes = conv_axes(attrs, extents);
  add(problems, expect_fit(axes));
  expect_small(weight_shape(channels, in[1] / attrs.integer("groups"), attrs), problems);
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, shape_of_outputs(in[0], channels, axes)}});
}

std::vector<ParameterSpec> conv_parameters(const Attrs& attrs, const std::vector<Type>&) {
  return parameters_for(weight_shape(attrs.integer("out_channels"),
                                     attrs.integer("in_channels") / attrs.integer("groups"), attrs),
                        attrs);
}

void reference_conv(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  const ReferenceTensor& weight = *args.inputs[1];
  ReferenceTensor& output = args.outputs[0];
  begin_with_bias(args);
  for_each_product(
      conv_axes(args.attrs, extents_of(input.shape)), input.shape[0], input.shape[1],
      output.shape[1], args.attrs.integer("groups"),
      [&](int64_t o, int64_t w, int64_t i) { output.data[o] += weight.data[w] * input.data[i]; });
}

Result<std::vector<Type>> infer_conv_transpose(InferArgs& args) {
  Attrs& attrs = args.attrs;
  Diagnostics problems =
      expect_input(args, 0, "input", DType::f32, {form_of(axes_of_layer(attrs))});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const int64_t channels = attrs.integer("out_channels");
  problems = settle_channels(attrs, in);
  const std::vector<int64_t>& more = attrs.integers("output_padding");
  const std::vector<int64_t>& stride = attrs.integers("stride");
  const std::vector<int64_t>& dilation = attrs.integers("dilation");
  for (size_t i = 0; i < more.size(); ++i) {
    if (more[i] < std::max(stride[i], dilation[i])) continue;
    problems.push_back(error("output_padding is " + to_string(more) +
                             ", but must be smaller than stride " + to_string(stride) +
                             " or dilation " + to_string(dilation)));
    break;
  }
  const Shape out = shape_of_inputs(in[0], channels, transposed_axes(attrs, extents_of(in)));
  const Shape extents = extents_of(out);
  if (std::any_of(extents.begin(), extents.end(), [](int64_t extent) { return extent < 1; })) {
    problems.push_back(error("padding " + to_string(attrs.integers("padding")) +
                             " leaves nothing of the output: " + to_string(extents)));
  }
  expect_small(weight_shape(in[1], channels / attrs.integer("groups"), attrs), problems);
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, out}});
}

std::vector<ParameterSpec> conv_transpose_parameters(const Attrs& attrs, const std::vector<Type>&) {
  return parameters_for(
      weight_shape(attrs.integer("in_channels"),
                   attrs.integer("out_channels") / attrs.integer("groups"), attrs),
      attrs);
}

void reference_conv_transpose(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  const ReferenceTensor& weight = *args.inputs[1];
  ReferenceTensor& output = args.outputs[0];
  begin_with_bias(args);
  for_each_product(
      transposed_axes(args.attrs, extents_of(input.shape)), input.shape[0], output.shape[1],
      input.shape[1], args.attrs.integer("groups"),
      [&](int64_t i, int64_t w, int64_t o) { output.data[o] += weight.data[w] * input.data[i]; });
}

OpDef conv_record(size_t axes, const char* name, const char* doc) noexcept {
  OpDef op;
  op.name = name;
  op.role = OpRole::layer;
  op.doc = doc;
  op.attrs = conv_layer_attrs(axes);
  op.inputs = {input("input"), parameter_input("weight"), optional_parameter_input("bias")};
  op.outputs = {"output"};
  op.infer = infer_conv;
  op.parameters = conv_parameters;
  op.reference = reference_conv;
  return op;
}

OpDef conv_transpose_record(size_t axes, const char* name, const char* doc) noexcept {
  OpDef op = conv_record(axes, name, doc);
  op.attrs = conv_transpose_layer_attrs(axes);
  op.infer = infer_conv_transpose;
  op.parameters = conv_transpose_parameters;
  op.reference = reference_conv_transpose;
  return op;
}

}  // namespace cnnc
