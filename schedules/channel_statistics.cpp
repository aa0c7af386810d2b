// Several sums per channel over batch and space, with the batch innermost: statistics of a batch.
//
//   Params: tasks.
//   Stages: those with an argument "l" have sums per lane, several in turn; reductions to (c) add
//   them;
//   other stages of (c) are computed once per channel. All of them finish a channel, which a cache
//   holds, before the next begins.
#include "schedules/schedule.h"

namespace cnnc {

namespace {

constexpr int64_t kTasks = 16;

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
}

std::string find_obstacle(const Problem& p, const Params&) {
  const bool is_sum = p.family == "channel_statistics" && p.vectors == VectorDimension::batch;
  return is_sum ? "" : "is for statistics per channel with the batch innermost";
}

int64_t count_unrolled(const Problem&, const Params&) { return 1; }

std::vector<Params> find_neighbours(const Problem&, const Params&) { return {}; }

}  // namespace

Params choose_channel_statistics(const Problem& problem) {
  Params params;
  params.schedule = "channel_statistics";
  params.why = "rule: sums per lane, channel by channel";
  complete(problem, params);
  return params;
}

namespace {

bool has_lanes(const Halide::Func& stage) { return stage.args()[0].name() == "l"; }

void sum_by_lanes(Halide::Func& part, int lanes) {
  const Halide::Var l("l"), u("u"), c("c");
  part.vectorize(l, lanes).unroll(u);
  std::vector<Halide::VarOrRVar> order = {l, u, c};
  for (const Halide::RVar& r : part.rvars()) order.emplace_back(r);
  part.update().reorder(order).vectorize(l, lanes).unroll(u);
}

void sum_lanes(Halide::Func& accumulator, int lanes) {
  const std::vector<Halide::RVar> r = accumulator.rvars();  // lane, u
  accumulator.update().reorder({r[0], r[1], Halide::Var("c")}).atomic().vectorize(r[0], lanes);
}

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  const int lanes = problem.machine.lanes;
  Halide::Var task("task"), own("own"), channel("c");
  if (params.tasks > 1) {
    const int channels = static_cast<int>((problem.c + params.tasks - 1) / params.tasks);
    funcs.result.split(channel, task, own, channels, Halide::TailStrategy::GuardWithIf);
    funcs.result.parallel(task);
    channel = own;
  }
  for (auto& [name, stage] : funcs.stages) {
    if (stage.dimensions() == 0) continue;
    stage.compute_at(funcs.result, channel).store_in(Halide::MemoryType::Register);
    if (!stage.has_update_definition()) continue;
    if (has_lanes(stage)) {
      sum_by_lanes(stage, lanes);
    } else {
      sum_lanes(stage, lanes);
    }
  }
}

}  // namespace

const Schedule schedules::channel_statistics = {
    "channel_statistics", find_obstacle, complete, count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
