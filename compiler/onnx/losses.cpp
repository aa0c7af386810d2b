// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss of classes that are known. What trains a
// network is no part of its model: these stand in models for other uses.
#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

// What each class of each target counts: -weight at the target's class, 0 elsewhere and where the
// target is ignored.
struct Classes {
  KnownTensor factors;  // of the input's shape
  double total = 0;     // of the weights that count
};

Classes classes_of(OnnxNode& node, const Shape& in) {
  const KnownTensorPtr target = node.known_input(1);
  Shape expected = {in[0]};
  expected.insert(expected.end(), in.begin() + 2, in.end());
  if (target->shape() != expected) {
    refuse("its targets are " + to_string(target->shape()) + " for an input " + to_string(in));
  }
  KnownTensorPtr weight;
  if (node.has_input(2)) weight = node.known_input(2);
  if (weight && weight->shape() != Shape{in[1]}) refuse("has not one weight for each class");
  const bool ignores = node.has("ignore_index");
  const int64_t ignored = node.integer("ignore_index", 0);
  const int64_t pixels = element_count({in.begin() + 2, in.end()});
  Classes result{KnownTensor(ElementType::f32, in)};
  const std::vector<int64_t> classes = target->as_integers();
  for (int64_t i = 0; i < target->count(); ++i) {
    const int64_t chosen = classes[i];
    if (ignores && chosen == ignored) continue;
    if (chosen < 0 || chosen >= in[1]) refuse("has the class " + std::to_string(chosen));
    const double counts = weight ? static_cast<double>(weight->at(chosen)) : 1;
    result.factors.set((i / pixels * in[1] + chosen) * pixels + i % pixels, -counts);
    result.total += counts;
  }
  return result;
}

Operand loss_of(OnnxNode& node, const Operand& scores) {
  const Shape in = node.shape(scores);
  if (in.size() < 2) refuse("its input " + to_string(in) + " has no classes");
  const std::string reduction = node.text("reduction", "mean");
  const Classes classes = classes_of(node, in);
  const Operand chosen =
      combined(node, "Mul", scores, node.own("factors", KnownTensor(classes.factors)));
  Attrs attrs;
  attrs.set("dim", std::vector<int64_t>{1});
  attrs.set("keepdim", true);
  Operand losses = node.emit("Sum", std::move(attrs), {chosen});
  Shape shape = {in[0]};
  shape.insert(shape.end(), in.begin() + 2, in.end());
  losses = reshaped(node, losses, shape);
  if (reduction == "none") return losses;
  if (reduction != "sum" && reduction != "mean") {
    refuse("its attribute reduction is \"" + reduction + "\"");
  }
  Attrs all;
  all.set("dim", std::vector<int64_t>{0});
  all.set("keepdim", true);
  Operand sum = node.emit("Sum", std::move(all), {reshaped(node, losses, {element_count(shape)})});
  if (reduction == "mean") sum = combined(node, "Mul", sum, 1 / classes.total);
  return reshaped(node, sum, {});
}

void import_nll_loss(OnnxNode& node) { node.set_output(0, loss_of(node, node.input(0))); }

void import_cross_entropy_loss(OnnxNode& node) {
  Attrs attrs;
  attrs.set("dim", int64_t{1});
  const Operand scores = node.emit("LogSoftmax", std::move(attrs), {node.input(0)});
  node.set_output(0, loss_of(node, scores));
  node.set_output(1, scores);
}

}  // namespace

OnnxOperators loss_operators() {
  return {{"NegativeLogLikelihoodLoss", import_nll_loss},
          {"SoftmaxCrossEntropyLoss", import_cross_entropy_loss}};
}

}  // namespace cnnc
