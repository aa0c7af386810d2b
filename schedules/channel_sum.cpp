// Sums per channel over batch and space, with the batch innermost: bias gradients and their update.
//
//   Params: tasks.
//   Stages: "part" (l, c), one sum per lane; "accumulator" (c), the sum of the lanes.
#include "schedules/schedule.h"

namespace cnnc {

Params choose_channel_sum(const Problem& problem) {
  constexpr int64_t kTasks = 16;
  Params params;
  params.schedule = "channel_sum";
  params.why = "rule: one sum per lane";
  params.tasks = worth_parallel(problem.flops, problem.bytes, problem.machine) ? kTasks : 1;
  return params;
}

void apply_channel_sum(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  Dimensions d;
  const int lanes = problem.machine.lanes;
  Halide::Var l("l");
  Halide::Func part = funcs.stages.at("part");
  Halide::Func accumulator = funcs.stages.at("accumulator");
  if (params.tasks > 1) {
    const int channels = static_cast<int>((problem.c + params.tasks - 1) / params.tasks);
    funcs.result.parallel(d.c, channels, Halide::TailStrategy::GuardWithIf);
  }
  accumulator.compute_at(funcs.result, d.c).store_in(Halide::MemoryType::Register);
  accumulator.update()
      .reorder({accumulator.rvars()[0], d.c})
      .atomic()
      .vectorize(accumulator.rvars()[0], lanes);
  part.compute_at(funcs.result, d.c).store_in(Halide::MemoryType::Register).vectorize(l, lanes);
  std::vector<Halide::VarOrRVar> order = {l, d.c};
  for (const Halide::RVar& r : part.rvars()) order.emplace_back(r);
  part.update().reorder(order).vectorize(l, lanes);
}

}  // namespace cnnc
