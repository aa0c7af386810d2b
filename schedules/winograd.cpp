// Convolutions by Winograd's algorithm, with the channels innermost: the input transform of a block
// of tiles, 36 or 16 matrix products, and the output transform with what follows.
//
//   Params: tile: outputs of a tile on each axis, 4 or 2; a tiles x b vectors of output channels in
//   registers; rows: tile rows of a block, 0: there are no blocks; tasks. Stages: see
//   compiler/ops/winograd.h.
//
// Transformed inputs of a block serve all panels of output channels and stay on the stack; so do
// the products of one panel. Where there is one block only, the panels are the tasks, and each
// transforms the inputs itself. Without blocks, inputs and products of the whole batch lie in
// scratch memory, and one matrix is multiplied after the other: all weights pass by once.
#include <algorithm>

#include "schedules/winograd_tiles.h"

namespace cnnc {
namespace {

constexpr int64_t kLeastChannels = 32;  // fewer do not make up for the transforms
constexpr int64_t kLeastExtent = 14;    // smaller images get smaller tiles with fewer weights
constexpr int64_t kChunks = 8;          // of the transform of the inputs
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

int64_t taps_of(const Params& params) { return params.tile + 2; }  // inputs, on each axis
int64_t products_of(const Params& params) { return taps_of(params) * taps_of(params); }
int64_t rows_of(const Problem& p, const Params& params) { return ceil_div(p.h, params.tile); }
int64_t tiles_of_row(const Problem& p, const Params& params) { return ceil_div(p.w, params.tile); }

bool has_blocks(const Params& params) { return params.rows > 0; }

// Tiles of a block, or of an image.
int64_t tiles_of(const Problem& p, const Params& params) {
  return (has_blocks(params) ? params.rows : rows_of(p, params)) * tiles_of_row(p, params);
}

// Whether blocks of that many tile rows suit a pooling that follows: its windows lie within blocks,
// and no block is a short one.
bool suits_pooling(const Problem& p, const Params& params, int64_t tile_rows) {
  const int64_t rows = tile_rows * params.tile;
  const bool is_one_block = rows >= p.h;
  return p.result_h * p.window_h == p.h && p.result_w * p.window_w == p.w &&
         (is_one_block || (p.h % rows == 0 && rows % p.window_h == 0));
}

// Rows of tiles of the result that are computed at a time.
int64_t result_tile_rows(const Problem& p, const Params& params) {
  if (has_blocks(params)) return params.rows;
  int64_t rows = 1;
  while (p.window_h > 0 && !suits_pooling(p, params, rows)) ++rows;
  return rows;
}

// On the stack: the matrices of a block, and the convolution's rows that windows read.
int64_t stack_bytes(const Problem& p, const Params& params) {
  const int64_t panel = params.b * p.machine.lanes;
  int64_t elements = 0;
  if (has_blocks(params)) {
    elements = tiles_of(p, params) * products_of(params) * (p.reduce_c + panel);
  }
  if (p.window_h > 0) elements += result_tile_rows(p, params) * params.tile * p.w * panel;
  return 4 * elements;
}

// The transformed inputs, or the products, of the whole batch, as (channel, i, j, tile, image).
Scratch matrices(const Problem& p, const Params& params, int64_t channels) {
  const Scratch memory =
      winograd_scratch({channels, tiles_of(p, params), p.n}, taps_of(params), {});
  Scratch result;
  for (const size_t d : {0, 3, 4, 1, 2}) {
    result.extents.push_back(memory.extents[d]);
    result.strides.push_back(memory.strides[d]);
  }
  return result;
}

// Of the batch.
int64_t blocks_of(const Problem& p, const Params& params) {
  return ceil_div(rows_of(p, params), result_tile_rows(p, params)) * p.n;
}

bool has_panels_as_tasks(const Problem& p, const Params& params) {
  return params.tasks > 1 && has_blocks(params) && blocks_of(p, params) == 1;
}

// Of a vector of output channels of one matrix, if all tiles pass over them; 0: few tiles do.
int64_t panel_bytes(const Problem& p, const Params& params) {
  return has_blocks(params) ? 0 : p.reduce_c * p.machine.lanes * 4;
}

constexpr double kBytesPerCycle = 6;  // from beyond the second-level cache

// Cycles of an image.
double cycles(const Problem& p, const Params& params) {
  constexpr double kL2BytesPerCycle = 24;
  constexpr double kOfElement = 0.4;  // to transform it, per tap of its axis
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  const int64_t tiles = tiles_of(p, params);
  const int64_t vectors = ceil_div(p.c, p.machine.lanes);
  const double efficiency =
      tile_efficiency(params.a, params.b, tiles, vectors, p.machine, panel_bytes(p, params));
  const double multiply = d(products_of(params) * p.reduce_c * tiles * vectors) / 2 / efficiency;
  const int64_t weight_bytes = products_of(params) * p.reduce_c * p.c * 4;
  const bool stay = weight_bytes <= p.machine.l2_bytes;
  const double weights = d(weight_bytes) / (stay ? kL2BytesPerCycle : kBytesPerCycle);
  const int64_t elements = products_of(params) * tiles * (p.reduce_c + p.c);
  const double transform = d(elements / p.machine.lanes * taps_of(params)) * kOfElement;
  if (has_blocks(params)) return d(blocks_of(p, params) / p.n) * (multiply + weights + transform);
  // Written and read once.
  return multiply + weights / d(p.n) + transform + 2 * d(elements * 4) / kBytesPerCycle;
}

// The same of a direct convolution.
double direct_cycles(const Problem& p) {
  const Params direct = choose_conv_channel(p);
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  const int64_t vectors = ceil_div(p.c, p.machine.lanes);
  const double multiply =
      d(p.reduce_c * p.reduce_h * p.reduce_w * p.h * p.w * vectors) / 2 / direct.predicted;
  return multiply + d(p.reduce_c * p.reduce_h * p.reduce_w * p.c * 4) / kBytesPerCycle / d(p.n);
}

bool applies(const Problem& p) {
  return is_winograd_convolution(p) && p.vectors == VectorDimension::channel && !p.transposed &&
         p.reduce_c % p.machine.lanes == 0;
}

void complete(const Problem& p, Params& params) {
  const int64_t vectors = ceil_div(p.c, p.machine.lanes);
  params.tasks = 1;
  if (worth_parallel(p.flops, p.bytes, p.machine)) {
    const int64_t blocks = blocks_of(p, params);
    params.tasks = blocks > 1 || !has_blocks(params) ? blocks : ceil_div(vectors, params.b);
  }
  params.scratch.clear();
  if (!has_blocks(params)) {
    const int64_t width = params.b * p.machine.lanes;
    params.scratch = {matrices(p, params, p.reduce_c),
                      matrices(p, params, ceil_div(p.c, width) * width)};
  }
  // The multiply-adds of a direct convolution, which flops count, at two a cycle.
  const double direct =
      static_cast<double>(p.reduce_c * p.reduce_h * p.reduce_w * p.h * p.w * vectors) / 2;
  params.predicted = direct / cycles(p, params);
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (!applies(p)) return "is for 3x3 convolutions with constant weights, where it is allowed";
  if (params.columns != 0 || params.block_c != 0 || params.block_n != 0 || params.stages_input) {
    return "has no columns or blocks of channels, and stages nothing";
  }
  if (params.tile != 2 && params.tile != 4) return "tile must be 2 or 4";
  const int64_t all_rows = rows_of(p, params);
  if (params.rows > all_rows) return "rows must not exceed " + std::to_string(all_rows);
  if (p.window_h > 0 && !suits_pooling(p, params, has_blocks(params) ? params.rows : all_rows)) {
    return "blocks of so many rows cut the windows of the pooling";
  }
  if (params.b > ceil_div(p.c, p.machine.lanes)) return "b must not exceed the vectors of channels";
  if (params.a > tiles_of(p, params)) return "a must not exceed a block's tiles";
  return stack_bytes(p, params) <= kMostWinogradStackBytes ? "" : "a block does not fit the stack";
}

int64_t count_unrolled(const Problem&, const Params& params) {
  // Sums of as many terms as there are taps.
  return std::max(params.a * params.b, products_of(params) * taps_of(params));
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list = other_tiles(params);
  vary(list, params, &Params::rows,
       {0, params.rows - 1, params.rows + 1, params.rows / 2, params.rows * 2});
  vary(list, params, &Params::tile, {2, 4});
  keep_fitting(list, p.machine, [](const Params& each) { return each.a * each.b; });
  return list;
}

}  // namespace

std::optional<Params> choose_winograd(const Problem& problem, int64_t tile) {
  const Problem& p = problem;
  if (!applies(p) || std::min(p.reduce_c, p.c) < kLeastChannels) return {};
  const bool is_large = std::min(p.h, p.w) >= kLeastExtent;
  Params params;
  params.schedule = "winograd";
  params.tile = tile > 0 ? tile : is_large ? 4 : 2;
  const int64_t vectors = ceil_div(p.c, p.machine.lanes);
  std::optional<Params> best;
  double least = tile > 0 || is_large ? 0 : 0.9 * direct_cycles(p);
  for (params.rows = 0; params.rows <= rows_of(p, params); ++params.rows) {
    const Tile registers = choose_tile(tiles_of(p, params), vectors, p.machine,
                                       panel_bytes(p, params), VectorTail::allowed);
    params.a = registers.a;
    params.b = registers.b;
    if (!find_obstacle(p, params).empty()) continue;
    complete(p, params);
    if (!winograd_scratch_fits(params)) continue;
    double cost = cycles(p, params);
    if (has_blocks(params)) {
      if (stack_bytes(p, params) > p.machine.l2_bytes * 3 / 4) cost *= 1.3;
      if (blocks_of(p, params) < 2) cost *= 1.3;  // a second core would repeat the input transform
    }
    if (least != 0 && cost >= least) continue;
    least = cost;
    best = params;
  }
  if (!best) return {};
  best->why =
      "rule: 3x3 taps, many channels, " + std::to_string(best->a) + " tiles of " +
      std::to_string(best->tile) + "x" + std::to_string(best->tile) + " outputs x " +
      std::to_string(best->b) + " vectors of channels" +
      (has_blocks(*best) ? ", blocks of " + std::to_string(best->rows) + " rows of tiles" : "");
  return best;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::MemoryType;
  using Halide::TailStrategy;
  using Halide::Var;
  Dimensions d;
  const Var i("i"), j("j"), k("k"), t("t");
  Var block("block"), row("row"), panel("panel"), vector("vector"), lane("lane"), task("task");
  Var tx("tx"), ty("ty"), ix("ix"), iy("iy"), to("to"), ti("ti");
  const int lanes = problem.machine.lanes;
  const int width = static_cast<int>(params.b) * lanes;
  const int tile = static_cast<int>(params.tile);
  const int taps = static_cast<int>(taps_of(params));
  const bool pooled = problem.window_h > 0;
  const bool blocks = has_blocks(params);
  const int tiles = static_cast<int>(tiles_of(problem, params));
  const auto tail = [](int64_t extent, int64_t factor) {
    return extent % factor == 0 ? TailStrategy::RoundUp : kGuard;
  };
  Halide::Func& result = funcs.result;
  Halide::Func columns = funcs.stages.at("columns"), patches = funcs.stages.at("patches");
  Halide::Func accumulator = funcs.stages.at("accumulator");
  Halide::Func products = funcs.stages.at("products"), halves = funcs.stages.at("halves");

  const bool panels_are_tasks = has_panels_as_tasks(problem, params);
  const Var products_loop = panels_are_tasks ? task : panel;

  // Blocks of the result: rows of the image, then panels of channels.
  const int64_t conv_rows = result_tile_rows(problem, params) * params.tile;
  const int64_t result_rows =
      pooled ? std::min(conv_rows / problem.window_h, problem.result_h) : conv_rows;
  result.split(d.y, block, row, static_cast<int>(result_rows), tail(problem.result_h, result_rows))
      .split(d.c, panel, lane, width, tail(problem.c, width));
  Halide::Func owner = result;  // has the loops over tiles
  if (pooled) {
    result.reorder(lane, d.x, row, panel, block, d.n).vectorize(lane, lanes).unroll(lane);
    owner = funcs.anchor;
    owner.compute_at(result, products_loop)
        .store_in(MemoryType::Register)
        .bound_extent(d.c, width)
        .split(d.c, vector, lane, lanes)
        .split(d.y, ty, iy, tile, tail(problem.h, tile))
        .split(d.x, tx, ix, tile, tail(problem.w, tile))
        .reorder(lane, ix, iy, vector, tx, ty);
    store_vectors_innermost(owner, problem.vectors);
  } else {
    result.split(lane, vector, lane, lanes)
        .split(row, ty, iy, tile)
        .split(d.x, tx, ix, tile, tail(problem.w, tile));
    if (blocks)
      result.reorder(lane, ix, iy, vector, tx, ty, panel, block, d.n);
    else
      result.reorder(lane, ix, iy, vector, panel, tx, ty, block, d.n);
  }
  owner.vectorize(lane).unroll(ix).unroll(iy);
  result.fuse(block, d.n, task);
  if (panels_are_tasks) result.fuse(panel, task, task);
  if (params.tasks > 1) result.parallel(task);

  halves.compute_at(owner, vector)
      .store_in(MemoryType::Register)
      .bound_extent(d.c, lanes)
      .reorder(d.c, d.x, j)
      .vectorize(d.c, lanes)
      .unroll(d.x)
      .unroll(j);

  // All sizes are those of a whole block, whatever a short one would need.
  const int64_t panels = ceil_div(problem.c, width);
  products.bound_extent(d.c, static_cast<int>(blocks ? width : panels * width))
      .bound_extent(t, tiles)
      .bound_extent(i, taps)
      .bound_extent(j, taps)
      .reorder_storage(d.c, t, i, j, d.n)
      .split(t, to, ti, static_cast<int>(params.a), tail(tiles, params.a));
  if (blocks) {
    products.compute_at(result, products_loop)
        .store_in(MemoryType::Register)
        .reorder(d.c, ti, to, i, j)
        .vectorize(d.c, lanes)
        .unroll(d.c);
  } else {
    // One matrix after the other; of its weights, a panel stays in the first-level cache.
    products.compute_root()
        .split(d.c, panel, lane, width)
        .reorder({lane, ti, to, panel, d.n, i, j})
        .vectorize(lane, lanes)
        .unroll(lane)
        .fuse(i, j, task);
    if (params.tasks > 1) products.parallel(task);
  }
  products.unroll(ti);
  accumulator.compute_at(products, to)
      .store_in(MemoryType::Register)
      .bound_extent(d.c, width)
      .reorder(d.c, t, i, j)
      .vectorize(d.c, lanes)
      .unroll(d.c)
      .unroll(t);
  accumulator.update()
      .reorder({d.c, t, i, j, accumulator.rvars()[0]})
      .vectorize(d.c, lanes)
      .unroll(d.c)
      .unroll(t);

  if (blocks)
    patches.compute_at(result, task).store_in(MemoryType::Register);
  else
    patches.compute_root();
  patches.bound_extent(t, tiles)
      .bound_extent(i, taps)
      .bound_extent(j, taps)
      .reorder_storage(d.c, t, i, j, d.n)
      .split(d.c, vector, lane, lanes)
      .reorder(lane, i, j, vector, t)
      .vectorize(lane)
      .unroll(i)
      .unroll(j);
  if (!blocks) {
    if (params.tasks > 1) patches.parallel(t, static_cast<int>(ceil_div(tiles, kChunks)), kGuard);
    funcs.scratch = {patches, products};
  }
  columns.compute_at(patches, vector)
      .store_in(MemoryType::Register)
      .bound_extent(i, taps)
      .bound_extent(k, taps)
      .reorder(d.c, i, k, t)
      .vectorize(d.c, lanes)
      .unroll(i)
      .unroll(k);
}

}  // namespace

const Schedule schedules::winograd = {"winograd",     find_obstacle,   complete,
                                      count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
