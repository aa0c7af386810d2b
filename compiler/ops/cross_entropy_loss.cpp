// CrossEntropyLoss and its gradient. Tested by tests/ops/cross_entropy_loss_test.cpp.
//
// With p = softmax(input(n)), w the weights of the classes, and for the targets that count
//   q(j) = w(j) * ((1 - label_smoothing) * [j = target(n)] + label_smoothing / C)
//   loss = scale * sum over n, j of -q(j) * log p(j)
//   gradient(n, j) = scale * (p(j) * sum of q - q(j))
// where scale is 1 / the sum of w(target(n)) for the mean and 1 for the sum. Of images, n runs over
// the pixels.
#include <algorithm>
#include <cmath>

#include "compiler/ops/class_losses.h"
#include "compiler/ops/exponentials.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

std::vector<AttrSpec> loss_attrs() {
  std::vector<AttrSpec> attrs = class_loss_attrs();
  attrs.push_back(attribute("label_smoothing", AttrKind::real, 0.0, {0, 1},
                            "share of the target that is spread evenly over all classes"));
  return attrs;
}

Result<std::vector<Type>> infer(InferArgs& args) {
  const Diagnostics problems = check_class_loss(args);
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {1}}});
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  const Diagnostics problems = check_class_loss(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

// The sum of the weights of all classes.
double sum_of_weights(const Attrs& attrs, int64_t classes) {
  double sum = 0;
  for (int64_t j = 0; j < classes; ++j) sum += channel_number(attrs, "weight", j);
  return sum;
}

// A pixel's sum of q, given the weight of its target.
Expr sum_of_q(const Lowering& lowering, const Expr& weight) {
  const int64_t classes = lowering.input_types[0].shape[1];
  const double smoothing = lowering.attrs().real("label_smoothing");
  if (smoothing == 0) return weight;
  const double spread =
      smoothing / static_cast<double>(classes) * sum_of_weights(lowering.attrs(), classes);
  return static_cast<float>(1 - smoothing) * weight + static_cast<float>(spread);
}

// Those of the stages that a sum of images computes pixel by pixel.
void nest_in_partial(Lowering& lowering, const std::vector<std::string>& names) {
  if (lowering.input_types[0].rank() < 3) return;
  for (const std::string& name : names) {
    const auto found = lowering.stages.find(name);
    if (found == lowering.stages.end()) continue;
    lowering.stages["partial/" + name] = found->second;
    lowering.stages.erase(found);
  }
}

// The mean of the logits over the classes, by weight, as the stage "mean_logit".
Func mean_logit(Lowering& lowering, size_t c) {
  const Type& type = lowering.input_types[0];
  RDom r(0, constant(type.shape[1]), "r");
  std::vector<Var> rest = variables(type.rank());
  Place source = as_exprs(rest);
  rest.erase(rest.begin() + static_cast<int64_t>(c));
  source[c] = r;
  Func mean("mean_logit");
  mean(rest) = 0.f;
  mean(rest) += at(lowering.inputs[0], source) * channel_number(lowering.attrs(), "weight", r) *
                (1.f / static_cast<float>(type.shape[1]));
  lowering.stages["mean_logit"] = mean;
  return mean;
}

void lower(Lowering& lowering) {
  const float smoothing = static_cast<float>(lowering.attrs().real("label_smoothing"));
  const size_t c = channel_argument(lowering.input_types[0].shape.size());
  const Exponentials exponentials = add_exponentials(lowering, static_cast<int64_t>(c));
  Func mean;
  if (smoothing != 0) mean = mean_logit(lowering, c);

  const Expr total = sum_of_terms(lowering, 1, [&](const Place& place) {
    const ClassTarget target = class_target(lowering, place);
    const Place rest = without(place, static_cast<int64_t>(c));
    Place expected_place = place;
    expected_place[c] = target.index;
    const Expr log_sum = at(exponentials.maximum, rest) + log_or_nan(at(exponentials.sum, rest));
    Expr expected = at(lowering.inputs[0], expected_place);
    if (lowering.attrs().has("weight")) expected *= target.weight;
    if (smoothing != 0) expected = (1.f - smoothing) * expected + smoothing * at(mean, rest);
    Expr weighted = log_sum;
    if (lowering.attrs().has("weight")) weighted *= sum_of_q(lowering, target.weight);
    return where(target.counts, weighted - expected);
  });
  nest_in_partial(lowering, {"maximum", "sum", "mean_logit"});
  Func output("cross_entropy_loss");
  output(Var("c")) = Halide::strict_float(total / class_loss_divisor(lowering));
  lowering.outputs = {output};
}

void lower_grad(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Place place = as_exprs(vars);
  const size_t c = channel_argument(place.size());
  const int64_t classes = lowering.input_types[0].shape[1];
  const double smoothing = lowering.attrs().real("label_smoothing");
  const Exponentials exponentials = add_exponentials(lowering, static_cast<int64_t>(c));
  const Place rest = without(place, static_cast<int64_t>(c));
  const Expr centred = at(lowering.inputs[0], place) - at(exponentials.maximum, rest);
  const Expr softmax = Halide::strict_float(exp_or_nan(centred) / at(exponentials.sum, rest));
  const ClassTarget target = class_target(lowering, place);
  Expr wanted = Halide::select(target.index == place[c], static_cast<float>(1 - smoothing), 0.f);
  if (smoothing != 0) {
    wanted += static_cast<float>(smoothing) / static_cast<float>(classes);
  }
  Expr difference = softmax - wanted;
  if (lowering.attrs().has("weight")) {
    difference = softmax * sum_of_q(lowering, target.weight) -
                 wanted * channel_number(lowering.attrs(), "weight", place[c]);
  }
  const Expr scale = Halide::strict_float(1.f / class_loss_divisor(lowering));
  Func output("cross_entropy_loss_grad");
  output(vars) = where(target.counts, difference * scale);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  return loss_gradient(args, "CrossEntropyLossGrad");
}

// Calls visit(index, log p(j), q(j)) for the classes of all targets that count.
template <class Visit>
void for_each_class(const ReferenceArgs& args, Visit visit) {
  const std::vector<double>& input = args.inputs[0]->data;
  const int64_t classes = args.inputs[0]->shape[1];
  const double smoothing = args.attrs.real("label_smoothing");
  for_each_target(args, [&](int64_t first, int64_t stride, int64_t target, double) {
    double maximum = input[first], sum = 0;
    for (int64_t j = 0; j < classes; ++j) maximum = std::max(maximum, input[first + j * stride]);
    for (int64_t j = 0; j < classes; ++j) sum += std::exp(input[first + j * stride] - maximum);
    for (int64_t j = 0; j < classes; ++j) {
      const double share =
          (j == target ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes);
      visit(first + j * stride, input[first + j * stride] - maximum - std::log(sum),
            share * channel_number(args.attrs, "weight", j));
    }
  });
}

void reference(ReferenceArgs& args) {
  double& loss = args.outputs[0].data[0];
  for_each_class(args, [&](int64_t, double log_p, double q) { loss -= q * log_p; });
  loss *= class_loss_scale(args);
}

void reference_grad(ReferenceArgs& args) {
  const double scale = class_loss_scale(args);
  const int64_t classes = args.inputs[0]->shape[1];
  const double smoothing = args.attrs.real("label_smoothing");
  const double spread =
      smoothing / static_cast<double>(classes) * sum_of_weights(args.attrs, classes);
  std::vector<double> weights(args.outputs[0].data.size());
  for_each_target(args, [&](int64_t first, int64_t stride, int64_t, double weight) {
    for (int64_t j = 0; j < classes; ++j) weights[first + j * stride] = weight;
  });
  for_each_class(args, [&](int64_t index, double log_p, double q) {
    const double sum = (1 - smoothing) * weights[index] + spread;
    args.outputs[0].data[index] = (std::exp(log_p) * sum - q) * scale;
  });
}

OpDef make_cross_entropy_loss() noexcept {
  OpDef op;
  op.name = "CrossEntropyLoss";
  op.role = OpRole::loss;
  op.doc = "Cross entropy between the softmax of the logits and the target classes";
  op.attrs = loss_attrs();
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_cross_entropy_loss_grad() noexcept {
  OpDef op;
  op.name = "CrossEntropyLossGrad";
  op.doc = "Gradient of CrossEntropyLoss with respect to the logits";
  op.attrs = loss_attrs();
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef cross_entropy_loss = make_cross_entropy_loss();
extern const OpDef cross_entropy_loss_grad = make_cross_entropy_loss_grad();

}  // namespace cnnc
