// Softmax and its gradient. Tested by tests/ops/softmax_test.cpp.
//
//   Softmax      output = exp(input - maximum) / sum of exp(input - maximum)
//   SoftmaxGrad  output = y * (gradient - sum of gradient * y), with y the output of Softmax
// where maximum and sums run along `dim`.
#include <algorithm>
#include <cmath>

#include "compiler/ops/exponentials.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kImageForm, kRowForm});
  if (problems.empty()) problems = settle_dim(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& /*inputs*/) {
  return attrs.integer("dim") == 1 ? uint32_t{kProbabilities} : 0u;
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const int64_t reduced = dim_argument(lowering);
  const Exponentials exponentials = add_exponentials(lowering, reduced);
  const std::vector<Expr> place = as_exprs(vars);
  const std::vector<Expr> rest = without(place, reduced);
  Func output("softmax");
  const Expr centred = at(lowering.inputs[0], place) - at(exponentials.maximum, rest);
  output(vars) = Halide::strict_float(exp_or_nan(centred) / at(exponentials.sum, rest));
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  result[0] = args.graph.add("SoftmaxGrad", node.name + ".grad_input", node.attrs,
                             {upstream, node.outputs[0]})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const std::vector<double>& in = args.inputs[0]->data;
  std::vector<double>& out = args.outputs[0].data;
  for_each_fibre(args.inputs[0]->shape, args.attrs.integer("dim"),
                 [&](int64_t first, int64_t stride, int64_t count) {
                   double maximum = in[first], sum = 0;
                   for (int64_t i = 0; i < count; ++i) {
                     maximum = std::max(maximum, in[first + i * stride]);
                   }
                   for (int64_t i = 0; i < count; ++i) {
                     sum += std::exp(in[first + i * stride] - maximum);
                   }
                   for (int64_t i = 0; i < count; ++i) {
                     out[first + i * stride] = std::exp(in[first + i * stride] - maximum) / sum;
                   }
                 });
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {kImageForm, kRowForm});
  if (problems.empty()) problems = expect_type(args, 1, "output", args.inputs[0]);
  if (problems.empty()) problems = settle_dim(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_grad(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  std::vector<Var> vars = variables(type.rank());
  const int64_t reduced = dim_argument(lowering);
  const std::vector<Expr> place = as_exprs(vars);
  const std::vector<Expr> rest = without(place, reduced);
  RDom r(0, constant(type.shape[type.rank() - 1 - reduced]), "r");
  std::vector<Expr> source = place;
  source[reduced] = r;
  const Func upstream = lowering.inputs[0], result = lowering.inputs[1];
  Func sum("sum"), output("softmax_grad");
  sum(rest) = 0.f;
  sum(rest) += at(upstream, source) * at(result, source);
  output(vars) = at(result, place) * (at(upstream, place) - at(sum, rest));
  lowering.stages["sum"] = sum;
  lowering.outputs = {output};
}

void reference_grad(ReferenceArgs& args) {
  const std::vector<double>& upstream = args.inputs[0]->data;
  const std::vector<double>& result = args.inputs[1]->data;
  for_each_fibre(args.inputs[0]->shape, args.attrs.integer("dim"),
                 [&](int64_t first, int64_t stride, int64_t count) {
                   double sum = 0;
                   for (int64_t i = first; i < first + count * stride; i += stride) {
                     sum += upstream[i] * result[i];
                   }
                   for (int64_t i = first; i < first + count * stride; i += stride) {
                     args.outputs[0].data[i] = result[i] * (upstream[i] - sum);
                   }
                 });
}

OpDef make_softmax() noexcept {
  OpDef op;
  op.name = "Softmax";
  op.role = OpRole::layer;
  op.doc = "Exponentials, scaled to a sum of 1";
  op.attrs = {dim_attr()};
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer;
  op.more_traits = more_traits;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_softmax_grad() noexcept {
  OpDef op;
  op.name = "SoftmaxGrad";
  op.doc = "Gradient of Softmax with respect to its input, from its output";
  op.attrs = {dim_attr()};
  op.inputs = {input("gradient"), input("output")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef softmax = make_softmax();
extern const OpDef softmax_grad = make_softmax_grad();

}  // namespace cnnc
