// Matrix products of two values.
//
//   Params: a columns of the product x b vectors in registers, where the vectors run along its rows
//   or the other way round; where they run along a dimension of the batch, a columns x `columns`
//   rows, one vector each; tasks. Stage: "accumulator", reduced over the terms.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 16;
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

Halide::TailStrategy tail(int64_t extent, int64_t factor) {
  return extent % factor == 0 ? Halide::TailStrategy::RoundUp : kGuard;
}

// The result is [n, c], [n, c, h] or [n, c, h, w]: a batch, rows and columns.
int64_t extent_of(const Problem& p, const char* argument) {
  const bool is_volume = p.rank == 4;
  switch (argument[0]) {
    case 'n':
      return p.n;
    case 'c':
      return p.c;
    case 'x':
      return is_volume ? p.w : p.h;
    default:
      return p.h;
  }
}

const char* vectors_of(const Problem& p) { return p.vectors == VectorDimension::batch ? "n" : "c"; }
const char* columns_of(const Problem& p) { return p.rank == 2 ? "c" : "x"; }
const char* rows_of(const Problem& p) { return p.rank == 2 ? "n" : p.rank == 3 ? "c" : "y"; }

bool is_same(const char* one, const char* other) { return one[0] == other[0]; }

// Whether vectors run along the batch: each operand is read in vectors.
bool along_batch(const Problem& p) {
  return !is_same(vectors_of(p), columns_of(p)) && !is_same(vectors_of(p), rows_of(p));
}

// What is tiled beside the vectors, if that is one dimension.
const char* tiled_of(const Problem& p) {
  return is_same(vectors_of(p), columns_of(p)) ? rows_of(p) : columns_of(p);
}

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (p.family != "product") return "is for products of matrices";
  if (p.rank < 2 || p.rank > 4) return "is for tensors of 2 to 4 dimensions";
  if (params.rows != 0 || params.block_c != 0 || params.block_n != 0 || params.stages_input) {
    return "has no blocks of rows or channels, and stages no input";
  }
  if (params.a > extent_of(p, tiled_of(p))) {
    return "a must not exceed " + std::to_string(extent_of(p, tiled_of(p)));
  }
  if (along_batch(p) ? params.b != 1 : params.columns != 0) {
    return "tiles rows and columns, or one of them and vectors";
  }
  if (params.columns > extent_of(p, rows_of(p))) {
    return "columns must not exceed " + std::to_string(extent_of(p, rows_of(p)));
  }
  return "";
}

int64_t count_unrolled(const Problem&, const Params& params) {
  return params.a * params.b * std::max<int64_t>(1, params.columns);
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list = other_tiles(params);
  if (along_batch(p)) {
    vary(list, params, &Params::columns,
         {params.columns - 1, params.columns + 1, params.columns / 2, params.columns * 2});
  }
  keep_fitting(list, p.machine, [](const Params& each) {
    return each.a * each.b * std::max<int64_t>(1, each.columns);
  });
  return list;
}

}  // namespace

Params choose_product(const Problem& problem) {
  if (problem.rank < 2 || problem.rank > 4) return choose_generic(problem);
  const Machine& machine = problem.machine;
  Params params;
  params.schedule = "product";
  if (along_batch(problem)) {
    const int64_t most = machine.registers >= 32 ? 5 : 3;
    params.columns = std::min(extent_of(problem, rows_of(problem)), most);
    params.a = std::min(extent_of(problem, columns_of(problem)), most + (most == 3 ? 1 : 0));
    params.why = "rule: " + std::to_string(params.a) + " columns x " +
                 std::to_string(params.columns) + " rows of vectors";
  } else {
    const int64_t extent = extent_of(problem, vectors_of(problem));
    const int64_t vectors = (extent + machine.lanes - 1) / machine.lanes;
    const int64_t panel_bytes = problem.reduce_c * machine.lanes * 4;
    const Tile tile = choose_tile(extent_of(problem, tiled_of(problem)), vectors, machine,
                                  panel_bytes, VectorTail::allowed);
    params.a = tile.a;
    params.b = tile.b;
    params.why =
        "rule: " + std::to_string(params.a) + " scalars x " + std::to_string(params.b) + " vectors";
  }
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  const int lanes = problem.machine.lanes;
  const int width = static_cast<int>(params.b) * lanes;
  const int64_t extent = extent_of(problem, vectors_of(problem));
  Halide::Func& result = funcs.result;
  const Var vector(vectors_of(problem)), tiled(tiled_of(problem)), rows(rows_of(problem));
  const bool both = params.columns > 0;
  Var vi("vi"), vo("vo"), ti("ti"), to("to"), ri("ri"), ro("ro"), task("task");

  result.split(vector, vo, vi, width, tail(extent, width))
      .split(tiled, to, ti, static_cast<int>(params.a),
             tail(extent_of(problem, tiled_of(problem)), params.a));
  std::vector<Halide::VarOrRVar> order = {vi, ti};
  std::vector<Var> outside = {to};
  if (both) {
    result.split(rows, ro, ri, static_cast<int>(params.columns),
                 tail(extent_of(problem, rows_of(problem)), params.columns));
    order.emplace_back(ri);
    outside.push_back(ro);
  }
  outside.push_back(vo);
  std::vector<Halide::VarOrRVar> others = {vector, tiled};  // of the accumulator
  if (both) others.emplace_back(rows);
  for (const Var& argument : result.args()) {
    const bool is_split = argument.name() == vector.name() || argument.name() == tiled.name() ||
                          (both && argument.name() == rows.name());
    if (is_split) continue;
    outside.push_back(argument);
    others.emplace_back(argument);
  }
  order.insert(order.end(), outside.begin(), outside.end());
  result.reorder(order).vectorize(vi, lanes).unroll(vi).unroll(ti);
  if (both) result.unroll(ri);
  if (params.tasks > 1) {
    // The tiles of a panel of vectors share it: they are one iteration.
    Var outermost = outside[1];
    for (size_t i = 2; i < outside.size(); ++i) {
      result.fuse(outermost, outside[i], task);
      outermost = task;
    }
    result.parallel(outermost);
  }

  Halide::Func accumulator = funcs.stages.at("accumulator");
  store_vectors_innermost(accumulator, problem.vectors);
  const auto vector_tail = extent % width == 0 ? Halide::TailStrategy::RoundUp : kGuard;
  accumulator.compute_at(result, to)
      .store_in(Halide::MemoryType::Register)
      .reorder(others)
      .vectorize(vector, lanes, vector_tail)
      .unroll(vector)
      .unroll(tiled);
  Halide::Stage update = accumulator.update();
  std::vector<Halide::VarOrRVar> loops = others;
  for (const Halide::RVar& r : accumulator.rvars()) loops.emplace_back(r);
  update.reorder(loops).vectorize(vector, lanes, vector_tail).unroll(vector).unroll(tiled);
  if (both) {
    accumulator.unroll(rows);
    update.unroll(rows);
  }
}

}  // namespace

const Schedule schedules::product = {"product",      find_obstacle,   complete,
                                     count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
