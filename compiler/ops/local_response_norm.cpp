// LocalResponseNorm and its gradient. Tested by tests/ops/local_response_norm_test.cpp.
//
// With D(c) = k + alpha / size * the sum of x(i)^2 over the channels i of the window of c, which
// are those from c - size / 2 to c + (size - 1) / 2:
//   LocalResponseNorm       output = x * D^-beta
//   LocalResponseNormRatio  ratio = gradient * x * D^(-beta - 1)
//   LocalResponseNormGrad   gradient * D^-beta - 2 * alpha * beta / size * x * the sum of the ratio
//                           over the channels whose windows have c
#include <algorithm>
#include <cmath>
#include <functional>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;
using Place = std::vector<Expr>;

Result<std::vector<Type>> infer(InferArgs& args) {
  static constexpr const char* kNames[] = {"input", "gradient", "ratio"};
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty() && args.inputs[0].rank() < 3) {
    problems = {error("the input must be [N, C, L], [N, C, H, W] or the like, but is " +
                      to_string(args.inputs[0].shape))};
  }
  for (size_t i = 1; problems.empty() && i < args.inputs.size(); ++i) {
    problems = expect_type(args, i, kNames[i], args.inputs[0]);
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

// The sum of `term` over the channels from c - before to c + after, as the stage `name`.
Func window_sum(Lowering& lowering, const std::string& name, int64_t before, int64_t after,
                const std::function<Expr(const Place&)>& term) {
  const Shape& shape = lowering.output_types[0].shape;
  const std::vector<Var> vars = variables(static_cast<int64_t>(shape.size()));
  const size_t c = vars.size() - 2;
  const RDom r(0, constant(before + after + 1), "r");
  Place place = as_exprs(vars);
  const Expr channel = vars[c] + r - constant(before);
  place[c] = Halide::clamp(channel, 0, constant(shape[1] - 1));
  const Expr exists = channel >= 0 && channel < constant(shape[1]);
  Func sum(name);
  sum(vars) = 0.f;
  sum(vars) += Halide::select(exists, term(place), 0.f);
  lowering.stages[name] = sum;
  return sum;
}

int64_t before_of(const Attrs& attrs) { return attrs.integer("size") / 2; }
int64_t after_of(const Attrs& attrs) { return (attrs.integer("size") - 1) / 2; }

// D^exponent at `place`, with the stage "squares".
Expr power_of_divisor(Lowering& lowering, const Place& place, double exponent) {
  const Attrs& attrs = lowering.attrs();
  const Func squares =
      window_sum(lowering, "squares", before_of(attrs), after_of(attrs), [&](const Place& other) {
        const Expr x = at(lowering.inputs[0], other);
        return x * x;
      });
  const auto share =
      static_cast<float>(attrs.real("alpha") / static_cast<double>(attrs.integer("size")));
  const Expr divisor =
      Halide::strict_float(static_cast<float>(attrs.real("k")) + share * at(squares, place));
  const Expr power = Halide::exp(static_cast<float>(exponent) * Halide::log(divisor));
  return Halide::select(Halide::strict_float(divisor != divisor), divisor, power);
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Place place = as_exprs(vars);
  Func output("local_response_norm");
  output(vars) = at(lowering.inputs[0], place) *
                 power_of_divisor(lowering, place, -lowering.attrs().real("beta"));
  lowering.outputs = {output};
}

void lower_ratio(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Place place = as_exprs(vars);
  Func output("local_response_norm_ratio");
  output(vars) = at(lowering.inputs[1], place) * at(lowering.inputs[0], place) *
                 power_of_divisor(lowering, place, -lowering.attrs().real("beta") - 1);
  lowering.outputs = {output};
}

// 2 * alpha * beta / size.
double slope(const Attrs& attrs) {
  return 2 * attrs.real("alpha") * attrs.real("beta") / static_cast<double>(attrs.integer("size"));
}

void lower_grad(Lowering& lowering) {
  const Attrs& attrs = lowering.attrs();
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Place place = as_exprs(vars);
  const Func ratios = window_sum(lowering, "ratios", after_of(attrs), before_of(attrs),
                                 [&](const Place& other) { return at(lowering.inputs[2], other); });
  Func output("local_response_norm_grad");
  output(vars) =
      at(lowering.inputs[1], place) * power_of_divisor(lowering, place, -attrs.real("beta")) -
      static_cast<float>(slope(attrs)) * at(lowering.inputs[0], place) * at(ratios, place);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  const ValueId x = node.inputs[0];
  const ValueId ratio =
      args.graph.add("LocalResponseNormRatio", node.name + ".ratio", node.attrs, {x, upstream})[0];
  result[0] = args.graph.add("LocalResponseNormGrad", node.name + ".grad_input", node.attrs,
                             {x, upstream, ratio})[0];
  return result;
}

// Calls visit(element, the elements of its window) where the window goes from c - before to
// c + after.
template <class Visit>
void for_each_window(const Shape& shape, int64_t before, int64_t after, Visit visit) {
  const Fibres f = fibres(shape, 1);
  for (int64_t i = 0; i < f.before * f.extent * f.after; ++i) {
    const int64_t c = i / f.after % f.extent;
    std::vector<int64_t> window;
    for (int64_t j = std::max<int64_t>(0, c - before); j <= std::min(f.extent - 1, c + after);
         ++j) {
      window.push_back(i + (j - c) * f.after);
    }
    visit(i, window);
  }
}

std::vector<double> powers(const ReferenceArgs& args, double exponent) {
  const ReferenceTensor& x = *args.inputs[0];
  std::vector<double> result(x.data.size());
  for_each_window(x.shape, before_of(args.attrs), after_of(args.attrs),
                  [&](int64_t i, const std::vector<int64_t>& window) {
                    double sum = 0;
                    for (const int64_t j : window) sum += x.data[j] * x.data[j];
                    const double divisor =
                        args.attrs.real("k") + args.attrs.real("alpha") /
                                                   static_cast<double>(args.attrs.integer("size")) *
                                                   sum;
                    result[i] = std::pow(divisor, exponent);
                  });
  return result;
}

void reference(ReferenceArgs& args) {
  const std::vector<double> power = powers(args, -args.attrs.real("beta"));
  for (size_t i = 0; i < power.size(); ++i) {
    args.outputs[0].data[i] = args.inputs[0]->data[i] * power[i];
  }
}

void reference_ratio(ReferenceArgs& args) {
  const std::vector<double> power = powers(args, -args.attrs.real("beta") - 1);
  for (size_t i = 0; i < power.size(); ++i) {
    args.outputs[0].data[i] = args.inputs[0]->data[i] * args.inputs[1]->data[i] * power[i];
  }
}

void reference_grad(ReferenceArgs& args) {
  const std::vector<double> power = powers(args, -args.attrs.real("beta"));
  for_each_window(args.inputs[0]->shape, after_of(args.attrs), before_of(args.attrs),
                  [&](int64_t i, const std::vector<int64_t>& window) {
                    double sum = 0;
                    for (const int64_t j : window) sum += args.inputs[2]->data[j];
                    args.outputs[0].data[i] = args.inputs[1]->data[i] * power[i] -
                                              slope(args.attrs) * args.inputs[0]->data[i] * sum;
                  });
}

OpDef make_op(const char* name, const char* doc, std::vector<OpInput> inputs,
              void (*lower)(Lowering&), void (*reference)(ReferenceArgs&)) {
  OpDef op;
  op.name = name;
  op.doc = doc;
  op.attrs = {
      required(attribute("size", AttrKind::integer, {}, kCounts, "channels of a window")),
      attribute("alpha", AttrKind::real, 1e-4, {}, "share of the mean of the squares"),
      attribute("beta", AttrKind::real, 0.75, {}, "exponent"),
      attribute("k", AttrKind::real, 1.0, {}, "added to the mean"),
  };
  op.inputs = std::move(inputs);
  op.outputs = {"output"};
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

OpDef make_local_response_norm() noexcept {
  OpDef op = make_op("LocalResponseNorm", "Divides by a power of the squares of nearby channels",
                     {input("input")}, lower, reference);
  op.role = OpRole::layer;
  op.gradient = gradient;
  return op;
}

OpDef make_local_response_norm_ratio() noexcept {
  return make_op("LocalResponseNormRatio", "What the gradient of LocalResponseNorm sums",
                 {input("input"), input("gradient")}, lower_ratio, reference_ratio);
}

OpDef make_local_response_norm_grad() noexcept {
  return make_op("LocalResponseNormGrad", "Gradient of LocalResponseNorm",
                 {input("input"), input("gradient"), input("ratio")}, lower_grad, reference_grad);
}

}  // namespace

extern const OpDef local_response_norm = make_local_response_norm();
extern const OpDef local_response_norm_ratio = make_local_response_norm_ratio();
extern const OpDef local_response_norm_grad = make_local_response_norm_grad();

}  // namespace cnnc
