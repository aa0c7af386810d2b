// Weight gradients of convolutions with the batch innermost: products of vectors over the batch,
// whose lanes are added at the end.
//
//   Params: a input channels x b output channels in registers; rows > 0: the output gradient is
//   staged per tile of output channels; tasks.
//   Stages: "part" (l, x, y, c, n, row), the sum over one row of the image; "rows" (l, x, y, c, n);
//   "total" (x, y, c, n), the sum of the lanes.
//
// One row per partial sum keeps its lines in the first-level cache. Parallel over output channels:
// no sum crosses threads, so the result does not depend on their number.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kMostStagedBytes = 1 << 20;
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

}  // namespace

Params choose_conv_weight_grad(const Problem& problem) {
  Params params;
  params.schedule = "conv_weight_grad";
  // Nothing is broadcast: a + b loads feed a*b FMAs. 4x4, or 4x2 where registers are few; outputs
  // make up for inputs that are missing.
  const int64_t products = problem.machine.registers >= 32 ? 16 : 8;
  const int64_t group_outputs = problem.n / problem.groups;
  params.a = std::min<int64_t>(problem.c, 4);
  params.b = std::min<int64_t>(group_outputs, products / params.a);
  while (group_outputs % params.b != 0) --params.b;  // a tile stays within its group
  params.why = "rule: " + std::to_string(params.a) + " input x " + std::to_string(params.b) +
               " output channels, lanes over the batch";
  const int64_t staged = problem.staged_row_bytes / std::max<int64_t>(1, problem.n) *
                         problem.reduce_h * problem.reduce_c * params.b;
  if (problem.staged_row_bytes > 0 && staged <= kMostStagedBytes) params.rows = problem.reduce_h;
  params.tasks = worth_parallel(problem.flops, problem.bytes, problem.machine)
                     ? (problem.n + params.b - 1) / params.b
                     : 1;
  return params;
}

void apply_conv_weight_grad(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  Dimensions d;
  Var l("l"), ci("ci"), co("co"), ni("ni"), no("no");
  const int lanes = problem.machine.lanes;
  Halide::Func& result = funcs.result;
  Halide::Func part = funcs.stages.at("part");
  Halide::Func rows = funcs.stages.at("rows");
  Halide::Func total = funcs.stages.at("total");

  result.split(d.c, co, ci, static_cast<int>(params.a), kGuard)
      .split(d.n, no, ni, static_cast<int>(params.b), kGuard)
      .reorder(d.x, d.y, ci, ni, co, no);
  if (params.tasks > 1) result.parallel(no);

  total.compute_at(result, co).store_in(Halide::MemoryType::Register);
  total.update()
      .reorder({total.rvars()[0], d.x, d.y, d.c, d.n})
      .atomic()
      .vectorize(total.rvars()[0], lanes);

  rows.compute_at(result, co).store_in(Halide::MemoryType::Register).vectorize(l, lanes);
  rows.update()
      .reorder({l, d.c, d.n, d.x, d.y, rows.rvars()[0]})
      .vectorize(l, lanes)
      .unroll(d.c)
      .unroll(d.n);

  part.compute_at(rows, d.x)
      .store_in(Halide::MemoryType::Register)
      .vectorize(l, lanes)
      .unroll(d.c)
      .unroll(d.n);
  part.update()
      .reorder({l, d.c, d.n, part.rvars()[0], part.rvars()[1]})
      .vectorize(l, lanes)
      .unroll(d.c)
      .unroll(d.n);

  if (funcs.staged.defined() && params.rows > 0) {
    funcs.staged.compute_at(result, no)
        .store_in(Halide::MemoryType::Register)
        .reorder(d.n, d.x, d.y, d.c)
        .vectorize(d.n, lanes)
        .unroll(d.n, 4, kGuard)
        .align_bounds(d.x, 2)
        .unroll(d.x, 2);
    store_vectors_innermost(funcs.staged, problem.vectors);
  }
}

}  // namespace cnnc
