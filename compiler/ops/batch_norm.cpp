// BatchNorm1d, BatchNorm2d and BatchNorm3d. Tested by tests/ops/batch_norm_test.cpp.
//
//   output = (input - mean) / sqrt(variance + eps) * weight + bias, per channel
// with the running averages as mean and variance. Training gives the layer the statistics of the
// batch as further inputs, which go before the averages; its gradient is then that of the whole,
// with these statistics as functions of the input. See batch_statistics.cpp.
#include <cmath>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

enum Slot : size_t { kInput, kWeight, kBias, kRunningMean, kRunningVar, kMean, kInverse, kCount };

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Shape shape = {inputs[0].shape[1]};
  const auto filled = [&](const char* name, float fill, bool is_buffer) {
    ParameterSpec spec;
    spec.name = name;
    spec.shape = shape;
    spec.fill = fill;
    spec.is_buffer = is_buffer;
    return spec;
  };
  std::vector<ParameterSpec> result;
  if (attrs.boolean("affine")) {
    result = {filled("weight", 1, false), filled("bias", 0, false)};
  }
  if (attrs.boolean("track_running_stats")) {
    result.push_back(filled("running_mean", 0, true));
    result.push_back(filled("running_var", 1, true));
  }
  return result;
}

Result<std::vector<Type>> infer(InferArgs& args, const std::vector<std::string>& forms) {
  Diagnostics problems = expect_input(args, kInput, "input", DType::f32, forms);
  if (!problems.empty()) return problems;
  const int64_t channels = args.inputs[0].shape[1];
  problems = settle(args.attrs, "num_features", channels,
                    "the input " + to_string(args.inputs[0].shape) + " has " +
                        std::to_string(channels) + " channels");
  static constexpr const char* kNames[] = {"weight",           "bias", "running mean",
                                           "running variance", "mean", "inverse deviation"};
  for (size_t slot = kWeight; problems.empty() && slot < kCount; ++slot) {
    if (!is_given(args, slot)) continue;
    problems = expect_type(args, slot, kNames[slot - kWeight], {DType::f32, {channels}});
  }
  if (problems.empty() && is_given(args, kMean)) {
    problems = expect_type(args, kCount, "count", {DType::i32, {1}});
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

Result<std::vector<Type>> infer_1d(InferArgs& args) { return infer(args, {kRowForm, "[N, C, L]"}); }
Result<std::vector<Type>> infer_2d(InferArgs& args) { return infer(args, {kImageForm}); }
Result<std::vector<Type>> infer_3d(InferArgs& args) { return infer(args, {"[N, C, D, H, W]"}); }

void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Expr c = vars[vars.size() - 2];
  const auto of_channel = [&](size_t slot) -> Expr {
    const Func func = input_or_none(lowering, slot);
    return func.defined() ? func(c) : Expr();
  };
  const Expr weight = of_channel(kWeight), bias = of_channel(kBias);
  Expr mean = of_channel(kMean), scale = of_channel(kInverse);
  if (!mean.defined()) {
    mean = of_channel(kRunningMean);
    CNNC_CHECK(mean.defined(), lowering.node.name + " has no statistics");
    const auto eps = static_cast<float>(lowering.attrs().real("eps"));
    scale = Halide::strict_float(1.f / Halide::sqrt(of_channel(kRunningVar) + eps));
  }
  if (weight.defined()) scale *= weight;
  Expr value = (at(lowering.inputs[0], as_exprs(vars)) - mean) * scale;
  if (bias.defined()) value += bias;
  Func output("batch_norm");
  output(vars) = value;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  const bool of_input = is_wanted(args, kInput), of_weight = is_wanted(args, kWeight),
             of_bias = is_wanted(args, kBias);
  if (upstream == kNoValue || !(of_input || of_weight || of_bias)) return result;
  const Node node = args.node;  // nodes move as others are added
  CNNC_CHECK(node.inputs.size() > kCount, node.name + ": only training has a gradient");
  const ValueId x = node.inputs[kInput], mean = node.inputs[kMean], inverse = node.inputs[kInverse];
  Graph& graph = args.graph;
  const std::vector<ValueId> sums =
      graph.add("ChannelProducts", node.name + ".grad_weight", {}, {upstream, x, mean, inverse});
  if (of_weight) result[kWeight] = sums[0];
  if (of_bias) result[kBias] = sums[1];
  if (of_input) {
    result[kInput] = graph.add("BatchNormInputGrad", node.name + ".grad_input", {},
                               {upstream, x, mean, inverse, sums[0], sums[1], node.inputs[kCount],
                                node.inputs[kWeight]})[0];
  }
  return result;
}

void reference(ReferenceArgs& args) {
  const auto of_channel = [&](size_t slot, size_t c, double absent) {
    const bool is_there = slot < args.inputs.size() && args.inputs[slot];
    return is_there ? args.inputs[slot]->data[c] : absent;
  };
  const double eps = args.attrs.real("eps");
  const bool has_batch = args.inputs.size() > kMean && args.inputs[kMean];
  const Fibres channels = fibres(args.inputs[0]->shape, 1);
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t c = i / channels.after % channels.extent;
    const double mean = of_channel(has_batch ? kMean : kRunningMean, c, 0);
    const double inverse =
        has_batch ? of_channel(kInverse, c, 1) : 1 / std::sqrt(of_channel(kRunningVar, c, 1) + eps);
    args.outputs[0].data[i] =
        (in[i] - mean) * inverse * of_channel(kWeight, c, 1) + of_channel(kBias, c, 0);
  }
}

ChannelAffine channel_affine(const Attrs& attrs, const std::vector<Type>& inputs,
                             const std::vector<const float*>& elements) {
  CNNC_CHECK(elements[kRunningMean] && elements[kRunningVar], "no statistics");
  ChannelAffine result;
  for (int64_t c = 0; c < inputs[0].shape[1]; ++c) {
    const double inverse =
        1 / std::sqrt(static_cast<double>(elements[kRunningVar][c]) + attrs.real("eps"));
    const double scale = elements[kWeight] ? elements[kWeight][c] * inverse : inverse;
    result.scale.push_back(scale);
    result.shift.push_back((elements[kBias] ? elements[kBias][c] : 0) -
                           elements[kRunningMean][c] * scale);
  }
  return result;
}

OpDef make_batch_norm(const char* name, Result<std::vector<Type>> (*infer)(InferArgs&)) noexcept {
  OpDef op;
  op.name = name;
  op.role = OpRole::layer;
  op.doc =
      "Scales each channel to a mean of 0 and a variance of 1, then by its weight, and adds "
      "its bias: by the batch in training, by running averages else";
  AttrSpec momentum = attribute("momentum", AttrKind::real, 0.1, {0, 1},
                                "share of the batch in the running averages; `null`: all batches "
                                "count the same");
  momentum.nullable = true;
  op.attrs = {
      attribute("num_features", AttrKind::integer, {}, kCounts, "channels"),
      attribute("eps", AttrKind::real, 1e-5, kNotNegative, "added to the variance"),
      momentum,
      flag("affine", true, "has a weight and a bias per channel"),
      flag("track_running_stats", true, "has running averages; without them, for training only"),
  };
  op.inputs = {input("input"),
               optional_parameter_input("weight"),
               optional_parameter_input("bias"),
               optional_parameter_input("running_mean"),
               optional_parameter_input("running_var"),
               optional_input("mean"),
               optional_input("inverse_deviation"),
               optional_input("count")};
  op.outputs = {"output"};
  op.traits = kElementwise | kBatchStatistics;
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  op.channel_affine = channel_affine;
  return op;
}

}  // namespace

extern const OpDef batch_norm1d = make_batch_norm("BatchNorm1d", infer_1d);
extern const OpDef batch_norm2d = make_batch_norm("BatchNorm2d", infer_2d);
extern const OpDef batch_norm3d = make_batch_norm("BatchNorm3d", infer_3d);

}  // namespace cnnc
