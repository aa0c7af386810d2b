// PReLU and its gradients. Tested by tests/ops/prelu_test.cpp.
#include <algorithm>

#include "compiler/ops/broadcast.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

// Tensors of one dimension have no channels, or one.
int64_t channels_of(const Type& type) { return type.rank() < 2 ? 1 : type.shape[1]; }

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>& /*inputs*/) {
  ParameterSpec weight;
  weight.name = "weight";
  weight.shape = {attrs.integer("num_parameters")};
  weight.fill = static_cast<float>(attrs.real("init"));
  return {weight};
}

Diagnostics check_weight(const InferArgs& args, size_t weight) {
  const int64_t count = args.attrs.integer("num_parameters");
  const int64_t channels = channels_of(args.inputs[0]);
  if (count != 1 && count != channels) {
    return {error("num_parameters is " + std::to_string(count) + ", but must be 1 or " +
                  std::to_string(channels) + ", the channels of the input " +
                  to_string(args.inputs[0].shape))};
  }
  if (!is_given(args, weight)) return {};
  return expect_type(args, weight, "weight", {DType::f32, {count}});
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty()) problems = check_weight(args, 1);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

// The slope below zero, of the channel at that place.
Expr weight_at(const Lowering& lowering, size_t input, const std::vector<Expr>& place) {
  const bool one = lowering.attrs().integer("num_parameters") == 1;
  return lowering.inputs[input](one ? constant(0) : place[place.size() - 2]);
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> place = as_exprs(vars);
  const Expr x = at(lowering.inputs[0], place);
  Func output("prelu");
  output(vars) =
      Halide::select(strict_less(0.f, x), x, strict_mul(weight_at(lowering, 1, place), x));
  lowering.outputs = {output};
}

// The weight's gradient is the sum of gradient * min(x, 0).
std::vector<ValueId> gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  std::vector<ValueId> result = rule.result();
  if (rule.wants(0)) {
    result[0] = rule.add("PReLUGrad", "grad_input", {rule.upstream(), rule.input(0), rule.input(1)},
                         rule.number());
  }
  if (rule.wants(1)) {
    Attrs most, sum, view;
    most.set("max", 0.0);
    const ValueId below = rule.add("Clamp", "below", {rule.input(0)}, most);
    const Shape& shape = args.graph.type(rule.input(0)).shape;
    const int64_t count = args.graph.type(rule.input(1)).shape[0];
    Shape kept(shape.size(), 1);
    if (count > 1) kept[1] = count;
    sum.set("shape", kept);
    view.set("shape", Shape{count});
    const ValueId sums = rule.add("SumTo", "sums", {rule.upstream(), below}, sum);
    result[1] = rule.add("View", "grad_weight", {sums}, view);
  }
  return result;
}

double weight_at(const ReferenceArgs& args, size_t input, size_t index) {
  const std::vector<double>& weight = args.inputs[input]->data;
  if (weight.size() == 1) return weight[0];
  const Fibres channels = fibres(args.outputs[0].shape, 1);
  return weight[static_cast<int64_t>(index) / channels.after % channels.extent];
}

void reference(ReferenceArgs& args) {
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) {
    args.outputs[0].data[i] = in[i] > 0 ? in[i] : weight_at(args, 1, i) * in[i];
  }
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = expect_type(args, 1, "input", args.inputs[0]);
  if (problems.empty()) problems = check_weight(args, 2);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_grad(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> place = as_exprs(vars);
  const Expr g = at(lowering.inputs[0], place), x = at(lowering.inputs[1], place);
  Func output("prelu_grad");
  output(vars) =
      Halide::select(strict_less(0.f, x), g, strict_mul(weight_at(lowering, 2, place), g));
  lowering.outputs = {output};
}

void reference_grad(ReferenceArgs& args) {
  const std::vector<double>& g = args.inputs[0]->data;
  const std::vector<double>& x = args.inputs[1]->data;
  for (size_t i = 0; i < x.size(); ++i) {
    args.outputs[0].data[i] = x[i] > 0 ? g[i] : weight_at(args, 2, i) * g[i];
  }
}

OpDef make_prelu() noexcept {
  OpDef op;
  op.name = "PReLU";
  op.role = OpRole::layer;
  op.doc = "x where it is positive, else a trained slope times x";
  op.attrs = {attribute("num_parameters", AttrKind::integer, int64_t{1}, kCounts,
                        "slopes: 1, or one for each channel"),
              attribute("init", AttrKind::real, 0.25, {}, "what the slopes are at first")};
  op.inputs = {input("input"), parameter_input("weight")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_prelu_grad() noexcept {
  OpDef op = make_prelu();
  op.name = "PReLUGrad";
  op.role = OpRole::internal;
  op.doc = "Gradient of PReLU with respect to its input";
  op.inputs = {input("gradient"), input("input"), input("weight")};
  op.infer = infer_grad;
  op.parameters = nullptr;
  op.lower = lower_grad;
  op.gradient = nullptr;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef prelu = make_prelu();
extern const OpDef prelu_grad = make_prelu_grad();

}  // namespace cnnc
