// Mean, Sum, Amax, Amin, Prod, LogSumExp, ReduceL1, ReduceL2, ReduceLogSum, ReduceSumSquare,
// GlobalAvgPool, GlobalMaxPool, and ReduceGrad, the gradient of all of them. Tested by
// tests/ops/reduce_test.cpp.
//
// The gradient of a maximum or a minimum is shared evenly by the elements that equal it; that of a
// norm is 0 where the norm is. As in PyTorch, a NaN makes the result NaN.
#include "compiler/ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/ops/exponentials.h"
#include "compiler/ops/nan.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;
using Place = std::vector<Expr>;

enum class Kind { mean, sum, max, min, prod, log_sum_exp, l1, l2, log_sum, sum_square };
constexpr const char* kKinds[] = {"mean",        "sum", "max", "min",     "prod",
                                  "log_sum_exp", "l1",  "l2",  "log_sum", "sum_square"};

Kind kind_of(const Attrs& attrs) {
  const std::string& name = attrs.text("kind");
  const auto found = std::find(std::begin(kKinds), std::end(kKinds), name);
  CNNC_CHECK(found != std::end(kKinds), "no kind " + name);
  return static_cast<Kind>(found - std::begin(kKinds));
}

Expr is_undefined(const Expr& x) { return Halide::strict_float(x != x); }

// What an element adds to a sum.
Expr term(Kind kind, const Expr& x) {
  if (kind == Kind::l1) return Halide::abs(x);
  if (kind == Kind::l2 || kind == Kind::sum_square) return x * x;
  return x;
}

// The stage `name`: `first`, and with each element of the domain what `next` makes of the value so
// far and the element.
template <class Next>
Func fold(Lowering& lowering, const std::string& name, const std::vector<Var>& arguments,
          const Place& source, const Expr& first, Next next) {
  Func result(name);
  result(arguments) = first;
  result(arguments) = next(Expr(result(arguments)), at(lowering.inputs[0], source));
  lowering.stages[name] = result;
  return result;
}

Func fold_extreme(Lowering& lowering, Kind kind, const std::vector<Var>& arguments,
                  const Place& source) {
  const bool is_min = kind == Kind::min;
  const float limit = std::numeric_limits<float>::infinity();
  return fold(lowering, "extreme", arguments, source, is_min ? limit : -limit,
              [&](const Expr& best, const Expr& x) {
                const Expr is_better = Halide::strict_float(is_min ? x < best : x > best);
                return Halide::select(is_better || is_undefined(x), x, best);
              });
}

void lower(Lowering& lowering, Kind kind) {
  const Reduction reduction(lowering.attrs(), lowering.input_types[0].shape);
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const RDom r = reduction.domain("r");
  const Place source = reduction.source(as_exprs(vars), r);
  Func output("reduce");
  lowering.outputs = {output};
  if (kind == Kind::max || kind == Kind::min) {
    output(vars) = fold_extreme(lowering, kind, vars, source)(vars);
    return;
  }
  if (kind == Kind::prod) {
    output(vars) = fold(lowering, "total", vars, source, 1.f,
                        [](const Expr& so_far, const Expr& x) { return so_far * x; })(vars);
    return;
  }
  if (kind == Kind::log_sum_exp) {
    const Func greatest = fold_extreme(lowering, Kind::max, vars, source);
    const float limit = std::numeric_limits<float>::infinity();
    const Expr most = greatest(vars);
    const Expr base =
        Halide::strict_float(Halide::select(most == limit || most == -limit, 0.f, most));
    const Func total =
        fold(lowering, "total", vars, source, 0.f, [&](const Expr& so_far, const Expr& x) {
          return Halide::strict_float(so_far + exp_or_nan(x - base));
        });
    output(vars) =
        Halide::strict_float(Halide::select(most == limit, most, base + log_or_nan(total(vars))));
    return;
  }
  const Func total =
      fold(lowering, "total", vars, source, 0.f,
           [&](const Expr& so_far, const Expr& x) { return so_far + term(kind, x); });
  Expr value = total(vars);
  if (kind == Kind::mean) value *= 1.f / static_cast<float>(reduction.size());
  if (kind == Kind::l2) value = Halide::sqrt(value);
  if (kind == Kind::log_sum) value = log_or_nan(value);
  output(vars) = value;
}

double reduced(Kind kind, const std::vector<double>& values) {
  double result = kind == Kind::prod ? 1 : 0;
  switch (kind) {
    case Kind::max:
    case Kind::min:
      result = values[0];
      for (const double x : values) {
        const bool is_better = kind == Kind::max ? x > result : x < result;
        if (is_better || std::isnan(x)) result = x;
      }
      return result;
    case Kind::prod:
      for (const double x : values) result *= x;
      return result;
    case Kind::log_sum_exp: {
      const double most = reduced(Kind::max, values);
      const double base = std::isinf(most) ? 0 : most;
      for (const double x : values) result += std::exp(x - base);
      return base + std::log(result);
    }
    case Kind::mean:
    case Kind::sum:
    case Kind::log_sum:
      for (const double x : values) result += x;
      if (kind == Kind::mean) result /= static_cast<double>(values.size());
      return kind == Kind::log_sum ? std::log(result) : result;
    case Kind::l1:
      for (const double x : values) result += std::abs(x);
      return result;
    case Kind::l2:
    case Kind::sum_square:
      for (const double x : values) result += x * x;
      return kind == Kind::l2 ? std::sqrt(result) : result;
  }
  return result;
}

// The values that each element of the output is made of.
std::vector<std::vector<double>> groups_of(const ReferenceTensor& x, const Reduction& reduction) {
  std::vector<std::vector<double>> result(static_cast<size_t>(element_count(reduction.out())));
  for (size_t i = 0; i < x.data.size(); ++i) {
    result[reduction.out_element(static_cast<int64_t>(i))].push_back(x.data[i]);
  }
  return result;
}

void reference(ReferenceArgs& args, Kind kind) {
  const Reduction reduction(args.attrs, args.inputs[0]->shape);
  const auto groups = groups_of(*args.inputs[0], reduction);
  for (size_t i = 0; i < groups.size(); ++i) args.outputs[0].data[i] = reduced(kind, groups[i]);
}

std::vector<ValueId> gradient(GradientArgs& args, Kind kind) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  Attrs attrs = node.attrs;
  attrs.set("kind", std::string(kKinds[static_cast<size_t>(kind)]));
  result[0] = args.graph.add("ReduceGrad", node.name + ".grad_input", attrs,
                             {node.inputs[0], upstream, node.outputs[0]})[0];
  return result;
}

// ---- gradient ----------------------------------------------------------------------------------

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty()) problems = settle_dims(args, args.inputs[0].shape);
  if (!problems.empty()) return problems;
  const Type out = {DType::f32, Reduction(args.attrs, args.inputs[0].shape).out()};
  problems = expect_type(args, 1, "gradient", out);
  if (problems.empty()) problems = expect_type(args, 2, "output", out);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_grad(Lowering& lowering) {
  const Kind kind = kind_of(lowering.attrs());
  const Reduction reduction(lowering.attrs(), lowering.input_types[0].shape);
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Place place = as_exprs(vars), kept = reduction.kept_of(place);
  const std::vector<Var> arguments = reduction.kept();
  const RDom r = reduction.domain("r");
  const Place source = reduction.source_of_kept(r);
  const Expr x = at(lowering.inputs[0], place);
  const Expr upstream = at(lowering.inputs[1], reduction.target(place));
  const Expr y = at(lowering.inputs[2], reduction.target(place));
  const auto total = [&](const std::string& name, const Expr& first, const auto& next) {
    return at(fold(lowering, name, arguments, source, first, next), kept);
  };
  Expr value;
  switch (kind) {
    case Kind::sum:
      value = upstream;
      break;
    case Kind::mean:
      value = upstream * (1.f / static_cast<float>(reduction.size()));
      break;
    case Kind::max:
    case Kind::min: {
      const Expr extreme = at(lowering.inputs[2], reduction.target(source));
      const Expr ties = total("ties", 0.f, [&](const Expr& so_far, const Expr& each) {
        return so_far + Halide::select(Halide::strict_float(each == extreme), 1.f, 0.f);
      });
      value = Halide::select(Halide::strict_float(x == y), upstream / ties, 0.f);
      break;
    }
    case Kind::prod: {
      const Expr others = total("others", 1.f, [](const Expr& so_far, const Expr& each) {
        return so_far * Halide::select(each == 0.f, 1.f, each);
      });
      const Expr zeros = total("zeros", 0.f, [](const Expr& so_far, const Expr& each) {
        return so_far + Halide::select(each == 0.f, 1.f, 0.f);
      });
      const Expr own = Halide::select(x == 0.f, 1.f, 0.f);
      value =
          upstream * Halide::select(zeros > own, 0.f, others / Halide::select(x == 0.f, 1.f, x));
      break;
    }
    case Kind::log_sum_exp:
      value = upstream * exp_or_nan(x - y);
      break;
    case Kind::l1:
      value = upstream * Halide::select(x > 0.f, 1.f, x < 0.f, -1.f, x);
      break;
    case Kind::l2:
      value = Halide::select(Halide::strict_float(y == 0.f), 0.f,
                             upstream * (x / Halide::select(y == 0.f, 1.f, y)));
      break;
    case Kind::log_sum:
      value = upstream / total("total", 0.f,
                               [](const Expr& so_far, const Expr& each) { return so_far + each; });
      break;
    case Kind::sum_square:
      value = 2.f * x * upstream;
      break;
  }
  Func output("reduce_grad");
  output(vars) = value;
  lowering.outputs = {output};
}

void reference_grad(ReferenceArgs& args) {
  const Kind kind = kind_of(args.attrs);
  const ReferenceTensor& in = *args.inputs[0];
  const Reduction reduction(args.attrs, in.shape);
  const auto groups = groups_of(in, reduction);
  for (size_t i = 0; i < in.data.size(); ++i) {
    const int64_t target = reduction.out_element(static_cast<int64_t>(i));
    const std::vector<double>& all = groups[target];
    const double x = in.data[i], y = args.inputs[2]->data[target];
    double slope = 1;
    switch (kind) {
      case Kind::sum:
        break;
      case Kind::mean:
        slope = 1 / static_cast<double>(all.size());
        break;
      case Kind::max:
      case Kind::min:
        slope = x == y ? 1 / static_cast<double>(std::count(all.begin(), all.end(), y)) : 0;
        break;
      case Kind::prod: {
        bool skipped = false;
        for (const double other : all) {
          if (!skipped && other == x) {
            skipped = true;
          } else {
            slope *= other;
          }
        }
        break;
      }
      case Kind::log_sum_exp:
        slope = std::exp(x - y);
        break;
      case Kind::l1:
        slope = x > 0 ? 1 : x < 0 ? -1 : x;
        break;
      case Kind::l2:
        slope = y == 0 ? 0 : x / y;
        break;
      case Kind::log_sum:
        slope = 1 / reduced(Kind::sum, all);
        break;
      case Kind::sum_square:
        slope = 2 * x;
        break;
    }
    args.outputs[0].data[i] = slope * args.inputs[1]->data[target];
  }
}

// ---- records -----------------------------------------------------------------------------------

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty()) problems = settle_dims(args, args.inputs[0].shape);
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, Reduction(args.attrs, args.inputs[0].shape).out()}});
}

// All dimensions behind the channel.
Result<std::vector<Type>> infer_global(InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  if (shape.size() < 3) {
    return error("the input must be [N, C, L], [N, C, H, W] or the like, but is " +
                 to_string(shape));
  }
  std::vector<int64_t> dims;
  for (size_t d = 2; d < shape.size(); ++d) dims.push_back(static_cast<int64_t>(d));
  args.attrs.set("dim", dims);
  args.attrs.set("keepdim", true);
  return infer(args);
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>&) {
  return attrs.integers("dim").front() == 0 ? uint32_t{kMixesBatch} : 0u;
}

std::vector<AttrSpec> reduce_attrs() {
  return {attribute("dim", AttrKind::integers, {}, {},
                    "dimensions that are reduced; without it, all but the batch"),
          flag("keepdim", false, "keeps them, with an extent of 1")};
}

template <Kind kind>
OpDef make_reduce(const char* name, const char* doc) noexcept {
  OpDef op;
  op.name = name;
  op.role = OpRole::layer;
  op.doc = doc;
  op.attrs = reduce_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer;
  op.more_traits = more_traits;
  op.lower = [](Lowering& lowering) { lower(lowering, kind); };
  op.gradient = [](GradientArgs& args) { return gradient(args, kind); };
  op.reference = [](ReferenceArgs& args) { reference(args, kind); };
  return op;
}

template <Kind kind>
OpDef make_global_pool(const char* name, const char* doc) noexcept {
  OpDef op = make_reduce<kind>(name, doc);
  op.attrs.clear();
  op.infer = infer_global;
  return op;
}

OpDef make_reduce_grad() noexcept {
  OpDef op;
  op.name = "ReduceGrad";
  op.doc = "Gradient of a reduction with respect to its input";
  op.attrs = reduce_attrs();
  op.attrs.push_back(
      choice("kind", "sum", {std::begin(kKinds), std::end(kKinds)}, "of what the gradient is"));
  op.inputs = {input("input"), input("gradient"), input("output")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef reduce_mean = make_reduce<Kind::mean>("Mean", "Mean along dimensions");
extern const OpDef reduce_sum = make_reduce<Kind::sum>("Sum", "Sum along dimensions");
extern const OpDef reduce_max = make_reduce<Kind::max>("Amax", "Greatest along dimensions");
extern const OpDef reduce_min = make_reduce<Kind::min>("Amin", "Least along dimensions");
extern const OpDef reduce_prod = make_reduce<Kind::prod>("Prod", "Product along dimensions");
extern const OpDef reduce_log_sum_exp = make_reduce<Kind::log_sum_exp>(
    "LogSumExp", "Logarithm of the sum of the exponentials along dimensions");
extern const OpDef reduce_l1 =
    make_reduce<Kind::l1>("ReduceL1", "Sum of the absolute values along dimensions");
extern const OpDef reduce_l2 =
    make_reduce<Kind::l2>("ReduceL2", "Root of the sum of the squares along dimensions");
extern const OpDef reduce_log_sum =
    make_reduce<Kind::log_sum>("ReduceLogSum", "Logarithm of the sum along dimensions");
extern const OpDef reduce_sum_square =
    make_reduce<Kind::sum_square>("ReduceSumSquare", "Sum of the squares along dimensions");
extern const OpDef global_avg_pool =
    make_global_pool<Kind::mean>("GlobalAvgPool", "Mean of each channel");
extern const OpDef global_max_pool =
    make_global_pool<Kind::max>("GlobalMaxPool", "Greatest element of each channel");
extern const OpDef reduce_grad = make_reduce_grad();

}  // namespace cnnc
