// Standardize and StandardizeGrad, of which the layers' gradients are made. Tested by
// tests/ops/standardize_test.cpp.
//
//   Standardize      z = (x - mean) * inverse, with mean and inverse = 1 / sqrt(variance + eps) of
//                    the set of M elements that x is in
//   StandardizeGrad  inverse * (g - (sum of g + z * sum of g * z) / M), with g = gradient * weight
#include "compiler/ops/standardize.h"

#include <cmath>
#include <functional>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;
using Place = std::vector<Expr>;

int64_t NormSets::size(const Shape& shape) const { return element_count(shape) / count(shape); }

int64_t NormSets::count(const Shape& shape) const {
  int64_t result = 1;
  for (int64_t d = 0; d < first; ++d) result *= d == 1 && groups > 0 ? groups : shape[d];
  return result;
}

int64_t NormSets::set_of(const Shape& shape, int64_t element) const {
  int64_t after = 1;
  for (int64_t d = first; d < static_cast<int64_t>(shape.size()); ++d) after *= shape[d];
  const int64_t fibre = element / after;
  if (groups == 0) return fibre;
  return fibre / (shape[1] / groups);  // channels of a group lie one after the other
}

Attrs attrs_of_sets(const NormSets& sets, double eps) {
  Attrs attrs;
  attrs.set("first", sets.first);
  attrs.set("groups", sets.groups);
  attrs.set("eps", eps);
  return attrs;
}

namespace {

NormSets sets_of(const Attrs& attrs) { return {attrs.integer("first"), attrs.integer("groups")}; }

// The arguments of a Func with an element per set, at `place` of the tensor.
Place place_of_set(const Shape& shape, const NormSets& sets, const Place& place) {
  const auto rank = static_cast<int64_t>(shape.size());
  Place result;
  for (int64_t d = sets.first; d-- > 0;) {
    const Expr& at = place[rank - 1 - d];
    result.push_back(d == 1 && sets.groups > 0 ? at / constant(shape[1] / sets.groups) : at);
  }
  return result;
}

// A Func with the sum of `term` over each set, as the stage `name`. A group is its argument "g".
Func sum_of_set(Lowering& lowering, const std::string& name, const Shape& shape,
                const NormSets& sets, const std::function<Expr(const Place&)>& term) {
  const auto rank = static_cast<int64_t>(shape.size());
  const std::vector<Var> vars = variables(rank);
  const int64_t group = sets.groups > 0 ? shape[1] / sets.groups : 1;
  Halide::Region bounds;
  for (int64_t d = rank; d-- > sets.first;) bounds.emplace_back(0, constant(shape[d]));
  if (sets.groups > 0) bounds.emplace_back(0, constant(group));
  if (bounds.empty()) bounds.emplace_back(0, 1);
  const RDom r(bounds, "r");
  const Var g("g");
  std::vector<Var> arguments;
  Place place(rank);
  for (int64_t d = 0; d < rank; ++d) {
    const int64_t i = rank - 1 - d;
    if (d >= sets.first) {
      place[i] = r[static_cast<int>(i)];
    } else if (d == 1 && sets.groups > 0) {
      place[i] = g * constant(group) + r[static_cast<int>(rank - sets.first)];
    } else {
      place[i] = vars[i];
    }
  }
  for (int64_t d = sets.first; d-- > 0;) {
    arguments.push_back(d == 1 && sets.groups > 0 ? g : vars[rank - 1 - d]);
  }
  Func sum(name);
  sum(arguments) = 0.f;
  sum(arguments) += term(place);
  lowering.stages[name] = sum;
  return sum;
}

}  // namespace

Standardized standardized(Lowering& lowering, size_t index, const NormSets& sets,
                          const Place& place) {
  const Shape& shape = lowering.input_types[index].shape;
  const Func x = lowering.inputs[index];
  const float share = 1.f / static_cast<float>(sets.size(shape));
  const Func sum =
      sum_of_set(lowering, "sum", shape, sets, [&](const Place& at_r) { return at(x, at_r); });
  const auto distance = [&](const Place& somewhere) {
    return at(x, somewhere) - at(sum, place_of_set(shape, sets, somewhere)) * share;
  };
  const Func squares = sum_of_set(lowering, "squares", shape, sets, [&](const Place& at_r) {
    const Expr d = distance(at_r);
    return d * d;
  });
  const auto eps = static_cast<float>(lowering.attrs().real("eps"));
  const Expr variance = at(squares, place_of_set(shape, sets, place)) * share;
  return {distance(place), Halide::strict_float(1.f / Halide::sqrt(variance + eps))};
}

SetStatistics statistics_of_sets(const ReferenceTensor& x, const NormSets& sets, double eps) {
  const auto count = static_cast<size_t>(sets.count(x.shape));
  const auto size = static_cast<double>(sets.size(x.shape));
  SetStatistics result = {std::vector<double>(count), std::vector<double>(count)};
  std::vector<double> variance(count);
  for (size_t i = 0; i < x.data.size(); ++i) {
    result.mean[sets.set_of(x.shape, static_cast<int64_t>(i))] += x.data[i] / size;
  }
  for (size_t i = 0; i < x.data.size(); ++i) {
    const int64_t set = sets.set_of(x.shape, static_cast<int64_t>(i));
    variance[set] += (x.data[i] - result.mean[set]) * (x.data[i] - result.mean[set]) / size;
  }
  for (size_t set = 0; set < count; ++set) {
    result.inverse[set] = 1 / std::sqrt(variance[set] + eps);
  }
  return result;
}

Place place_in_parameter(const Place& place, int64_t weighted, int64_t rank) {
  const auto end = static_cast<int64_t>(place.size()) - weighted;
  return {place.begin() + end - rank, place.begin() + end};
}

int64_t element_in_parameter(const Shape& x, int64_t element, int64_t weighted, int64_t rank) {
  int64_t after = 1, extent = 1;
  for (int64_t d = weighted; d < static_cast<int64_t>(x.size()); ++d) {
    (d < weighted + rank ? extent : after) *= x[d];
  }
  return element / after % extent;
}

std::vector<ValueId> standardize_gradient(GradientArgs& args, const NormSets& sets,
                                          int64_t weighted) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const bool of_input = is_wanted(args, 0), of_weight = is_wanted(args, 1),
             of_bias = is_wanted(args, 2);
  Graph& graph = args.graph;
  const Node node = args.node;  // nodes move as others are added
  const Attrs attrs = attrs_of_sets(sets, node.attrs.real("eps"));
  const ValueId x = node.inputs[0];
  const ValueId weight = node.inputs.size() > 1 ? node.inputs[1] : kNoValue;
  if (of_input) {
    Attrs own = attrs;
    own.set("weighted", weighted);
    result[0] =
        graph.add("StandardizeGrad", node.name + ".grad_input", own, {upstream, x, weight})[0];
  }
  const bool of_channels = weighted == 1 && weight != kNoValue && graph.type(weight).rank() == 1;
  if (of_weight) {
    const ValueId z = graph.add("Standardize", node.name + ".standardized", attrs, {x})[0];
    if (of_channels) {
      const std::vector<ValueId> sums =
          graph.add("ChannelProducts", node.name + ".grad_weight", {}, {upstream, z});
      result[1] = sums[0];
      if (of_bias) result[2] = sums[1];
      return result;
    }
    Attrs to;
    to.set("shape", graph.type(weight).shape);
    result[1] = graph.add("SumTo", node.name + ".grad_weight", to, {upstream, z})[0];
  }
  if (of_bias) {
    Attrs to;
    to.set("shape", graph.type(node.inputs[2]).shape);
    result[2] = graph.add("SumTo", node.name + ".grad_bias", to, {upstream})[0];
  }
  return result;
}

namespace {

Diagnostics check_sets(const InferArgs& args, size_t index) {
  const NormSets sets = sets_of(args.attrs);
  const int64_t rank = args.inputs[index].rank();
  if (sets.first < 1 || sets.first > rank || (sets.groups > 0 && sets.first != 2)) {
    return {error("first is " + std::to_string(sets.first) + ", but the input is " +
                  to_string(args.inputs[index].shape))};
  }
  if (sets.groups > 0 && args.inputs[index].shape[1] % sets.groups != 0) {
    return {error("groups is " + std::to_string(sets.groups) + ", but the input is " +
                  to_string(args.inputs[index].shape))};
  }
  return {};
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty()) problems = check_sets(args, 0);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Standardized x = standardized(lowering, 0, sets_of(lowering.attrs()), as_exprs(vars));
  Func output("standardize");
  output(vars) = x.distance * x.inverse;
  lowering.outputs = {output};
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& x = *args.inputs[0];
  const NormSets sets = sets_of(args.attrs);
  const SetStatistics known = statistics_of_sets(x, sets, args.attrs.real("eps"));
  for (size_t i = 0; i < x.data.size(); ++i) {
    const int64_t set = sets.set_of(x.shape, static_cast<int64_t>(i));
    args.outputs[0].data[i] = (x.data[i] - known.mean[set]) * known.inverse[set];
  }
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = expect_type(args, 1, "input", args.inputs[0]);
  if (problems.empty()) problems = check_sets(args, 1);
  if (!problems.empty()) return problems;
  if (is_given(args, 2)) {
    const Shape& x = args.inputs[0].shape;
    const auto from = x.begin() + args.attrs.integer("weighted");
    const int64_t rank = args.inputs[2].rank();
    if (rank > x.end() - from || Shape(from, from + rank) != args.inputs[2].shape) {
      return error("the weight is " + to_string(args.inputs[2].shape) + ", but the input is " +
                   to_string(x));
    }
  }
  return outputs_of({args.inputs[0]});
}

void lower_grad(Lowering& lowering) {
  const Shape& shape = lowering.output_types[0].shape;
  const std::vector<Var> vars = variables(static_cast<int64_t>(shape.size()));
  const NormSets sets = sets_of(lowering.attrs());
  const int64_t weighted = lowering.attrs().integer("weighted");
  const Func weight = input_or_none(lowering, 2);
  const auto gradient_at = [&](const Place& place) {
    const Expr upstream = at(lowering.inputs[0], place);
    if (!weight.defined()) return upstream;
    return upstream *
           at(weight, place_in_parameter(place, weighted, lowering.input_types[2].rank()));
  };
  const Place place = as_exprs(vars);
  const Standardized here = standardized(lowering, 1, sets, place);
  const Func x = lowering.inputs[1], sum = lowering.stages.at("sum");
  const float share = 1.f / static_cast<float>(sets.size(shape));
  const auto distance = [&](const Place& somewhere) {
    return at(x, somewhere) - at(sum, place_of_set(shape, sets, somewhere)) * share;
  };
  const Func gradients = sum_of_set(lowering, "gradients", shape, sets, gradient_at);
  const Func products = sum_of_set(lowering, "products", shape, sets, [&](const Place& at_r) {
    return gradient_at(at_r) * distance(at_r);
  });
  const Place own = place_of_set(shape, sets, place);
  const Expr square = here.inverse * here.inverse;
  Func output("standardize_grad");
  output(vars) =
      here.inverse * (gradient_at(place) -
                      (at(gradients, own) + here.distance * square * at(products, own)) * share);
  lowering.outputs = {output};
}

void reference_grad(ReferenceArgs& args) {
  const ReferenceTensor& x = *args.inputs[1];
  const NormSets sets = sets_of(args.attrs);
  const SetStatistics known = statistics_of_sets(x, sets, args.attrs.real("eps"));
  const auto size = static_cast<double>(sets.size(x.shape));
  std::vector<double> g = args.inputs[0]->data, z(g.size());
  std::vector<double> gradients(known.mean.size()), products(known.mean.size());
  for (size_t i = 0; i < g.size(); ++i) {
    const auto element = static_cast<int64_t>(i);
    const int64_t set = sets.set_of(x.shape, element);
    if (args.inputs.size() > 2 && args.inputs[2]) {
      const auto rank = static_cast<int64_t>(args.inputs[2]->shape.size());
      g[i] *=
          args.inputs[2]
              ->data[element_in_parameter(x.shape, element, args.attrs.integer("weighted"), rank)];
    }
    z[i] = (x.data[i] - known.mean[set]) * known.inverse[set];
    gradients[set] += g[i] / size;
    products[set] += g[i] * z[i] / size;
  }
  for (size_t i = 0; i < g.size(); ++i) {
    const int64_t set = sets.set_of(x.shape, static_cast<int64_t>(i));
    args.outputs[0].data[i] = known.inverse[set] * (g[i] - gradients[set] - z[i] * products[set]);
  }
}

std::vector<AttrSpec> set_attrs() {
  return {attribute("first", AttrKind::integer, int64_t{2}, kCounts,
                    "the first dimension that a set goes along"),
          attribute("groups", AttrKind::integer, int64_t{0}, kSizes,
                    "of channels, which are sets; 0: each channel is one"),
          attribute("eps", AttrKind::real, 1e-5, kNotNegative, "added to the variance")};
}

OpDef make_standardize() noexcept {
  OpDef op;
  op.name = "Standardize";
  op.doc = "Scales sets of elements to a mean of 0 and a variance of 1";
  op.attrs = set_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

OpDef make_standardize_grad() noexcept {
  OpDef op;
  op.name = "StandardizeGrad";
  op.doc = "Gradient of Standardize, then weighted, with respect to its input";
  op.attrs = set_attrs();
  op.attrs.push_back(attribute("weighted", AttrKind::integer, int64_t{1}, kSizes,
                               "the first dimension that the weight stands for"));
  op.inputs = {input("gradient"), input("input"), optional_input("weight")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef standardize = make_standardize();
extern const OpDef standardize_grad = make_standardize_grad();

}  // namespace cnnc
