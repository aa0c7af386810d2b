// Softmax, LogSoftmax and their gradients. Tested by tests/ops/softmax_test.cpp and
// tests/ops/log_softmax_test.cpp.
//
//   Softmax         output = exp(input - maximum) / sum of exp(input - maximum)
//   LogSoftmax      output = input - maximum - log(sum of exp(input - maximum))
// and with y their output
//   SoftmaxGrad     output = y * (gradient - sum of gradient * y)
//   LogSoftmaxGrad  output = gradient - exp(y) * sum of gradient
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

enum class Form { plain, logarithm };

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty()) problems = settle_dim(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

uint32_t mixing(const Attrs& attrs, const std::vector<Type>& /*inputs*/) {
  return attrs.integer("dim") == 0 ? uint32_t{kMixesBatch} : 0u;
}

uint32_t mixing_or_probabilities(const Attrs& attrs, const std::vector<Type>& inputs) {
  return mixing(attrs, inputs) | (attrs.integer("dim") == 1 ? uint32_t{kProbabilities} : 0u);
}

template <Form form>
void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const int64_t reduced = dim_argument(lowering);
  const Exponentials exponentials = add_exponentials(lowering, reduced);
  const std::vector<Expr> place = as_exprs(vars);
  const std::vector<Expr> rest = without(place, reduced);
  const Expr centred = at(lowering.inputs[0], place) - at(exponentials.maximum, rest);
  const Expr sum = at(exponentials.sum, rest);
  Func output("softmax");
  output(vars) = Halide::strict_float(form == Form::plain ? exp_or_nan(centred) / sum
                                                          : centred - log_or_nan(sum));
  lowering.outputs = {output};
}

template <Form form>
std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  result[0] = args.graph.add(form == Form::plain ? "SoftmaxGrad" : "LogSoftmaxGrad",
                             node.name + ".grad_input", node.attrs, {upstream, node.outputs[0]})[0];
  return result;
}

template <Form form>
void reference(ReferenceArgs& args) {
  const std::vector<double>& in = args.inputs[0]->data;
  std::vector<double>& out = args.outputs[0].data;
  for_each_fibre(args.inputs[0]->shape, args.attrs.integer("dim"),
                 [&](int64_t first, int64_t stride, int64_t count) {
                   double maximum = in[first], sum = 0;
                   const int64_t end = first + count * stride;
                   for (int64_t i = first; i < end; i += stride) maximum = std::max(maximum, in[i]);
                   for (int64_t i = first; i < end; i += stride) sum += std::exp(in[i] - maximum);
                   for (int64_t i = first; i < end; i += stride) {
                     const double centred = in[i] - maximum;
                     out[i] =
                         form == Form::plain ? std::exp(centred) / sum : centred - std::log(sum);
                   }
                 });
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = expect_type(args, 1, "output", args.inputs[0]);
  if (problems.empty()) problems = settle_dim(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

template <Form form>
void lower_grad(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  const int64_t reduced = dim_argument(lowering);
  const std::vector<Var> vars = variables(type.rank());
  const std::vector<Expr> place = as_exprs(vars);
  std::vector<Var> rest = vars;
  rest.erase(rest.begin() + reduced);
  RDom r(0, constant(type.shape[type.rank() - 1 - reduced]), "r");
  std::vector<Expr> source = place;
  source[reduced] = r;
  const Func upstream = lowering.inputs[0], result = lowering.inputs[1];
  Expr term = at(upstream, source);
  if (form == Form::plain) term *= at(result, source);
  Func sum("sum"), output("softmax_grad");
  sum(rest) = 0.f;
  sum(rest) += term;
  const Expr y = at(result, place), own = at(upstream, place), all = sum(rest);
  output(vars) = form == Form::plain ? y * (own - all) : own - exp_or_nan(y) * all;
  lowering.stages["sum"] = sum;
  lowering.outputs = {output};
}

template <Form form>
void reference_grad(ReferenceArgs& args) {
  const std::vector<double>& upstream = args.inputs[0]->data;
  const std::vector<double>& y = args.inputs[1]->data;
  for_each_fibre(args.inputs[0]->shape, args.attrs.integer("dim"),
                 [&](int64_t first, int64_t stride, int64_t count) {
                   double sum = 0;
                   const int64_t end = first + count * stride;
                   for (int64_t i = first; i < end; i += stride) {
                     sum += form == Form::plain ? upstream[i] * y[i] : upstream[i];
                   }
                   for (int64_t i = first; i < end; i += stride) {
                     args.outputs[0].data[i] = form == Form::plain
                                                   ? y[i] * (upstream[i] - sum)
                                                   : upstream[i] - std::exp(y[i]) * sum;
                   }
                 });
}

template <Form form>
OpDef make_op(const char* name, const char* doc) noexcept {
  OpDef op;
  op.name = name;
  op.role = OpRole::layer;
  op.doc = doc;
  op.attrs = {dim_attr("dimension that the exponentials are summed along")};
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer;
  op.more_traits = form == Form::plain ? mixing_or_probabilities : mixing;
  op.lower = lower<form>;
  op.gradient = gradient<form>;
  op.reference = reference<form>;
  return op;
}

template <Form form>
OpDef make_grad(const char* name, const char* doc) noexcept {
  OpDef op;
  op.name = name;
  op.doc = doc;
  op.attrs = {dim_attr("dimension that the exponentials are summed along")};
  op.inputs = {input("gradient"), input("output")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad<form>;
  op.reference = reference_grad<form>;
  return op;
}

}  // namespace

extern const OpDef softmax = make_op<Form::plain>("Softmax", "Exponentials, scaled to a sum of 1");
extern const OpDef softmax_grad = make_grad<Form::plain>(
    "SoftmaxGrad", "Gradient of Softmax with respect to its input, from its output");
extern const OpDef log_softmax = make_op<Form::logarithm>("LogSoftmax", "Logarithm of Softmax");
extern const OpDef log_softmax_grad = make_grad<Form::logarithm>(
    "LogSoftmaxGrad", "Gradient of LogSoftmax with respect to its input, from its output");

}  // namespace cnnc
