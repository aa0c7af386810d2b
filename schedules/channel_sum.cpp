// Sums per channel over batch and space, with the batch innermost: bias gradients and their update.
//
//   Params: tasks.
//   Stages: "part" (l, c), one sum per lane; "accumulator" (c), the sum of the lanes.
#include "schedules/schedule.h"

namespace cnnc {

namespace {

constexpr int64_t kTasks = 16;

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
}

std::string find_obstacle(const Problem& p, const Params&) {
  const bool is_sum = p.family == "channel_sum" && p.vectors == VectorDimension::batch;
  return is_sum ? "" : "is for sums per channel with the batch innermost";
}

int64_t count_unrolled(const Problem&, const Params&) { return 1; }

std::vector<Params> find_neighbours(const Problem&, const Params&) { return {}; }

}  // namespace

Params choose_channel_sum(const Problem& problem) {
  Params params;
  params.schedule = "channel_sum";
  params.why = "rule: one sum per lane";
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
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

}  // namespace

const Schedule schedules::channel_sum = {"channel_sum",  find_obstacle,   complete,
                                         count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
