// Weight gradients of linear layers with the batch innermost, and the update that follows: outer
// products, with vectors over the input features.
//
//   Params: a output features x b vectors of input features in registers; rows: output features
//   whose gradient is staged in the second-level cache before the update streams over them; tasks.
//   Stages: "packed" (feature in block, batch, block), the input with its features innermost, in
//   scratch memory; "accumulator" (c, n), reduced over the batch.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 8;
constexpr int64_t kMostStagedBytes = 1 << 20;
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
  const int64_t width = params.b * p.machine.lanes;
  params.scratch = {dense_scratch({width, p.reduce_c, (p.c + width - 1) / width})};
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (p.family != "linear_weight_grad" || p.vectors != VectorDimension::batch) {
    return "is for weight gradients of linear layers with the batch innermost";
  }
  if (params.columns != 0 || params.block_c != 0 || params.block_n != 0 || params.stages_input) {
    return "has no columns or blocks of channels, and stages no input";
  }
  if (params.a > p.n) return "a must not exceed the " + std::to_string(p.n) + " outputs";
  if (params.rows == 0) return "";
  if (params.rows % params.a != 0 || p.n % params.rows != 0) {
    return "rows must be a multiple of a that divides " + std::to_string(p.n);
  }
  const bool fits = params.rows * p.c * 4 <= kMostStagedBytes;
  return fits ? "" : "the staged rows do not fit the stack";
}

int64_t count_unrolled(const Problem& p, const Params& params) {
  const int64_t packing = p.machine.lanes;  // vectors that are transposed
  return std::max(params.a * params.b, packing);
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list;
  for (Params each : other_tiles(params)) {
    const int64_t tiles = params.rows / params.a;
    each.rows = tiles * each.a;
    list.push_back(each);
  }
  vary(list, params, &Params::rows,
       {0, params.rows - params.a, params.rows + params.a, params.rows / 2, params.rows * 2});
  keep_fitting(list, p.machine, [](const Params& each) { return each.a * each.b; });
  return list;
}

}  // namespace

Params choose_linear_weight_grad(const Problem& problem) {
  Params params;
  params.schedule = "linear_weight_grad";
  params.b = 2;
  params.a = std::min<int64_t>(problem.n, problem.machine.registers >= 32 ? 8 : 6);
  // An output layer of ten rows is one tile, if the registers hold it.
  if (problem.n < 2 * params.a &&
      problem.n * params.b + params.b + 1 <= problem.machine.registers) {
    params.a = problem.n;
  }
  // Staged: up to four tiles of rows, as fit half of the second-level cache. Blocks are whole,
  // since the update overwrites the weights and so can compute no row twice.
  constexpr int64_t kMostTilesStaged = 4;
  for (int64_t tiles = 1; tiles <= kMostTilesStaged; ++tiles) {
    const int64_t rows = tiles * params.a;
    const bool fits = rows * problem.c * 4 <= problem.machine.l2_bytes / 2;
    if (problem.n % rows == 0 && fits) params.rows = rows;
  }
  params.why = "rule: " + std::to_string(params.a) + " outputs x " + std::to_string(params.b) +
               " vectors of inputs" +
               (params.rows > 0 ? ", " + std::to_string(params.rows) + " rows staged" : "");
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  Dimensions d;
  Var ki("ki"), ko("ko"), mi("mi"), mo("mo"), mb("mb");
  const int lanes = problem.machine.lanes;
  const int a = static_cast<int>(params.a);
  const int width = static_cast<int>(params.b) * lanes;
  Var co("co"), ci("ci");
  Halide::Func& result = funcs.result;
  Halide::Func accumulator = funcs.stages.at("accumulator");
  Halide::Func packed = funcs.stages.at("packed");

  if (funcs.anchor_is_result || params.rows == 0) {
    result.split(d.c, ko, ki, width, kGuard).split(d.n, mo, mi, a, kGuard).reorder(ki, mi, ko, mo);
    result.vectorize(ki, lanes).unroll(ki).unroll(mi);
    if (params.tasks > 1) {
      const int64_t tiles = (problem.n + a - 1) / a;
      result.parallel(mo, static_cast<int>(std::max<int64_t>(1, tiles / params.tasks)), kGuard);
    }
    accumulator.compute_at(result, ko);
  } else {
    const int rows = static_cast<int>(params.rows);
    result.split(d.n, mb, mi, rows, kGuard)
        .split(d.c, co, ci, 4 * lanes, kGuard)
        .reorder(ci, co, mi, mb)
        .vectorize(ci, lanes)
        .unroll(ci);
    if (params.tasks > 1) {
      // Chunks are whole, as blocks are: else the extent of the last one would not be constant.
      const int64_t blocks = problem.n / rows;
      int64_t chunk = std::max<int64_t>(1, blocks / params.tasks);
      while (blocks % chunk != 0) --chunk;
      result.parallel(mb, static_cast<int>(chunk), Halide::TailStrategy::RoundUp);
    }
    funcs.anchor.compute_at(result, mb)
        .store_in(Halide::MemoryType::Register)
        .split(d.c, ko, ki, width, kGuard)
        .split(d.n, mo, mi, a, kGuard)
        .reorder(ki, mi, mo, ko)
        .vectorize(ki, lanes)
        .unroll(ki)
        .unroll(mi);
    accumulator.compute_at(funcs.anchor, mo);
  }
  accumulator.store_in(Halide::MemoryType::Register).vectorize(d.c, lanes).unroll(d.c).unroll(d.n);
  accumulator.update()
      .reorder({d.c, d.n, accumulator.rvars()[0]})
      .vectorize(d.c, lanes)
      .unroll(d.c)
      .unroll(d.n);

  const std::vector<Var> p = packed.args();  // feature in block, batch, block
  Var bo("bo"), bi("bi"), fo("fo"), fi("fi");
  packed.compute_root()
      .split(p[1], bo, bi, lanes)
      .split(p[0], fo, fi, lanes)
      .reorder(fi, bi, fo, bo, p[2])
      .vectorize(fi)
      .unroll(bi);
  if (params.tasks > 1) packed.parallel(p[2], 8, kGuard);
  funcs.scratch = {packed};
}

}  // namespace

const Schedule schedules::linear_weight_grad = {
    "linear_weight_grad", find_obstacle, complete, count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
