// Convolution and linear layers, forward and input gradient, with the batch innermost: every step
// multiplies a vector over the batch by a scalar weight.
//
//   Params: a output channels x b vectors of the batch in registers; rows: rows of a chunk for
//   which a producer of the input is staged; tasks. Stage: "accumulator", reduced over (tap x, tap
//   y, channel), or (channel) for linear layers.
//
// The reduction keeps its taps innermost and its channels outermost. Padding taps are skipped by
// the predicate of the reduction, which is uniform over the vector.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 16;                 // of a parallel loop: enough to balance
constexpr int64_t kMostStagedBytes = 1 << 20;  // on the stack of a task
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

int vector_size(const Problem& problem) { return problem.machine.lanes; }

}  // namespace

Params choose_conv_batch(const Problem& problem) {
  const int64_t vectors = problem.n / problem.machine.lanes;
  const int64_t group_channels = problem.c / problem.groups;
  // Weights are scalars here: their panel streams at a fraction of the vectors' rate.
  const Tile tile = choose_tile(group_channels, vectors, problem.machine, 0, VectorTail::none);
  Params params;
  params.schedule = "conv_batch";
  params.a = tile.a;
  params.b = tile.b;
  if (problem.groups > 1 && group_channels == 1) params.a = std::min<int64_t>(problem.c, 8);
  params.why = "rule: " + std::to_string(params.a) + " channels x " + std::to_string(params.b) +
               " vectors of the batch";
  if (problem.staged_row_bytes > 0) {
    const int64_t row = problem.staged_row_bytes * params.b * problem.machine.lanes;
    const int64_t halo = problem.reduce_h - 1;
    int64_t rows = problem.result_h;
    while (rows > 1 && (rows + halo) * row > kMostStagedBytes) rows = (rows + 1) / 2;
    if ((rows + halo) * row <= kMostStagedBytes) {
      // At least four chunks, so that the parallel loop can balance.
      const int64_t chunks_of_batch = vectors / params.b;
      while (rows > 4 && (problem.result_h + rows - 1) / rows * chunks_of_batch < 4) {
        rows = (rows + 1) / 2;
      }
      params.rows = rows;
    }
  }
  params.tasks = worth_parallel(problem.flops, problem.bytes, problem.machine) ? kTasks : 1;
  return params;
}

void apply_conv_batch(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  Dimensions d;
  Var ni("ni"), no("no"), ci("ci"), co("co"), yo("yo"), yi("yi"), task("task");
  const int lanes = vector_size(problem);
  const int a = static_cast<int>(params.a);
  const bool spatial = problem.rank == 4;
  const bool pooled = problem.window_h > 0;
  Halide::Func& result = funcs.result;
  Halide::Func accumulator = funcs.stages.at("accumulator");

  result.split(d.n, no, ni, static_cast<int>(params.b) * lanes).split(d.c, co, ci, a, kGuard);
  const auto chunk = [&](int64_t iterations) {
    return static_cast<int>(std::max<int64_t>(1, iterations / params.tasks));
  };
  const int64_t batch_chunks = problem.n / (params.b * lanes);
  const int64_t channel_tiles = (problem.c + a - 1) / a;
  if (!spatial) {
    result.reorder(ni, ci, no, co);
    if (params.tasks > 1) result.parallel(co, chunk(channel_tiles), kGuard);
  } else if (params.rows > 0) {
    result.split(d.y, yo, yi, static_cast<int>(params.rows), kGuard)
        .reorder(ni, ci, co, d.x, yi, yo, no)
        .fuse(yo, no, task);
    if (params.tasks > 1) result.parallel(task);
  } else if (problem.result_h * batch_chunks >= 4) {
    result.reorder(ni, ci, co, d.x, d.y, no).fuse(d.y, no, task);
    if (params.tasks > 1) result.parallel(task, chunk(problem.result_h * batch_chunks), kGuard);
  } else {
    result.reorder(ni, ci, d.x, d.y, co, no).fuse(co, no, task);
    if (params.tasks > 1) result.parallel(task, chunk(channel_tiles * batch_chunks), kGuard);
  }

  // After reorder: vectorize leaves its inner loop where the dimension is.
  result.vectorize(ni, lanes).unroll(ni).unroll(ci);

  // The innermost loop around a register tile.
  const bool channels_outside = spatial && params.rows == 0 && problem.result_h * batch_chunks < 4;
  const Var tile_loop = !spatial ? no : channels_outside ? d.x : co;
  if (pooled) {
    // Windows read the anchor's results from a tile that is kept in registers or on the stack.
    Halide::Func& rows = funcs.anchor;
    rows.compute_at(result, tile_loop)
        .store_in(Halide::MemoryType::Register)
        .reorder(d.n, d.c, d.x, d.y)
        .vectorize(d.n, lanes)
        .unroll(d.n)
        .unroll(d.c);
    store_vectors_innermost(rows, problem.vectors);
    accumulator.compute_at(rows, d.x);
  } else {
    accumulator.compute_at(result, tile_loop);
  }
  std::vector<Halide::VarOrRVar> order = {d.n, d.c};
  if (spatial) order.insert(order.end(), {d.x, d.y});
  accumulator.store_in(Halide::MemoryType::Register)
      .reorder(order)
      .vectorize(d.n, lanes)
      .unroll(d.n)
      .unroll(d.c);
  store_vectors_innermost(accumulator, problem.vectors);
  for (const Halide::RVar& r : accumulator.rvars()) order.emplace_back(r);
  accumulator.update().reorder(order).vectorize(d.n, lanes).unroll(d.n).unroll(d.c);

  if (funcs.staged.defined() && params.rows > 0) {
    funcs.staged.compute_at(result, task)
        .store_in(Halide::MemoryType::Register)
        .reorder(d.n, d.x, d.y, d.c)
        .vectorize(d.n, lanes)
        .unroll(d.n)
        .align_bounds(d.x, 2)
        .unroll(d.x, 2);
    store_vectors_innermost(funcs.staged, problem.vectors);
  }
}

}  // namespace cnnc
