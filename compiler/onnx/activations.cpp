// Functions of single elements, Softmax and its kin, Dropout.
#include <cmath>
#include <map>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

// Those with one input and no attributes, and the op of each.
const std::map<std::string, std::string>& plain_ops() {
  static const std::map<std::string, std::string> kOps = {{"Abs", "Abs"},
                                                          {"Ceil", "Ceil"},
                                                          {"Cos", "Cos"},
                                                          {"Erf", "Erf"},
                                                          {"Exp", "Exp"},
                                                          {"Floor", "Floor"},
                                                          {"HardSwish", "Hardswish"},
                                                          {"Log", "Log"},
                                                          {"Mish", "Mish"},
                                                          {"Neg", "Neg"},
                                                          {"Reciprocal", "Reciprocal"},
                                                          {"Relu", "ReLU"},
                                                          {"Round", "Round"},
                                                          {"Sigmoid", "Sigmoid"},
                                                          {"Sign", "Sign"},
                                                          {"Sin", "Sin"},
                                                          {"Softplus", "Softplus"},
                                                          {"Softsign", "Softsign"},
                                                          {"Sqrt", "Sqrt"},
                                                          {"Tanh", "Tanh"}};
  return kOps;
}

void import_plain(OnnxNode& node) {
  node.ignore("consumed_inputs");
  node.set_output(0, node.emit(plain_ops().at(node.type()), {}, {node.input(0)}));
}

Operand with_real(OnnxNode& node, const std::string& op, const std::string& attribute,
                  double value) {
  Attrs attrs;
  attrs.set(attribute, value);
  return node.emit(op, std::move(attrs), {node.input(0)});
}

void import_elu(OnnxNode& node) {
  node.set_output(0, with_real(node, "ELU", "alpha", node.real("alpha", 1)));
}

void import_celu(OnnxNode& node) {
  node.set_output(0, with_real(node, "CELU", "alpha", node.real("alpha", 1)));
}

void import_leaky_relu(OnnxNode& node) {
  node.set_output(0, with_real(node, "LeakyReLU", "negative_slope", node.real("alpha", 0.01)));
}

void import_thresholded_relu(OnnxNode& node) {
  Attrs attrs;
  attrs.set("threshold", node.real("alpha", 1));
  attrs.set("value", 0.0);
  node.set_output(0, node.emit("Threshold", std::move(attrs), {node.input(0)}));
}

// gamma * (x > 0 ? x : alpha * (exp(x) - 1))
void import_selu(OnnxNode& node) {
  constexpr double kAlpha = 1.6732632423543772, kGamma = 1.0507009873554805;
  const double alpha = node.real("alpha", kAlpha), gamma = node.real("gamma", kGamma);
  const auto is_near = [](double a, double b) { return std::abs(a - b) < 1e-6 * b; };
  if (is_near(alpha, kAlpha) && is_near(gamma, kGamma)) {
    return node.set_output(0, node.emit("SELU", {}, {node.input(0)}));
  }
  node.set_output(0, combined(node, "Mul", with_real(node, "ELU", "alpha", alpha), gamma));
}

void import_hard_sigmoid(OnnxNode& node) {
  const double alpha = node.real("alpha", 0.2), beta = node.real("beta", 0.5);
  if (std::abs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5) {
    return node.set_output(0, node.emit("Hardsigmoid", {}, {node.input(0)}));
  }
  const Operand line = combined(node, "Add", combined(node, "Mul", node.input(0), alpha), beta);
  Attrs attrs;
  attrs.set("min", 0.0);
  attrs.set("max", 1.0);
  node.set_output(0, node.emit("Clamp", std::move(attrs), {line}));
}

void import_gelu(OnnxNode& node) {
  Attrs attrs;
  attrs.set("approximate", node.text("approximate", "none"));
  node.set_output(0, node.emit("GELU", std::move(attrs), {node.input(0)}));
}

void import_shrink(OnnxNode& node) {
  const double lambda = node.real("lambd", 0.5), bias = node.real("bias", 0);
  if (bias != 0 && bias != lambda) {
    refuse("its attribute bias is neither 0 nor lambd");
  }
  node.set_output(0, with_real(node, bias == 0 ? "Hardshrink" : "Softshrink", "lambd", lambda));
}

// Its bounds are attributes up to opset 10.
void import_clip(OnnxNode& node) {
  Attrs attrs;
  int64_t number = 1;
  for (const char* name : {"min", "max"}) {
    if (node.opset() < 11 && node.has(name)) attrs.set(name, node.real(name, 0));
    if (node.opset() >= 11 && node.has_input(number)) {
      attrs.set(name, static_cast<double>(node.known_scalar(number)));
    }
    ++number;
  }
  node.ignore("consumed_inputs");
  if (attrs.all().empty()) return node.set_output(0, node.input(0));
  node.set_output(0, node.emit("Clamp", std::move(attrs), {node.input(0)}));
}

// One slope, or one for each channel, is a layer's; others are broadcast.
void import_prelu(OnnxNode& node) {
  const Operand input = node.input(0), slope = node.input(1);
  const Shape in = node.shape(input);
  if (slope.is_constant() && in.size() >= 2) {
    const Shape shape = slope.constant->shape();
    const int64_t count = slope.constant->count();
    Shape per_channel(in.size() - 1, 1);
    per_channel[0] = in[1];
    const bool is_layer =
        count == 1 || shape == per_channel || (node.opset() < 7 && shape == Shape{in[1]});
    if (is_layer) {
      Operand weight = slope;
      if (shape.size() != 1) {
        weight = OnnxNode::derived(slope, "weight", slope.constant->reshaped({count}));
      }
      Attrs attrs;
      attrs.set("num_parameters", count);
      return node.set_output(0,
                             node.emit("PReLU", std::move(attrs), {input}, {{"weight", weight}}));
    }
  }
  const Operand below = combined(node, "Mul", combined(node, "Minimum", input, 0.0), slope);
  node.set_output(0, combined(node, "Add", node.emit("ReLU", {}, {input}), below));
}

// Up to opset 12 over all dimensions from the axis on, as if they were one.
void import_softmax(OnnxNode& node) {
  const std::string op = node.type() == "LogSoftmax" ? "LogSoftmax" : "Softmax";
  const Operand input = node.input(0);
  const Shape shape = node.shape(input);
  const auto rank = static_cast<int64_t>(shape.size());
  const bool is_old = node.opset() < 13;
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", is_old ? 1 : -1), rank);
  Attrs attrs;
  const bool joins = is_old && axis != rank - 1;
  if (!joins) {
    attrs.set("dim", axis);
    return node.set_output(0, node.emit(op, std::move(attrs), {input}));
  }
  const Shape rows = {element_count({shape.begin(), shape.begin() + axis}),
                      element_count({shape.begin() + axis, shape.end()})};
  attrs.set("dim", int64_t{1});
  const Operand result = node.emit(op, std::move(attrs), {reshaped(node, input, rows)});
  node.set_output(0, reshaped(node, result, shape));
}

// In inference the identity; the graph keeps it for training.
void import_dropout(OnnxNode& node) {
  node.ignore("seed");
  node.ignore("is_test");
  double ratio = node.real("ratio", 0.5);
  if (node.has_input(1)) ratio = static_cast<double>(node.known_scalar(1));
  if (node.has_input(2) && node.known_scalar(2) != 0 && ratio != 0) {
    refuse("drops elements at random in inference (training_mode)");
  }
  const Operand input = node.input(0);
  if (node.has_output(1)) {
    KnownTensor mask(node.opset() < 10 ? ElementType::f32 : ElementType::boolean,
                     node.shape(input));
    for (int64_t i = 0; i < mask.count(); ++i) mask.set(i, 1);
    node.set_output(1, std::move(mask));
  }
  if (input.is_constant()) return node.set_output(0, input);
  Attrs attrs;
  attrs.set("p", ratio);
  node.set_output(0, node.emit("Dropout", std::move(attrs), {input}));
}

}  // namespace

OnnxOperators activation_operators() {
  OnnxOperators operators = {{"Celu", import_celu},
                             {"Clip", import_clip},
                             {"Dropout", import_dropout},
                             {"Elu", import_elu},
                             {"Gelu", import_gelu},
                             {"HardSigmoid", import_hard_sigmoid},
                             {"LeakyRelu", import_leaky_relu},
                             {"LogSoftmax", import_softmax},
                             {"PRelu", import_prelu},
                             {"Selu", import_selu},
                             {"Shrink", import_shrink},
                             {"Softmax", import_softmax},
                             {"ThresholdedRelu", import_thresholded_relu}};
  for (const auto& [name, op] : plain_ops()) operators.push_back({name, import_plain});
  return operators;
}

}  // namespace cnnc
