#include "tests/schedules/cases.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace cnnc::test {
namespace {

constexpr double kRate = 0.25;

int64_t outputs(int64_t in, int64_t padding, int64_t kernel, int64_t dilation, int64_t stride) {
  return (in + padding - (kernel - 1) * dilation - 1) / stride + 1;
}

AttrValue both(int64_t vertical, int64_t horizontal) {
  return std::vector<int64_t>{vertical, horizontal};
}

Type f32(Shape shape) { return {DType::f32, std::move(shape)}; }

ParameterSpec weight(const std::string& name, Shape shape) {
  ParameterSpec spec;
  spec.name = name;
  spec.shape = std::move(shape);
  return spec;
}

ReferenceTensor filled(const Shape& shape, double value) {
  ReferenceTensor tensor = zeros(shape);
  std::fill(tensor.data.begin(), tensor.data.end(), value);
  return tensor;
}

ReferenceTensor drawn(const Shape& shape, int64_t bound) {
  std::mt19937 random(5);
  ReferenceTensor tensor = zeros(shape);
  for (double& value : tensor.data) value = static_cast<double>(random() % bound);
  return tensor;
}

std::string pool_op(const PoolShape& s) { return s.average ? "AvgPool2d" : "MaxPool2d"; }

Attrs pool_attrs(const PoolShape& s) {
  Attrs attrs;
  attrs.set("kernel_size", both(s.kernel_h, s.kernel_w));
  attrs.set("stride",
            both(s.stride_h ? s.stride_h : s.kernel_h, s.stride_w ? s.stride_w : s.kernel_w));
  attrs.set("padding", std::vector<int64_t>{s.pad_h, s.pad_w, s.pad_h + s.more_bottom,
                                            s.pad_w + s.more_right});
  attrs.set("dilation", both(s.dilation_h, s.dilation_w));
  attrs.set("ceil_mode", s.ceil_mode);
  return attrs;
}

Shape weight_shape(const ConvShape& s) { return {s.out, s.in / s.groups, s.kernel_h, s.kernel_w}; }
Shape input_shape(const ConvShape& s) { return {s.batch, s.in, s.height, s.width}; }
Shape output_shape(const ConvShape& s) { return {s.batch, s.out, s.out_h(), s.out_w()}; }

// The gradient of a convolution's output: an input, or what comes out of the gradient of a pool.
ValueId upstream(Case& c, const ConvShape& s) {
  Graph& graph = c.graph;
  const Shape out = output_shape(s);
  if (s.pool.kernel_h == 0) return graph.add_input("gradient", f32(out));
  const int64_t h =
      outputs(out[2], 0, s.pool.kernel_h, 1, s.pool.stride_h ? s.pool.stride_h : s.pool.kernel_h);
  const int64_t w =
      outputs(out[3], 0, s.pool.kernel_w, 1, s.pool.stride_w ? s.pool.stride_w : s.pool.kernel_w);
  const Shape pooled = {s.batch, s.out, h, w};
  const ValueId gradient = graph.add_input("gradient", f32(pooled));
  Attrs attrs = pool_attrs(s.pool);
  attrs.set("input_height", out[2]);
  attrs.set("input_width", out[3]);
  std::vector<ValueId> inputs = {gradient};
  if (!s.pool.average) {
    inputs.push_back(graph.add_input("index", {DType::u8, pooled}));
    c.fixed[inputs[1]] = drawn(pooled, s.pool.kernel_h * s.pool.kernel_w);
  }
  return graph.add(pool_op(s.pool) + "Grad", "pool_grad", attrs, inputs)[0];
}

void add_update(Case& c, const Update& update, ValueId parameter, ValueId gradient) {
  Graph& graph = c.graph;
  if (!update.present) {
    graph.outputs = {gradient};
    return;
  }
  c.text += " SGD momentum " + std::to_string(update.momentum) + " decay " +
            std::to_string(update.weight_decay) + " dampening " + std::to_string(update.dampening) +
            (update.nesterov ? " nesterov" : "") + " step " + std::to_string(update.step);
  const ValueId lr = graph.add_input("lr", f32({1}));
  const ValueId step = graph.add_input("step", {DType::i32, {1}});
  c.fixed[lr] = filled({1}, kRate);
  c.fixed[step] = filled({1}, update.step);
  Attrs attrs;
  attrs.set("momentum", update.momentum);
  attrs.set("weight_decay", update.weight_decay);
  attrs.set("dampening", update.dampening);
  attrs.set("nesterov", update.nesterov);
  const ValueId momentum =
      update.momentum == 0 ? kNoValue : graph.add_state("momentum", graph.type(parameter));
  graph.outputs = graph.add("SGD", "update", attrs, {parameter, momentum, gradient, lr, step});
}

}  // namespace

std::string to_string(const PoolShape& s) {
  if (s.kernel_h == 0) return "";
  return " pool " + std::to_string(s.kernel_h) + "x" + std::to_string(s.kernel_w) + " stride " +
         std::to_string(s.stride_h) + "," + std::to_string(s.stride_w) + " pad " +
         std::to_string(s.pad_h) + "," + std::to_string(s.pad_w) + " dilation " +
         std::to_string(s.dilation_h) + "," + std::to_string(s.dilation_w) +
         (s.ceil_mode ? " ceil" : "") + " more " + std::to_string(s.more_bottom) + "," +
         std::to_string(s.more_right) + (s.average ? " average" : "");
}

std::string to_string(const ConvShape& s) {
  std::string text = to_string(static_cast<const ConvProblem&>(s));
  text += " padding " + cnnc::to_string(Shape{s.top, s.left, s.bottom, s.right});
  return text + (s.bias ? " bias" : "") + (s.residual ? " residual" : "") +
         (s.relu ? " relu" : "") + to_string(s.pool);
}

Case conv_forward(const ConvShape& s) {
  Case c;
  c.text = "Conv2d " + to_string(s);
  c.sum_length = s.in / s.groups * s.kernel_h * s.kernel_w;
  Graph& graph = c.graph;
  const ValueId input = graph.add_input("input", f32(input_shape(s)));
  const ValueId kernel = graph.add_parameter("weight", weight("weight", weight_shape(s)));
  const ValueId bias = s.bias ? graph.add_parameter("bias", weight("bias", {s.out})) : kNoValue;
  Attrs attrs = window_attrs(s);
  attrs.set("out_channels", s.out);
  attrs.set("bias", s.bias);
  graph.outputs = graph.add("Conv2d", "conv", attrs, {input, kernel, bias});
  if (s.residual) {
    const ValueId other = graph.add_input("other", graph.type(graph.outputs[0]));
    graph.outputs = graph.add("Add", "sum", {}, {graph.outputs[0], other});
  }
  std::vector<ValueId> index;
  if (s.pool.kernel_h > 0) {
    graph.outputs = graph.add(pool_op(s.pool), "pool", pool_attrs(s.pool), {graph.outputs[0]});
    index.assign(graph.outputs.begin() + 1, graph.outputs.end());
  }
  if (s.relu) graph.outputs = graph.add("ReLU", "relu", {}, {graph.outputs[0]});
  graph.outputs.resize(1);
  for (ValueId id : index) graph.outputs.push_back(id);
  return c;
}

Case conv_input_grad(const ConvShape& s) {
  Case c;
  c.text = "Conv2dInputGrad " + to_string(s);
  c.sum_length = s.out / s.groups * s.kernel_h * s.kernel_w;
  Graph& graph = c.graph;
  const ValueId gradient = upstream(c, s);
  const ValueId kernel = graph.add_parameter("weight", weight("weight", weight_shape(s)));
  Attrs attrs = window_attrs(s);
  attrs.set("input_height", s.height);
  attrs.set("input_width", s.width);
  graph.outputs = graph.add("Conv2dInputGrad", "input_grad", attrs, {gradient, kernel});
  if (s.relu) {
    const ValueId activation = graph.add_input("activation", f32(input_shape(s)));
    graph.outputs = graph.add("ReLUGrad", "relu_grad", {}, {graph.outputs[0], activation});
  }
  return c;
}

Case conv_transpose(const ConvShape& s) {
  Case c;
  c.text = "ConvTranspose2d " + to_string(s);
  c.sum_length = s.out / s.groups * s.kernel_h * s.kernel_w;
  Graph& graph = c.graph;
  const ValueId input = graph.add_input("input", f32(output_shape(s)));
  const ValueId kernel = graph.add_parameter("weight", weight("weight", weight_shape(s)));
  const ValueId bias = s.bias ? graph.add_parameter("bias", weight("bias", {s.in})) : kNoValue;
  Attrs attrs = window_attrs(s);
  attrs.set("out_channels", s.in);
  attrs.set("bias", s.bias);
  const auto more = [](int64_t in, int64_t padding, int64_t kernel_size, int64_t dilation,
                       int64_t stride) {
    return (in + padding - (kernel_size - 1) * dilation - 1) % stride;
  };
  attrs.set("output_padding",
            both(more(s.height, s.top + s.bottom, s.kernel_h, s.dilation_h, s.stride_h),
                 more(s.width, s.left + s.right, s.kernel_w, s.dilation_w, s.stride_w)));
  graph.outputs = graph.add("ConvTranspose2d", "conv", attrs, {input, kernel, bias});
  if (s.residual) {
    const ValueId other = graph.add_input("other", graph.type(graph.outputs[0]));
    graph.outputs = graph.add("Add", "sum", {}, {graph.outputs[0], other});
  }
  if (s.relu) graph.outputs = graph.add("ReLU", "relu", {}, {graph.outputs[0]});
  if (s.pool.kernel_h > 0) {
    graph.outputs = graph.add(pool_op(s.pool), "pool", pool_attrs(s.pool), {graph.outputs[0]});
    graph.outputs.resize(1);
  }
  return c;
}

Case conv_weight_grad(const ConvShape& s, const Update& update) {
  Case c;
  c.text = "Conv2dWeightGrad " + to_string(s);
  c.sum_length = s.batch * s.out_h() * s.out_w();
  Graph& graph = c.graph;
  const ValueId gradient = upstream(c, s);
  const ValueId input = graph.add_input("input", f32(input_shape(s)));
  const ValueId kernel = graph.add_parameter("weight", weight("weight", weight_shape(s)));
  const ValueId result =
      graph.add("Conv2dWeightGrad", "weight_grad", window_attrs(s), {gradient, input})[0];
  add_update(c, update, kernel, result);
  return c;
}

Case linear_forward(const LinearShape& s) {
  Case c;
  c.text = "Linear batch " + std::to_string(s.batch) + ", " + std::to_string(s.in) + " to " +
           std::to_string(s.out) + (s.bias ? " bias" : "") + (s.relu ? " relu" : "");
  c.sum_length = s.in;
  Graph& graph = c.graph;
  const ValueId input = graph.add_input("input", f32({s.batch, s.in}));
  const ValueId matrix = graph.add_parameter("weight", weight("weight", {s.out, s.in}));
  const ValueId bias = s.bias ? graph.add_parameter("bias", weight("bias", {s.out})) : kNoValue;
  Attrs attrs;
  attrs.set("out_features", s.out);
  attrs.set("bias", s.bias);
  graph.outputs = graph.add("Linear", "linear", attrs, {input, matrix, bias});
  if (s.relu) graph.outputs = graph.add("ReLU", "relu", {}, graph.outputs);
  return c;
}

Case linear_input_grad(const LinearShape& s) {
  Case c;
  c.text = "LinearInputGrad batch " + std::to_string(s.batch) + ", " + std::to_string(s.in) +
           " to " + std::to_string(s.out) + (s.relu ? " relu" : "");
  c.sum_length = s.out;
  Graph& graph = c.graph;
  const ValueId gradient = graph.add_input("gradient", f32({s.batch, s.out}));
  const ValueId matrix = graph.add_parameter("weight", weight("weight", {s.out, s.in}));
  graph.outputs = graph.add("LinearInputGrad", "input_grad", {}, {gradient, matrix});
  if (s.relu) {
    const ValueId activation = graph.add_input("activation", f32({s.batch, s.in}));
    graph.outputs = graph.add("ReLUGrad", "relu_grad", {}, {graph.outputs[0], activation});
  }
  return c;
}

Case linear_weight_grad(const LinearShape& s, const Update& update) {
  Case c;
  c.text = "LinearWeightGrad batch " + std::to_string(s.batch) + ", " + std::to_string(s.in) +
           " to " + std::to_string(s.out);
  c.sum_length = s.batch;
  Graph& graph = c.graph;
  const ValueId gradient = graph.add_input("gradient", f32({s.batch, s.out}));
  const ValueId input = graph.add_input("input", f32({s.batch, s.in}));
  const ValueId matrix = graph.add_parameter("weight", weight("weight", {s.out, s.in}));
  const ValueId result = graph.add("LinearWeightGrad", "weight_grad", {}, {gradient, input})[0];
  add_update(c, update, matrix, result);
  return c;
}

Case channel_sum(const Shape& shape, const Update& update) {
  Case c;
  c.text = "ChannelSum " + cnnc::to_string(shape);
  c.sum_length = element_count(shape) / shape[1];
  Graph& graph = c.graph;
  const ValueId gradient = graph.add_input("gradient", f32(shape));
  const ValueId bias = graph.add_parameter("bias", weight("bias", {shape[1]}));
  add_update(c, update, bias, graph.add("ChannelSum", "sum", {}, {gradient})[0]);
  return c;
}

Case pool(const Shape& input, const PoolShape& shape) {
  Case c;
  c.text = pool_op(shape) + " " + cnnc::to_string(input) + to_string(shape);
  const ValueId images = c.graph.add_input("input", f32(input));
  c.graph.outputs = c.graph.add(pool_op(shape), "pool", pool_attrs(shape), {images});
  if (shape.average) {
    c.sum_length = shape.kernel_h * shape.kernel_w;
    c.tolerance = 1e-6;
  }
  return c;
}

Case pool_grad(const Shape& input, const PoolShape& shape) {
  Case c = pool(input, shape);
  c.text = pool_op(shape) + "Grad " + cnnc::to_string(input) + to_string(shape);
  c.sum_length = shape.kernel_h * shape.kernel_w;
  Graph& graph = c.graph;
  const std::vector<ValueId> pooled = graph.outputs;
  const ValueId gradient = graph.add_input("gradient", graph.type(pooled[0]));
  Attrs attrs = pool_attrs(shape);
  attrs.set("input_height", input[2]);
  attrs.set("input_width", input[3]);
  std::vector<ValueId> inputs = {gradient};
  inputs.insert(inputs.end(), pooled.begin() + 1, pooled.end());
  graph.outputs = graph.add(pool_op(shape) + "Grad", "pool_grad", attrs, inputs);
  return c;
}

Case unary(const std::string& op, const Attrs& attrs, const Shape& shape) {
  Case c;
  c.text = op + " " + cnnc::to_string(shape);
  for (const auto& [name, value] : attrs.all()) c.text += " " + name + " " + cnnc::to_string(value);
  c.sum_length = shape.size() > 1 ? shape[1] : 1;
  const ValueId input = c.graph.add_input("input", f32(shape));
  c.graph.outputs = c.graph.add(op, "node", attrs, {input});
  return c;
}

Case binary(const std::string& op, const Attrs& attrs, const Shape& shape) {
  Case c = unary("ReLU", {}, shape);
  c.text = op + " " + cnnc::to_string(shape);
  for (const auto& [name, value] : attrs.all()) c.text += " " + name + " " + cnnc::to_string(value);
  // The first input is computed in the same kernel where the op is elementwise.
  const ValueId other = c.graph.add_input("other", f32(shape));
  c.graph.outputs = c.graph.add(op, "second", attrs, {c.graph.outputs[0], other});
  return c;
}

Case broadcast(const std::string& op, const Shape& shape, const Shape& other) {
  Case c = unary("ReLU", {}, shape);
  c.text = op + " " + cnnc::to_string(shape) + " " + cnnc::to_string(other);
  const ValueId second = c.graph.add_input("other", f32(other));
  c.graph.outputs = c.graph.add(op, "second", {}, {c.graph.outputs[0], second});
  return c;
}

Case sum_to(const Shape& shape, const Shape& sum, const Shape& factor) {
  Case c;
  c.text = "SumTo " + cnnc::to_string(shape) + " " + cnnc::to_string(sum) + " " +
           cnnc::to_string(factor);
  c.sum_length = element_count(shape) / element_count(sum);
  const ValueId gradient = c.graph.add_input("gradient", f32(shape));
  const ValueId second = factor.empty() ? kNoValue : c.graph.add_input("factor", f32(factor));
  Attrs attrs;
  attrs.set("shape", sum);
  c.graph.outputs = c.graph.add("SumTo", "sum", attrs, {gradient, second});
  return c;
}

Case loss(const std::string& op, const Attrs& attrs, int64_t rows, int64_t classes, int64_t count) {
  Case c;
  c.text = op + " [" + std::to_string(rows) + ", " + std::to_string(classes) + "] count " +
           std::to_string(count);
  c.sum_length = classes + rows;
  Graph& graph = c.graph;
  const ValueId logits = graph.add_input("logits", f32({rows, classes}));
  const ValueId target = graph.add_input("target", {DType::i32, {rows}});
  const ValueId counted = graph.add_input("count", {DType::i32, {1}});
  c.fixed[target] = drawn({rows}, classes);
  c.fixed[counted] = filled({1}, static_cast<double>(count));
  c.tolerance = 1e-5;
  graph.outputs = graph.add(op, "loss", attrs, {logits, target, counted});
  return c;
}

Case dropout(const Shape& shape, double p) {
  Case c;
  c.text = "Dropout " + cnnc::to_string(shape) + " p " + std::to_string(p);
  const ValueId input = c.graph.add_input("input", f32(shape));
  const ValueId seed = c.graph.add_input("seed", {DType::i32, {1}});
  c.fixed[seed] = filled({1}, -12345);
  Attrs attrs;
  attrs.set("p", p);
  c.tolerance = 1e-6;
  c.graph.outputs = c.graph.add("Dropout", "dropout", attrs, {input, seed});
  return c;
}

Case padded_images(int64_t batch, int64_t rows, const Shape& image, int64_t count) {
  Case c;
  Shape shape = image;
  shape.insert(shape.begin(), batch);
  c.text = "PadBatch, Normalize " + cnnc::to_string(shape) + " to " + std::to_string(rows) +
           " rows, count " + std::to_string(count);
  Graph& graph = c.graph;
  const ValueId images = graph.add_input("images", f32(shape));
  const ValueId counted = graph.add_input("count", {DType::i32, {1}});
  c.fixed[counted] = filled({1}, static_cast<double>(count));
  Attrs pad;
  pad.set("rows", rows);
  const ValueId padded = graph.add("PadBatch", "padded", pad, {images, counted})[0];
  Attrs normalize;
  std::vector<double> mean, deviation;
  for (int64_t i = 0; i < image[0]; ++i) {
    mean.push_back(0.25 * static_cast<double>(i % 7));
    deviation.push_back(i % 2 == 0 ? 0.5 : 0.3);
  }
  normalize.set("mean", mean);
  normalize.set("std", deviation);
  c.tolerance = 1e-6;
  graph.outputs = graph.add("Normalize", "normalize", normalize, {padded});
  return c;
}

Case for_inference(Case c, Layout input_layout, Layout output_layout) {
  c.layout = Layout::channels_last;
  c.input_layout = input_layout;
  c.output_layout = output_layout;
  c.text += ", inference, " + std::string(cnnc::to_string(input_layout)) + " to " +
            cnnc::to_string(output_layout);
  return c;
}

Case for_training(Case c) {
  c.layout = Layout::batch_innermost;
  c.input_layout = c.output_layout = Layout::batch_innermost;
  return c;
}

}  // namespace cnnc::test
