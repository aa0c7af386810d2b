#include "schedules/schedule.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

const Schedule& schedule_of(const Params& params) {
  const Schedule* found = find_schedule(params.schedule);
  CNNC_CHECK(found != nullptr, "no schedule " + params.schedule);
  return *found;
}

}  // namespace

int64_t Scratch::elements() const {
  int64_t last = 0;
  for (size_t d = 0; d < extents.size(); ++d) last += (extents[d] - 1) * strides[d];
  return last + 1;
}

Scratch dense_scratch(std::vector<int64_t> extents) {
  Scratch scratch{std::move(extents), {}};
  int64_t stride = 1;
  for (const int64_t extent : scratch.extents) {
    scratch.strides.push_back(stride);
    stride *= extent;
  }
  return scratch;
}

void store_vectors_innermost(Halide::Func& func, VectorDimension vectors) {
  const std::string innermost = vectors == VectorDimension::batch ? "n" : "c";
  std::vector<Halide::Var> order;
  for (const Halide::Var& argument : func.args()) {
    if (argument.name() == innermost)
      order.insert(order.begin(), argument);
    else
      order.push_back(argument);
  }
  if (order.size() > 1) func.reorder_storage(order);
}

bool worth_parallel(int64_t flops, int64_t bytes, const Machine& machine) {
  // Waking and joining costs about a microsecond hot and tens of microseconds from sleep. Two FMA
  // units at 3 GHz and 30 bytes/ns turn sizes into a time.
  constexpr double kWorthNanoseconds = 10000;
  if (!machine.has_threads) return false;
  const double flops_per_ns = 4.0 * machine.lanes * 3.0;
  return static_cast<double>(flops) / flops_per_ns + static_cast<double>(bytes) / 30.0 >
         kWorthNanoseconds;
}

std::string to_string(const Params& params) {
  std::string text =
      params.schedule + " " + std::to_string(params.a) + "x" + std::to_string(params.b);
  if (params.block_n > 0)
    text += " block " + std::to_string(params.block_c) + "x" + std::to_string(params.block_n);
  if (params.tile > 0) text += " tiles " + std::to_string(params.tile);
  if (params.rows > 0) text += " rows " + std::to_string(params.rows);
  if (params.band_rows > 0) text += "/" + std::to_string(params.band_rows);
  if (params.columns > 0) text += " columns " + std::to_string(params.columns);
  if (params.stages_input) text += " staged";
  if (params.packs_weights) text += " packed";
  return text;
}

Params choose(const Problem& problem) {
  const bool batch = problem.vectors == VectorDimension::batch;
  if (problem.family == "conv" || problem.family == "linear") {
    const std::optional<Params> winograd =
        batch ? choose_winograd_batch(problem) : choose_winograd(problem);
    if (winograd) return *winograd;
    return batch ? choose_conv_batch(problem) : choose_conv_channel(problem);
  }
  if (batch && problem.family == "conv_weight_grad") {
    if (std::optional<Params> params = choose_winograd_weight_grad(problem)) return *params;
    return choose_conv_weight_grad(problem);
  }
  if (batch && problem.family == "linear_weight_grad") return choose_linear_weight_grad(problem);
  if (batch && problem.family == "channel_sum") return choose_channel_sum(problem);
  if (batch && problem.family == "channel_statistics") return choose_channel_statistics(problem);
  if (problem.family == "window") return choose_window(problem);
  if (problem.family == "product") return choose_product(problem);
  return choose_generic(problem);
}

const Schedule* find_schedule(const std::string& name) {
  for (const Schedule* schedule :
       {&schedules::conv_batch, &schedules::conv_channel, &schedules::winograd,
        &schedules::winograd_batch, &schedules::winograd_weight_grad, &schedules::conv_weight_grad,
        &schedules::linear_weight_grad, &schedules::channel_sum, &schedules::channel_statistics,
        &schedules::window, &schedules::product, &schedules::generic}) {
    if (name == schedule->name) return schedule;
  }
  return nullptr;
}

void apply(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  schedule_of(params).apply(problem, params, funcs);
}

int64_t unrolled(const Problem& problem, const Params& params) {
  return schedule_of(params).unrolled(problem, params);
}

std::string obstacle(const Problem& problem, const Params& params) {
  constexpr int64_t kMostA = 64, kMostB = 16;
  const Schedule* schedule = find_schedule(params.schedule);
  if (schedule == nullptr) return "there is no schedule \"" + params.schedule + "\"";
  if (params.a < 1 || params.a > kMostA) return "a must be from 1 to " + std::to_string(kMostA);
  if (params.b < 1 || params.b > kMostB) return "b must be from 1 to " + std::to_string(kMostB);
  if (std::min({params.rows, params.columns, params.band_rows, params.block_c, params.block_n}) <
      0) {
    return "rows, columns and blocks must not be negative";
  }
  if (params.tile != 0 && schedule != &schedules::winograd) return "has no tile";
  const bool has_bands = params.band_rows != 0 || params.separates_border;
  if (has_bands && schedule != &schedules::conv_weight_grad) return "has no bands of rows";
  return schedule->obstacle(problem, params);
}

Params completed(const Problem& problem, Params params) {
  schedule_of(params).complete(problem, params);
  return params;
}

std::vector<Params> simpler(const Problem& problem, const Params& params) {
  std::vector<Params> result;
  if (params.schedule == schedules::winograd.name) result.push_back(choose_conv_channel(problem));
  if (params.schedule == schedules::winograd_batch.name) {
    result.push_back(choose_conv_batch(problem));
  }
  if (params.schedule == schedules::winograd_weight_grad.name) {
    result.push_back(choose_conv_weight_grad(problem));
  }
  if (params.schedule != schedules::generic.name) result.push_back(choose_generic(problem));
  return result;
}

}  // namespace cnnc
