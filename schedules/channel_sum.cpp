// Sums over the batch and more, with the batch innermost: bias gradients and their update,
// gradients of what was broadcast.
//
//   Params: tasks.
//   Problem: c, the elements of the result.
//   Stages: "part" (l, ...), one sum per lane; "accumulator" (...), the sum of the lanes, with the
//   arguments of the result.
#include "schedules/schedule.h"

namespace cnnc {

namespace {

constexpr int64_t kTasks = 16;

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
}

std::string find_obstacle(const Problem& p, const Params&) {
  const bool is_sum = p.family == "channel_sum" && p.vectors == VectorDimension::batch;
  return is_sum ? "" : "is for sums over the batch, with the batch innermost";
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
  const int lanes = problem.machine.lanes;
  const Halide::Var l("l");
  const std::vector<Halide::Var> arguments = funcs.result.args();
  Halide::Func part = funcs.stages.at("part");
  Halide::Func accumulator = funcs.stages.at("accumulator");
  Halide::Var element = arguments[0];
  for (size_t i = 1; i < arguments.size(); ++i) {
    const Halide::Var fused("fused");
    funcs.result.fuse(element, arguments[i], fused);
    element = fused;
  }
  if (params.tasks > 1) {
    const int elements = static_cast<int>((problem.c + params.tasks - 1) / params.tasks);
    funcs.result.parallel(element, elements, Halide::TailStrategy::GuardWithIf);
  }
  accumulator.compute_at(funcs.result, element).store_in(Halide::MemoryType::Register);
  std::vector<Halide::VarOrRVar> order = {accumulator.rvars()[0]};
  order.insert(order.end(), arguments.begin(), arguments.end());
  accumulator.update().reorder(order).atomic().vectorize(accumulator.rvars()[0], lanes);
  part.compute_at(funcs.result, element).store_in(Halide::MemoryType::Register).vectorize(l, lanes);
  order[0] = l;
  for (const Halide::RVar& r : part.rvars()) order.emplace_back(r);
  part.update().reorder(order).vectorize(l, lanes);
}

}  // namespace

const Schedule schedules::channel_sum = {"channel_sum",  find_obstacle,   complete,
                                         count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
