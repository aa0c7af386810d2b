// GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d and LayerNorm. Tested by
// tests/ops/group_norm_test.cpp.
//
//   output = (input - mean) / sqrt(variance + eps) * weight + bias
// with the statistics of a set of elements of one image: the channels of a group, one channel, or
// the last dimensions. The variance is the mean of the squares.
#include <algorithm>

#include "compiler/ops/standardize.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

// What differs between the layers: their sets, and the dimensions that their parameters stand for.
struct Form {
  NormSets sets;
  int64_t weighted = 1;
};

Form form_of(const Attrs& attrs, const Shape& shape) {
  if (attrs.has("normalized_shape")) {
    const auto first =
        static_cast<int64_t>(shape.size() - attrs.integers("normalized_shape").size());
    return {{first, 0}, first};
  }
  if (!attrs.has("num_groups")) return {{2, 0}, 1};
  const int64_t groups = attrs.integer("num_groups");
  if (groups == 1) return {{1, 0}, 1};
  return {{2, groups == shape[1] ? 0 : groups}, 1};
}

// The shape of the parameters.
Shape parameter_shape(const Attrs& attrs, const Shape& shape) {
  if (attrs.has("normalized_shape")) return attrs.integers("normalized_shape");
  return {shape[1]};
}

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>& inputs) {
  const bool is_layer = attrs.has("elementwise_affine");
  std::vector<ParameterSpec> result;
  if (!attrs.boolean(is_layer ? "elementwise_affine" : "affine")) return result;
  ParameterSpec spec;
  spec.name = "weight";
  spec.shape = parameter_shape(attrs, inputs[0].shape);
  spec.fill = 1;
  result.push_back(spec);
  if (is_layer && !attrs.boolean("bias")) return result;
  spec.name = "bias";
  spec.fill = 0;
  result.push_back(spec);
  return result;
}

Result<std::vector<Type>> finish(InferArgs& args) {
  const Type parameter = {DType::f32, parameter_shape(args.attrs, args.inputs[0].shape)};
  Diagnostics problems;
  for (size_t i = 1; problems.empty() && i <= 2; ++i) {
    if (is_given(args, i)) problems = expect_type(args, i, i == 1 ? "weight" : "bias", parameter);
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

std::string channels_of(const Shape& shape) {
  return "the input " + to_string(shape) + " has " + std::to_string(shape[1]) + " channels";
}

Result<std::vector<Type>> infer_group(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty() && args.inputs[0].rank() < 2) {
    problems = {error("the input must have channels, but is " + to_string(args.inputs[0].shape))};
  }
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  problems = settle(args.attrs, "num_channels", shape[1], channels_of(shape));
  const int64_t groups = args.attrs.integer("num_groups");
  if (problems.empty() && shape[1] % groups != 0) {
    problems = {error("num_groups is " + std::to_string(groups) + ", which does not divide the " +
                      std::to_string(shape[1]) + " channels of the input")};
  }
  if (!problems.empty()) return problems;
  return finish(args);
}

Result<std::vector<Type>> infer_instance(InferArgs& args, const std::string& form) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {form});
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  problems = settle(args.attrs, "num_features", shape[1], channels_of(shape));
  if (!problems.empty()) return problems;
  return finish(args);
}

Result<std::vector<Type>> infer_instance_1d(InferArgs& args) {
  return infer_instance(args, "[N, C, L]");
}
Result<std::vector<Type>> infer_instance_2d(InferArgs& args) {
  return infer_instance(args, kImageForm);
}
Result<std::vector<Type>> infer_instance_3d(InferArgs& args) {
  return infer_instance(args, "[N, C, D, H, W]");
}

Result<std::vector<Type>> infer_layer(InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  const Shape& last = args.attrs.integers("normalized_shape");
  if (last.size() >= shape.size() || !std::equal(last.rbegin(), last.rend(), shape.rbegin())) {
    return error("normalized_shape is " + to_string(last) +
                 ", but must be the last dimensions of the input " + to_string(shape) +
                 ", without the batch");
  }
  return finish(args);
}

void lower(Lowering& lowering) {
  const Shape& shape = lowering.output_types[0].shape;
  const std::vector<Var> vars = variables(static_cast<int64_t>(shape.size()));
  const std::vector<Expr> place = as_exprs(vars);
  const Form form = form_of(lowering.attrs(), shape);
  const Standardized x = standardized(lowering, 0, form.sets, place);
  const Func weight = input_or_none(lowering, 1), bias = input_or_none(lowering, 2);
  Expr value = x.distance * x.inverse;
  if (weight.defined()) {
    value *= at(weight, place_in_parameter(place, form.weighted, lowering.input_types[1].rank()));
  }
  if (bias.defined()) {
    value += at(bias, place_in_parameter(place, form.weighted, lowering.input_types[2].rank()));
  }
  Func output("group_norm");
  output(vars) = value;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  const Form form = form_of(args.node.attrs, args.graph.type(args.node.inputs[0]).shape);
  return standardize_gradient(args, form.sets, form.weighted);
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& x = *args.inputs[0];
  const Form form = form_of(args.attrs, x.shape);
  const SetStatistics known = statistics_of_sets(x, form.sets, args.attrs.real("eps"));
  const auto parameter = [&](size_t slot, int64_t element, double absent) {
    if (slot >= args.inputs.size() || !args.inputs[slot]) return absent;
    const ReferenceTensor& values = *args.inputs[slot];
    return values.data[element_in_parameter(x.shape, element, form.weighted,
                                            static_cast<int64_t>(values.shape.size()))];
  };
  for (size_t i = 0; i < x.data.size(); ++i) {
    const auto element = static_cast<int64_t>(i);
    const int64_t set = form.sets.set_of(x.shape, element);
    args.outputs[0].data[i] =
        (x.data[i] - known.mean[set]) * known.inverse[set] * parameter(1, element, 1) +
        parameter(2, element, 0);
  }
}

AttrSpec eps_attr() {
  return attribute("eps", AttrKind::real, 1e-5, kNotNegative, "added to the variance");
}

OpDef make_norm(const char* name, const char* doc, std::vector<AttrSpec> attrs,
                Result<std::vector<Type>> (*infer)(InferArgs&)) {
  OpDef op;
  op.name = name;
  op.role = OpRole::layer;
  op.doc = doc;
  op.attrs = std::move(attrs);
  op.inputs = {input("input"), optional_parameter_input("weight"),
               optional_parameter_input("bias")};
  op.outputs = {"output"};
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_group_norm() noexcept {
  return make_norm(
      "GroupNorm", "Scales groups of channels of each image to a mean of 0 and a variance of 1",
      {required(attribute("num_groups", AttrKind::integer, {}, kCounts, "groups of channels")),
       attribute("num_channels", AttrKind::integer, {}, kCounts, "channels"), eps_attr(),
       flag("affine", true, "has a weight and a bias per channel")},
      infer_group);
}

OpDef make_instance_norm(const char* name,
                         Result<std::vector<Type>> (*infer)(InferArgs&)) noexcept {
  return make_norm(name, "Scales each channel of each image to a mean of 0 and a variance of 1",
                   {attribute("num_features", AttrKind::integer, {}, kCounts, "channels"),
                    eps_attr(), flag("affine", false, "has a weight and a bias per channel")},
                   infer);
}

OpDef make_layer_norm() noexcept {
  return make_norm(
      "LayerNorm", "Scales the last dimensions together to a mean of 0 and a variance of 1",
      {required(attribute("normalized_shape", AttrKind::integers, {}, kCounts,
                          "extents of the last dimensions")),
       eps_attr(), flag("elementwise_affine", true, "has a weight per element of that shape ..."),
       flag("bias", true, "... and a bias")},
      infer_layer);
}

}  // namespace

extern const OpDef group_norm = make_group_norm();
extern const OpDef instance_norm1d = make_instance_norm("InstanceNorm1d", infer_instance_1d);
extern const OpDef instance_norm2d = make_instance_norm("InstanceNorm2d", infer_instance_2d);
extern const OpDef instance_norm3d = make_instance_norm("InstanceNorm3d", infer_instance_3d);
extern const OpDef layer_norm = make_layer_norm();

}  // namespace cnnc
