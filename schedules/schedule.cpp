#include "schedules/schedule.h"

#include "compiler/support/check.h"

namespace cnnc {

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
  if (params.rows > 0) text += " rows " + std::to_string(params.rows);
  if (params.band_rows > 0) text += "/" + std::to_string(params.band_rows);
  if (params.columns > 0) text += " columns " + std::to_string(params.columns);
  if (params.stages_input) text += " staged";
  return text;
}

Params choose(const Problem& problem) {
  const bool batch = problem.vectors == VectorDimension::batch;
  if (problem.family == "conv" || problem.family == "linear") {
    if (batch) return choose_conv_batch(problem);
    if (std::optional<Params> params = choose_winograd(problem)) return *params;
    return choose_conv_channel(problem);
  }
  if (batch && problem.family == "conv_weight_grad") return choose_conv_weight_grad(problem);
  if (batch && problem.family == "linear_weight_grad") return choose_linear_weight_grad(problem);
  if (batch && problem.family == "channel_sum") return choose_channel_sum(problem);
  return choose_generic(problem);
}

void apply(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  if (params.schedule == "conv_batch") return apply_conv_batch(problem, params, funcs);
  if (params.schedule == "conv_channel") return apply_conv_channel(problem, params, funcs);
  if (params.schedule == "winograd") return apply_winograd(problem, params, funcs);
  if (params.schedule == "conv_weight_grad") return apply_conv_weight_grad(problem, params, funcs);
  if (params.schedule == "linear_weight_grad") {
    return apply_linear_weight_grad(problem, params, funcs);
  }
  if (params.schedule == "channel_sum") return apply_channel_sum(problem, params, funcs);
  CNNC_CHECK(params.schedule == "generic", "no schedule " + params.schedule);
  apply_generic(problem, params, funcs);
}

}  // namespace cnnc
