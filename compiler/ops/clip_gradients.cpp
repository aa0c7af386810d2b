// LimitGrad, SquareSum, ClipFactor, ScaleGrad: what clip_gradients puts between gradients and
// updates. Tested by tests/ops/clip_gradients_test.cpp.
//
//   LimitGrad   each element, at least -limit and at most limit
//   SquareSum   the sum of the squares of all elements
//   ClipFactor  max_norm / (root of the sum of the inputs + 1e-6), at most 1
//   ScaleGrad   each element times the factor
// As in PyTorch, a NaN stays one, and a NaN in any gradient makes the factor NaN.
#include <algorithm>
#include <cmath>

#include "compiler/ops/exprs.h"
#include "compiler/ops/nan.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

constexpr double kNormMargin = 1e-6;  // PyTorch's

Result<std::vector<Type>> infer_first(InferArgs& args) {
  if (!is_given(args, 0)) return error("needs an input");
  if (args.inputs[0].dtype != DType::f32) {
    return error("the input must be f32, but is " + to_string(args.inputs[0]));
  }
  return outputs_of({args.inputs[0]});
}

void lower_clamp(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const auto limit = static_cast<float>(lowering.attrs().real("limit"));
  const Expr x = at(lowering.inputs[0], as_exprs(vars));
  Func output("limit_grad");
  output(vars) = or_nan(x, Halide::clamp(x, -limit, limit));
  lowering.outputs = {output};
}

void reference_clamp(ReferenceArgs& args) {
  const double limit = args.attrs.real("limit");
  for (size_t i = 0; i < args.outputs[0].data.size(); ++i) {
    const double x = args.inputs[0]->data[i];
    args.outputs[0].data[i] = x > limit ? limit : x < -limit ? -limit : x;
  }
}

OpDef make_limit_grad() noexcept {
  OpDef op;
  op.name = "LimitGrad";
  op.doc = "A gradient whose elements are limited";
  op.attrs = {
      required(attribute("limit", AttrKind::real, {}, kNotNegative, "the greatest magnitude"))};
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kElementwise | kMonotone;
  op.infer = infer_first;
  op.lower = lower_clamp;
  op.reference = reference_clamp;
  return op;
}

Result<std::vector<Type>> infer_square_sum(InferArgs& args) {
  const Result<std::vector<Type>> input = infer_first(args);
  if (!input) return input.diagnostics();
  return outputs_of({{DType::f32, {1}}});
}

// Of weights, first kLanes sums of each output's, in which neighbours go to different sums.
void lower_square_sum(Lowering& lowering) {
  const Shape& shape = lowering.input_types[0].shape;
  const Func input = lowering.inputs[0];
  const Var c("c"), l("l"), y("y");
  const auto square = [](const Expr& x) { return x * x; };
  Func total("total"), output("square_sum");
  total(c) = 0.f;
  if (shape.size() == 1) {
    const RDom q(0, constant(shape[0]), "q");
    total(c) = Halide::strict_float(total(c) + square(input(q)));
  } else {
    constexpr int64_t kLanes = 16;
    const int64_t width = shape.back();
    const auto last = static_cast<int64_t>(shape.size()) - 1;
    std::vector<Halide::Range> ranges = {{0, constant((width + kLanes - 1) / kLanes)}};
    for (int64_t d = last - 1; d > 0; --d) ranges.emplace_back(0, constant(shape[d]));
    const RDom r(ranges, "r");
    const Expr x = r[0] * constant(kLanes) + l;
    std::vector<Expr> place = {Halide::min(x, constant(width - 1))};
    for (int64_t d = 1; d < last; ++d) place.emplace_back(r[static_cast<int>(d)]);
    place.emplace_back(y);
    Expr term = square(at(input, place));
    if (width % kLanes != 0) term = Halide::select(x < constant(width), term, 0.f);
    Func partial("partial");
    partial(l, y) = 0.f;
    partial(l, y) = Halide::strict_float(partial(l, y) + term);
    const RDom all(0, constant(kLanes), 0, constant(shape[0]), "all");
    total(c) = Halide::strict_float(total(c) + partial(all.x, all.y));
    lowering.stages["partial"] = partial;
  }
  output(c) = total(c);
  lowering.stages["total"] = total;
  lowering.outputs = {output};
}

void reference_square_sum(ReferenceArgs& args) {
  for (const double x : args.inputs[0]->data) args.outputs[0].data[0] += x * x;
}

OpDef make_square_sum() noexcept {
  OpDef op;
  op.name = "SquareSum";
  op.doc = "The sum of the squares of all elements";
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer_square_sum;
  op.lower = lower_square_sum;
  op.reference = reference_square_sum;
  return op;
}

Result<std::vector<Type>> infer_factor(InferArgs& args) {
  if (args.inputs.empty()) return error("needs sums of squares");
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    const Diagnostics problems = expect_type(args, i, "sum", {DType::f32, {1}});
    if (!problems.empty()) return problems;
  }
  return outputs_of({{DType::f32, {1}}});
}

void lower_factor(Lowering& lowering) {
  const Var c("c");
  Expr sum = lowering.inputs[0](c);
  for (size_t i = 1; i < lowering.inputs.size(); ++i) {
    sum = Halide::strict_float(sum + lowering.inputs[i](c));
  }
  const auto most = static_cast<float>(lowering.attrs().real("max_norm"));
  const auto margin = static_cast<float>(kNormMargin);
  const Expr factor = Halide::strict_float(most / (Halide::sqrt(sum) + margin));
  Func output("clip_factor");
  output(c) = or_nan(factor, Halide::min(factor, 1.f));
  lowering.outputs = {output};
}

void reference_factor(ReferenceArgs& args) {
  double sum = 0;
  for (const ReferenceTensor* each : args.inputs) sum += each->data[0];
  const double factor = args.attrs.real("max_norm") / (std::sqrt(sum) + kNormMargin);
  args.outputs[0].data[0] = factor > 1 ? 1 : factor;
}

OpDef make_clip_factor() noexcept {
  OpDef op;
  op.name = "ClipFactor";
  op.doc = "What gradients are multiplied with to limit the norm of all of them together";
  op.attrs = {
      required(attribute("max_norm", AttrKind::real, {}, kNotNegative, "the greatest norm"))};
  OpInput sums = input("sums");
  sums.variadic = true;
  op.inputs = {sums};
  op.outputs = {"output"};
  op.infer = infer_factor;
  op.lower = lower_factor;
  op.reference = reference_factor;
  return op;
}

Result<std::vector<Type>> infer_scale(InferArgs& args) {
  const Diagnostics problems = expect_type(args, 1, "factor", {DType::f32, {1}});
  if (!problems.empty()) return problems;
  return infer_first(args);
}

void lower_scale(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  Func output("scale_grad");
  output(vars) =
      Halide::strict_float(at(lowering.inputs[0], as_exprs(vars)) * lowering.inputs[1](0));
  lowering.outputs = {output};
}

void reference_scale(ReferenceArgs& args) {
  for (size_t i = 0; i < args.outputs[0].data.size(); ++i) {
    args.outputs[0].data[i] = args.inputs[0]->data[i] * args.inputs[1]->data[0];
  }
}

OpDef make_scale_grad() noexcept {
  OpDef op;
  op.name = "ScaleGrad";
  op.doc = "A gradient times a factor";
  op.inputs = {input("input"), input("factor")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer_scale;
  op.lower = lower_scale;
  op.reference = reference_scale;
  return op;
}

}  // namespace

extern const OpDef limit_grad = make_limit_grad();
extern const OpDef square_sum = make_square_sum();
extern const OpDef clip_factor = make_clip_factor();
extern const OpDef scale_grad = make_scale_grad();

}  // namespace cnnc
