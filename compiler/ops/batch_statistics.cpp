// What BatchNorm needs in training: BatchStatistics, RunningAverages, ChannelProducts,
// BatchNormInputGrad. Tested by tests/ops/batch_statistics_test.cpp.
//
// Over the images n < count, M values in each channel, and with z = (x - mean) * inverse:
//   BatchStatistics     mean, variance (the sum of squares / M), inverse = 1 / sqrt(variance + eps)
//   RunningAverages     average = (1 - share) * average + share * statistic, in place; the variance
//                       is that of a sample (the sum of squares / (M - 1)); share is the momentum,
//                       or 1 / (step + 1) without one
//   ChannelProducts     grad_weight = sum of gradient * z        grad_bias = sum of gradient
//                       where z is the input without these statistics
//   BatchNormInputGrad  weight * inverse * (gradient - (grad_bias + z * grad_weight) / M), which is
//                       0 for images that do not count
// A first pass over a channel sums it; a second one sums the distances from that mean, which
// correct it, and their squares.
#include <algorithm>
#include <cmath>

#include "compiler/ops/channel_sums.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;
using Place = std::vector<Expr>;

// Elements of a channel of one image.
int64_t pixels_of(const Shape& shape) { return fibres(shape, 1).after; }

Diagnostics expect_channels(const InferArgs& args, const char* name) {
  Diagnostics problems = expect_input(args, 0, name, DType::f32);
  if (problems.empty() && args.inputs[0].rank() < 2) {
    problems = {error(std::string("the ") + name + " must have channels, but is " +
                      to_string(args.inputs[0].shape))};
  }
  return problems;
}

Type of_channels(const InferArgs& args) { return {DType::f32, {args.inputs[0].shape[1]}}; }

Result<std::vector<Type>> infer_statistics(InferArgs& args) {
  Diagnostics problems = expect_channels(args, "input");
  if (problems.empty()) problems = expect_type(args, 1, "count", {DType::i32, {1}});
  if (!problems.empty()) return problems;
  return outputs_of({of_channels(args), of_channels(args), of_channels(args)});
}

// 1 / M, as a stage that is computed once.
Func inverse_count(Lowering& lowering, const Func& count, const Shape& shape) {
  Func result("inverse_count");
  result() = Halide::strict_float(
      1.f / (Halide::cast<float>(count(0)) * static_cast<float>(pixels_of(shape))));
  lowering.stages["inverse_count"] = result;
  return result;
}

void lower_statistics(Lowering& lowering) {
  const Shape& shape = lowering.input_types[0].shape;
  const Func x = lowering.inputs[0], count = lowering.inputs[1];
  const Expr share = inverse_count(lowering, count, shape)();
  const Var c("c");
  const auto counts = [&](const Place& place, const Expr& value) {
    return Halide::select(place.back() < count(0), value, 0.f);
  };
  const Func sum = channel_sums(lowering, shape, [&](const Place& place) -> Place {
    return {counts(place, at(x, place))};
  })[0];
  Func first("first");
  first(c) = sum(c) * share;
  lowering.stages["first"] = first;
  const std::vector<Func> sums = channel_sums(
      lowering, shape,
      [&](const Place& place) -> Place {
        const Expr distance = counts(place, at(x, place) - first(c));
        return {distance, distance * distance};
      },
      "_centred");
  const Expr off = sums[0](c) * share;
  const Expr spread = sums[1](c) * share - off * off;
  const Expr variance = Halide::select(Halide::strict_float(spread < 0.f), 0.f, spread);
  const auto eps = static_cast<float>(lowering.attrs().real("eps"));
  Func mean("mean"), var("variance"), inverse("inverse");
  mean(c) = first(c) + off;
  var(c) = variance;
  inverse(c) = Halide::strict_float(1.f / Halide::sqrt(variance + eps));
  lowering.outputs = {mean, var, inverse};
}

// Calls visit(element, channel) for the elements of images that count.
template <class Visit>
void for_each_counted(const Shape& shape, double count, Visit visit) {
  const Fibres channels = fibres(shape, 1);
  for (int64_t n = 0; n < std::min(channels.before, static_cast<int64_t>(count)); ++n) {
    for (int64_t c = 0; c < channels.extent; ++c) {
      const int64_t first = (n * channels.extent + c) * channels.after;
      for (int64_t i = 0; i < channels.after; ++i) visit(first + i, c);
    }
  }
}

void reference_statistics(ReferenceArgs& args) {
  const ReferenceTensor& x = *args.inputs[0];
  const double count = args.inputs[1]->data[0];
  const double elements = count * static_cast<double>(pixels_of(x.shape));
  std::vector<double>& mean = args.outputs[0].data;
  std::vector<double>& variance = args.outputs[1].data;
  for_each_counted(x.shape, count, [&](int64_t i, int64_t c) { mean[c] += x.data[i] / elements; });
  for_each_counted(x.shape, count, [&](int64_t i, int64_t c) {
    variance[c] += (x.data[i] - mean[c]) * (x.data[i] - mean[c]) / elements;
  });
  for (size_t c = 0; c < mean.size(); ++c) {
    args.outputs[2].data[c] = 1 / std::sqrt(variance[c] + args.attrs.real("eps"));
  }
}

// ---- running averages ------------------------------------------------------------------------

Result<std::vector<Type>> infer_running(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "running mean", DType::f32, {"[C]"});
  static constexpr const char* kNames[] = {"running variance", "mean", "variance"};
  for (size_t i = 0; problems.empty() && i < 3; ++i) {
    problems = expect_type(args, i + 1, kNames[i], args.inputs[0]);
  }
  if (problems.empty()) problems = expect_type(args, 4, "count", {DType::i32, {1}});
  if (problems.empty()) problems = expect_type(args, 5, "step", {DType::i32, {1}});
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0], args.inputs[0]});
}

void lower_running(Lowering& lowering) {
  const double momentum = lowering.attrs().real("momentum");
  const auto pixels = static_cast<float>(lowering.attrs().integer("pixels"));
  const Var c("c");
  Func share("share"), of_sample("of_sample");
  share() = momentum < 0
                ? Halide::strict_float(1.f / Halide::cast<float>(lowering.inputs[5](0) + 1))
                : Expr(static_cast<float>(momentum));
  const Expr elements = Halide::cast<float>(lowering.inputs[4](0)) * pixels;
  of_sample() = Halide::strict_float(elements / Halide::max(elements - 1.f, 1.f));
  lowering.stages["share"] = share;
  lowering.stages["of_sample"] = of_sample;
  const auto moved = [&](size_t i, const Expr& statistic) {
    return (1.f - share()) * lowering.inputs[i](c) + share() * statistic;
  };
  Func mean("running_mean"), variance("running_var");
  mean(c) = moved(0, lowering.inputs[2](c));
  variance(c) = moved(1, lowering.inputs[3](c) * of_sample());
  lowering.outputs = {mean, variance};
}

void reference_running(ReferenceArgs& args) {
  const double momentum = args.attrs.real("momentum");
  const double share = momentum < 0 ? 1 / (args.inputs[5]->data[0] + 1) : momentum;
  const double elements =
      args.inputs[4]->data[0] * static_cast<double>(args.attrs.integer("pixels"));
  for (size_t c = 0; c < args.outputs[0].data.size(); ++c) {
    args.outputs[0].data[c] =
        (1 - share) * args.inputs[0]->data[c] + share * args.inputs[2]->data[c];
    args.outputs[1].data[c] =
        (1 - share) * args.inputs[1]->data[c] +
        share * args.inputs[3]->data[c] * elements / std::max(elements - 1, 1.0);
  }
}

// ---- gradients ---------------------------------------------------------------------------------

// gradient, x, and after them values per channel.
Diagnostics check_gradient_inputs(InferArgs& args, const std::vector<std::string>& of_channel) {
  Diagnostics problems = expect_channels(args, "gradient");
  if (problems.empty()) problems = expect_type(args, 1, "input", args.inputs[0]);
  for (size_t i = 0; problems.empty() && i < of_channel.size(); ++i) {
    problems = expect_type(args, 2 + i, of_channel[i], of_channels(args));
  }
  return problems;
}

Result<std::vector<Type>> infer_sums(InferArgs& args) {
  const bool has_statistics = is_given(args, 2);
  const Diagnostics problems = has_statistics
                                   ? check_gradient_inputs(args, {"mean", "inverse deviation"})
                                   : check_gradient_inputs(args, {});
  if (!problems.empty()) return problems;
  return outputs_of({of_channels(args), of_channels(args)});
}

void lower_sums(Lowering& lowering) {
  const Func upstream = lowering.inputs[0], x = lowering.inputs[1],
             mean = input_or_none(lowering, 2), inverse = input_or_none(lowering, 3);
  const Var c("c");
  const std::vector<Func> sums =
      channel_sums(lowering, lowering.input_types[0].shape, [&](const Place& place) -> Place {
        const Expr gradient = at(upstream, place);
        const Expr value = at(x, place);
        return {gradient * (mean.defined() ? value - mean(c) : value), gradient};
      });
  Func of_weight("grad_weight"), of_bias("grad_bias");
  of_weight(c) = inverse.defined() ? sums[0](c) * inverse(c) : Expr(sums[0](c));
  of_bias(c) = sums[1](c);
  lowering.outputs = {of_weight, of_bias};
}

void reference_sums(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const bool has_statistics = args.inputs.size() > 2 && args.inputs[2];
  for_each_counted(upstream.shape, static_cast<double>(upstream.shape[0]),
                   [&](int64_t i, int64_t c) {
                     double z = args.inputs[1]->data[i];
                     if (has_statistics) {
                       z = (z - args.inputs[2]->data[c]) * args.inputs[3]->data[c];
                     }
                     args.outputs[0].data[c] += upstream.data[i] * z;
                     args.outputs[1].data[c] += upstream.data[i];
                   });
}

Result<std::vector<Type>> infer_input_grad(InferArgs& args) {
  Diagnostics problems = check_gradient_inputs(
      args, {"mean", "inverse deviation", "gradient of the weight", "gradient of the bias"});
  if (problems.empty()) problems = expect_type(args, 6, "count", {DType::i32, {1}});
  if (problems.empty() && is_given(args, 7)) {
    problems = expect_type(args, 7, "weight", of_channels(args));
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_input_grad(Lowering& lowering) {
  const Shape& shape = lowering.output_types[0].shape;
  const std::vector<Var> vars = variables(static_cast<int64_t>(shape.size()));
  const Place place = as_exprs(vars);
  const Expr c = place[place.size() - 2];
  const Func count = lowering.inputs[6], weight = input_or_none(lowering, 7);
  const Expr share = inverse_count(lowering, count, shape)();
  const Expr inverse = lowering.inputs[3](c);
  const Expr scale = weight.defined() ? inverse * weight(c) : inverse;
  const Expr z = (at(lowering.inputs[1], place) - lowering.inputs[2](c)) * inverse;
  const Expr common = lowering.inputs[5](c) * share + z * (lowering.inputs[4](c) * share);
  Func output("batch_norm_grad");
  output(vars) = Halide::select(place.back() < count(0),
                                scale * (at(lowering.inputs[0], place) - common), 0.f);
  lowering.outputs = {output};
}

void reference_input_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const double count = args.inputs[6]->data[0];
  const double elements = count * static_cast<double>(pixels_of(upstream.shape));
  const auto of_channel = [&](size_t slot, int64_t c) { return args.inputs[slot]->data[c]; };
  for_each_counted(upstream.shape, count, [&](int64_t i, int64_t c) {
    const double z = (args.inputs[1]->data[i] - of_channel(2, c)) * of_channel(3, c);
    const double weight = args.inputs.size() > 7 && args.inputs[7] ? of_channel(7, c) : 1;
    args.outputs[0].data[i] =
        weight * of_channel(3, c) *
        (upstream.data[i] - (of_channel(5, c) + z * of_channel(4, c)) / elements);
  });
}

OpDef make_statistics() noexcept {
  OpDef op;
  op.name = "BatchStatistics";
  op.doc = "Mean and variance of each channel over the images that count";
  op.attrs = {attribute("eps", AttrKind::real, 1e-5, kNotNegative, "added to the variance")};
  op.inputs = {input("input"), input("count")};
  op.outputs = {"mean", "variance", "inverse_deviation"};
  op.schedule = "channel_statistics";
  op.infer = infer_statistics;
  op.lower = lower_statistics;
  op.reference = reference_statistics;
  return op;
}

OpDef make_running() noexcept {
  OpDef op;
  op.name = "RunningAverages";
  op.doc = "Moves averages towards the statistics of a batch";
  op.attrs = {required(attribute("momentum", AttrKind::real, {}, {}, "share of the batch")),
              required(attribute("pixels", AttrKind::integer, {}, kCounts,
                                 "elements of a channel of one image"))};
  op.inputs = {input("running_mean"), input("running_var"), input("mean"),
               input("variance"),     input("count"),       input("step")};
  op.outputs = {"running_mean", "running_var"};
  op.traits = kInPlace;
  op.infer = infer_running;
  op.lower = lower_running;
  op.reference = reference_running;
  return op;
}

OpDef make_sums() noexcept {
  OpDef op;
  op.name = "ChannelProducts";
  op.doc = "Gradients of a weight and a bias per channel";
  op.inputs = {input("gradient"), input("input"), optional_input("mean"),
               optional_input("inverse_deviation")};
  op.outputs = {"grad_weight", "grad_bias"};
  op.schedule = "channel_statistics";
  op.infer = infer_sums;
  op.lower = lower_sums;
  op.reference = reference_sums;
  return op;
}

OpDef make_input_grad() noexcept {
  OpDef op;
  op.name = "BatchNormInputGrad";
  op.doc = "Gradient of BatchNorm with respect to its input";
  op.inputs = {input("gradient"),    input("input"),     input("mean"),  input("inverse_deviation"),
               input("grad_weight"), input("grad_bias"), input("count"), optional_input("weight")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer_input_grad;
  op.lower = lower_input_grad;
  op.reference = reference_input_grad;
  return op;
}

}  // namespace

extern const OpDef batch_statistics = make_statistics();
extern const OpDef running_averages = make_running();
extern const OpDef channel_products = make_sums();
extern const OpDef batch_norm_input_grad = make_input_grad();

}  // namespace cnnc
