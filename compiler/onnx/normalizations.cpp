// Normalisations with known statistics, or with those of each image.
#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

// [N, C, everything else, 1]
Shape as_image(const Shape& shape) {
  if (shape.size() < 2) refuse("its input " + to_string(shape) + " has no channels");
  return {shape[0], shape[1], element_count({shape.begin() + 2, shape.end()}), 1};
}

// With the known inputs from number `first` on as parameters of those names.
OnnxNode::Parameters parameters_of(const OnnxNode& node, int64_t first,
                                   const std::vector<std::string>& names) {
  OnnxNode::Parameters parameters;
  for (const std::string& name : names) {
    (void)node.known_input(first);
    parameters.emplace_back(name, node.input(first++));
  }
  return parameters;
}

// Applies an op for images to a tensor of any rank with channels.
Operand over_images(OnnxNode& node, const std::string& op, Attrs attrs,
                    const OnnxNode::Parameters& parameters) {
  const Operand input = node.input(0);
  const Shape shape = node.shape(input);
  const Operand image = shape.size() == 4 ? input : reshaped(node, input, as_image(shape));
  return reshaped(node, node.emit(op, std::move(attrs), {image}, parameters), shape);
}

void import_batch_normalization(OnnxNode& node) {
  if (node.integer("training_mode", 0) != 0) {
    refuse("normalises by the batch (training_mode), and the network is compiled for inference");
  }
  if (node.integer("spatial", 1) == 0) refuse("its attribute spatial is 0");
  for (const char* name : {"momentum", "is_test", "consumed_inputs"}) node.ignore(name);
  for (int64_t i = 1; i < node.output_count(); ++i) {
    node.refuse_output(i, "a statistic of the batch");
  }
  Attrs attrs;
  attrs.set("eps", node.real("epsilon", 1e-5));
  node.set_output(
      0, over_images(node, "BatchNorm2d", std::move(attrs),
                     parameters_of(node, 1, {"weight", "bias", "running_mean", "running_var"})));
}

void import_instance_normalization(OnnxNode& node) {
  node.ignore("consumed_inputs");
  Attrs attrs;
  attrs.set("eps", node.real("epsilon", 1e-5));
  attrs.set("affine", true);
  node.set_output(0, over_images(node, "InstanceNorm2d", std::move(attrs),
                                 parameters_of(node, 1, {"weight", "bias"})));
}

// Before opset 21 there is one number for each group.
void import_group_normalization(OnnxNode& node) {
  const Shape in = node.shape(node.input(0));
  const int64_t groups = node.required_integer("num_groups");
  node.ignore("stash_type");
  if (in.size() < 2 || groups < 1 || in[1] % groups != 0) {
    refuse("has " + std::to_string(groups) + " groups of the channels of " + to_string(in));
  }
  OnnxNode::Parameters parameters = parameters_of(node, 1, {"weight", "bias"});
  for (auto& [name, operand] : parameters) {
    if (operand.constant->shape() != Shape{groups} || groups == in[1]) continue;
    KnownTensor repeated(operand.constant->type(), {in[1]});
    for (int64_t c = 0; c < in[1]; ++c) repeated.set(c, operand.constant->at(c / (in[1] / groups)));
    operand = OnnxNode::derived(operand, "repeated", std::move(repeated));
  }
  Attrs attrs;
  attrs.set("num_groups", groups);
  attrs.set("eps", node.real("epsilon", 1e-5));
  node.set_output(0, over_images(node, "GroupNorm", std::move(attrs), parameters));
}

// The means and the inverse standard deviations, where somebody wants them.
void set_layer_statistics(OnnxNode& node, const Operand& input, int64_t axis, double epsilon) {
  if (!node.has_output(1) && !node.has_output(2)) return;
  OnnxReduction reduction;
  for (int64_t d = axis; d < node.rank(input); ++d) reduction.axes.push_back(d);
  const Operand mean = reduced(node, "Mean", input, reduction);
  node.set_output(1, mean);
  if (!node.has_output(2)) return;
  const Operand centred = combined(node, "Sub", input, mean);
  const Operand variance =
      reduced(node, "Mean", combined(node, "Mul", centred, centred), reduction);
  const Operand deviation = node.emit("Sqrt", {}, {combined(node, "Add", variance, epsilon)});
  node.set_output(2, node.emit("Reciprocal", {}, {deviation}));
}

void import_layer_normalization(OnnxNode& node) {
  const Operand input = node.input(0);
  const Shape in = node.shape(input);
  const int64_t axis = OnnxNode::axis_within(node.integer("axis", -1), node.rank(input));
  node.ignore("stash_type");
  const Shape normalized(in.begin() + axis, in.end());
  OnnxNode::Parameters parameters = parameters_of(node, 1, {"weight"});
  if (node.has_input(2)) parameters.push_back(parameters_of(node, 2, {"bias"})[0]);
  Attrs attrs;
  const double epsilon = node.real("epsilon", 1e-5);
  set_layer_statistics(node, input, axis, epsilon);
  attrs.set("normalized_shape", normalized);
  attrs.set("eps", epsilon);
  attrs.set("bias", node.has_input(2));
  // Where it normalises all dimensions, they become those of the one element of a batch.
  Shape rows = in;
  if (axis == 0) rows.insert(rows.begin(), 1);
  const Operand of_rows = reshaped(node, input, rows);
  const Operand result = node.emit("LayerNorm", std::move(attrs), {of_rows}, parameters);
  node.set_output(0, reshaped(node, result, in));
}

// An even window reaches one channel further up in ONNX, and further down in PyTorch.
void import_lrn(OnnxNode& node) {
  const int64_t size = node.required_integer("size");
  if (size % 2 == 0) refuse("its attribute size is even");
  Attrs attrs;
  attrs.set("size", size);
  attrs.set("alpha", node.real("alpha", 0.0001));
  attrs.set("beta", node.real("beta", 0.75));
  attrs.set("k", node.real("bias", 1));
  node.set_output(0, node.emit("LocalResponseNorm", std::move(attrs), {node.input(0)}));
}

}  // namespace

OnnxOperators normalization_operators() {
  return {{"BatchNormalization", import_batch_normalization},
          {"GroupNormalization", import_group_normalization},
          {"InstanceNormalization", import_instance_normalization},
          {"LRN", import_lrn},
          {"LayerNormalization", import_layer_normalization}};
}

}  // namespace cnnc
