// NLLLoss and its gradient. Tested by tests/ops/nll_loss_test.cpp.
//
// With w the weights of the classes, for the targets that count
//   loss = scale * sum over n of -w(target(n)) * input(n, target(n))
//   gradient(n, j) = -scale * w(j) where j is target(n), else 0
// where scale is 1 / the sum of w(target(n)) for the mean and 1 for the sum. Of images, n runs over
// the pixels.
#include "compiler/ops/class_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

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

void lower(Lowering& lowering) {
  const size_t c = channel_argument(lowering.input_types[0].shape.size());
  const Expr total = sum_of_terms(lowering, 1, [&](const Place& place) {
    const ClassTarget target = class_target(lowering, place);
    Place expected = place;
    expected[c] = target.index;
    return where(target.counts, -target.weight * at(lowering.inputs[0], expected));
  });
  Func output("nll_loss");
  output(Var("c")) = Halide::strict_float(total / class_loss_divisor(lowering));
  lowering.outputs = {output};
}

void lower_grad(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Place place = as_exprs(vars);
  const ClassTarget target = class_target(lowering, place);
  const Expr scale = Halide::strict_float(1.f / class_loss_divisor(lowering));
  const Expr is_target = target.index == place[channel_argument(place.size())];
  Func output("nll_loss_grad");
  output(vars) = where(target.counts && is_target, -target.weight * scale);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) { return loss_gradient(args, "NLLLossGrad"); }

void reference(ReferenceArgs& args) {
  double& loss = args.outputs[0].data[0];
  for_each_target(args, [&](int64_t first, int64_t stride, int64_t target, double weight) {
    loss -= weight * args.inputs[0]->data[first + target * stride];
  });
  loss *= class_loss_scale(args);
}

void reference_grad(ReferenceArgs& args) {
  const double scale = class_loss_scale(args);
  for_each_target(args, [&](int64_t first, int64_t stride, int64_t target, double weight) {
    args.outputs[0].data[first + target * stride] = -weight * scale;
  });
}

OpDef make_nll_loss() noexcept {
  OpDef op;
  op.name = "NLLLoss";
  op.role = OpRole::loss;
  op.doc = "Negative log likelihood of the target classes, for outputs of LogSoftmax";
  op.attrs = class_loss_attrs();
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_nll_loss_grad() noexcept {
  OpDef op;
  op.name = "NLLLossGrad";
  op.doc = "Gradient of NLLLoss with respect to its input";
  op.attrs = class_loss_attrs();
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef nll_loss = make_nll_loss();
extern const OpDef nll_loss_grad = make_nll_loss_grad();

}  // namespace cnnc
