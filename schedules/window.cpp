// Pooling that is a kernel of its own, and what follows it elementwise.
//
//   Params: a pixels of a row x b vectors in registers, so that there are enough chains of sums or
//   maxima to hide their latency; tasks. Stages: what is reduced over (tap x, tap y), with an
//   element for each of the result; none where windows are small.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 16;
constexpr int64_t kMostUnrolledTaps = 4;  // of a row, where some may be out of range
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

int64_t vector_extent(const Problem& p) { return p.vectors == VectorDimension::batch ? p.n : p.c; }

int64_t vectors_of(const Problem& p) {
  return (vector_extent(p) + p.machine.lanes - 1) / p.machine.lanes;
}

// Accumulators that hide the latency, beside what a maximum keeps with them.
int64_t most_accumulators(const Machine& machine) { return machine.registers >= 32 ? 8 : 4; }

bool unrolls_row(const Problem& p) { return p.padded && p.reduce_w <= kMostUnrolledTaps; }

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (p.family != "window") return "is for pooling";
  if (vectors_of(p) % params.b != 0) {
    return "b must divide the " + std::to_string(vectors_of(p)) + " vectors";
  }
  return params.a <= p.w ? "" : "a must not exceed the " + std::to_string(p.w) + " columns";
}

int64_t count_unrolled(const Problem& p, const Params& params) {
  return params.a * params.b * (unrolls_row(p) ? p.reduce_w : 1);
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list = other_tiles(params);
  keep_fitting(list, p.machine, [](const Params& each) { return each.a * each.b; });
  return list;
}

}  // namespace

Params choose_window(const Problem& problem) {
  Params params;
  params.schedule = "window";
  const int64_t vectors = vectors_of(problem);
  const int64_t most = most_accumulators(problem.machine);
  for (int64_t b = 1; b <= std::min(vectors, most); ++b) {
    if (vectors % b == 0) params.b = b;
  }
  params.a = std::min(problem.w, std::max<int64_t>(1, most / params.b));
  params.why =
      "rule: " + std::to_string(params.a) + " pixels x " + std::to_string(params.b) + " vectors";
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::MemoryType;
  using Halide::Var;
  Dimensions d;
  Var vi("vi"), vo("vo"), ti("ti"), to("to"), xi("xi"), xo("xo"), task("task");
  const int lanes = problem.machine.lanes;
  const bool batch = problem.vectors == VectorDimension::batch;
  const Var vector = batch ? d.n : d.c, other = batch ? d.c : d.n;
  const bool whole = vector_extent(problem) % lanes == 0;
  const auto vector_tail = whole ? Halide::TailStrategy::RoundUp : kGuard;
  Halide::Func& result = funcs.result;
  result.split(vector, vo, vi, lanes, vector_tail)
      .split(vo, to, ti, static_cast<int>(params.b))
      .split(d.x, xo, xi, static_cast<int>(params.a), kGuard)
      .reorder(vi, ti, xi, xo, to, d.y, other)
      .vectorize(vi)
      .unroll(ti)
      .unroll(xi)
      .fuse(to, d.y, task)
      .fuse(task, other, task);
  if (params.tasks > 1) {
    const int64_t iterations =
        vectors_of(problem) / params.b * problem.h * (batch ? problem.c : problem.n);
    result.parallel(task, static_cast<int>(std::max<int64_t>(1, iterations / params.tasks)),
                    kGuard);
  }
  for (auto& [name, stage] : funcs.stages) {
    if (!stage.has_update_definition()) continue;
    store_vectors_innermost(stage, problem.vectors);
    stage.compute_at(result, xo)
        .store_in(MemoryType::Register)
        .reorder(vector, d.x, d.y, other)
        .vectorize(vector, lanes, vector_tail)
        .unroll(vector)
        .unroll(d.x);
    const std::vector<Halide::RVar> r = stage.rvars();
    Halide::Stage update = stage.update();
    update.reorder({vector, d.x, d.y, other, r[0], r[1]})
        .vectorize(vector, lanes, vector_tail)
        .unroll(vector)
        .unroll(d.x);
    if (unrolls_row(problem)) update.unroll(r[0]);
  }
}

}  // namespace

const Schedule schedules::window = {"window",       find_obstacle,   complete,
                                    count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
