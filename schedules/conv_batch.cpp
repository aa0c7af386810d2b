// Convolution and linear layers, forward and input gradient, with the batch innermost: every step
// multiplies a vector over the batch by a scalar weight.
//
//   Params: a output channels x b vectors of the batch in registers; stages_input: a block of the
//   input is on the stack, what rows x columns of the result need; tasks. Depthwise convolutions
//   have columns pixels x b vectors in registers. Stages: "accumulator", reduced over (tap x, tap
//   y, channel), or (channel) for linear layers; with packs_weights "packed" (channel of a tile,
//   channel of the reduction, tap x, tap y, tile), in scratch memory.
//
// The reduction keeps its channels innermost: padding taps are skipped by the predicate of the
// reduction, which is uniform over the vector and known before the loop over channels. The gradient
// of a strided convolution unrolls the phases of the stride and the taps, of which each phase meets
// some; with few channels its taps are innermost.
#include <algorithm>
#include <numeric>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 16;                 // of a parallel loop: enough to balance
constexpr int64_t kMostStagedBytes = 1 << 20;  // on the stack of a task
constexpr int64_t kPage = 4096;
constexpr int64_t kStreams = 8;        // that prefetchers follow
constexpr int64_t kManyChannels = 96;  // make up for a loop over them per tap
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

// Rows of an input that is computed in this kernel, over their whole width.
void stage_computed_input(const Problem& problem, Params& params) {
  const int64_t row = problem.staged_row_bytes * params.b * problem.machine.lanes;
  const int64_t halo = problem.reduce_h - 1;
  int64_t rows = problem.result_h;
  while (rows > 1 && (rows + halo) * row > kMostStagedBytes) rows = (rows + 1) / 2;
  if ((rows + halo) * row > kMostStagedBytes) return;
  // At least four chunks, so that the parallel loop can balance.
  const int64_t chunks_of_batch = problem.n / problem.machine.lanes / params.b;
  while (rows > 4 && (problem.result_h + rows - 1) / rows * chunks_of_batch < 4) {
    rows = (rows + 1) / 2;
  }
  params.stages_input = true;
  params.rows = rows;
  params.columns = problem.result_w;
}

// Rows or columns of the input, of which there are `in`, that `outputs` neighbours need of taps
// that lie in a window of `span`.
int64_t positions(int64_t outputs, int64_t span, int64_t stride, bool transposed, int64_t in) {
  const int64_t result =
      transposed ? (outputs - 1 + span - 1) / stride + 2 : (outputs - 1) * stride + span;
  return std::min(result, in);
}

// Rows and columns of the input that a block of the result needs.
std::pair<int64_t, int64_t> staged_extent(const Problem& p, int64_t rows, int64_t columns) {
  const int64_t span_h = (p.reduce_h - 1) * p.dilation_h + 1;
  const int64_t span_w = (p.reduce_w - 1) * p.dilation_w + 1;
  return {positions(rows, span_h, p.stride_h, p.transposed, p.input_h),
          positions(columns, span_w, p.stride_w, p.transposed, p.input_w)};
}

// Whether a block of the input can be copied to the stack.
bool can_stage_read_input(const Problem& p) {
  return p.rank == 4 && p.groups == 1 && p.reduce_h * p.reduce_w > 1 && p.window_h == 0;
}

// Whether weights do not stay in the second-level cache while all tiles of channels pass over a
// pixel.
bool weights_pass_by(const Problem& p) {
  return p.c * p.reduce_c * p.reduce_h * p.reduce_w * 4 > p.machine.l2_bytes / 2;
}

// A block of a large image: its channels lie a page or more apart, so that neither the translation
// of addresses nor the prefetchers keep up with a kernel that reads all of them at every step.
void stage_read_input(const Problem& problem, Params& params) {
  if (problem.reduce_c < kStreams) return;
  const int64_t large_image = 2 * problem.machine.l1_bytes;  // bytes of a channel
  const int64_t pixel = params.b * problem.machine.lanes * 4;
  // Or a block of many channels between whose pixels other images of the batch lie.
  const int64_t channel = problem.input_h * problem.input_w * problem.n * 4;
  const bool has_gaps = problem.n * 4 > pixel && channel >= kPage && weights_pass_by(problem);
  if (!can_stage_read_input(problem) || (channel < large_image && !has_gaps)) return;
  const int64_t budget = problem.machine.l2_bytes * 5 / 8;
  double least = 0;
  const int64_t step_h = problem.transposed ? problem.stride_h : 1;
  const int64_t step_w = problem.transposed ? problem.stride_w : 1;
  for (int64_t rows = step_h; rows <= problem.result_h; rows += step_h) {
    for (int64_t columns = step_w; columns <= problem.result_w; columns += step_w) {
      const auto [in_rows, in_columns] = staged_extent(problem, rows, columns);
      if (in_rows * in_columns * pixel * problem.reduce_c > budget) break;
      // Copied per output; a short last block costs as much as a whole one.
      const int64_t blocks =
          ((problem.result_h + rows - 1) / rows) * ((problem.result_w + columns - 1) / columns);
      const double copied = static_cast<double>(blocks * in_rows * (in_columns + 4));
      if (least == 0 || copied < least) {
        least = copied;
        params.stages_input = true;
        params.rows = rows;
        params.columns = columns;
      }
    }
  }
}

// Whether the gradient of a strided convolution is computed for each phase of the stride apart:
// which taps meet an output is then known at compile time.
bool unrolls_phases(const Problem& p) {
  constexpr int64_t kMostPhases = 4, kMostTaps = 9;
  const int64_t phases = p.stride_h * p.stride_w;
  return p.transposed && phases > 1 && phases <= kMostPhases &&
         p.reduce_h * p.reduce_w <= kMostTaps;
}

// Whether the register tile is of neighbouring pixels: where each channel has weights of its own,
// pixels share weights and inputs, but channels share nothing.
bool tiles_pixels(const Problem& p) {
  constexpr int64_t kMostTaps = 25;
  return p.rank == 4 && p.groups > 1 && p.groups == p.c && p.reduce_c == 1 && p.window_h == 0 &&
         p.staged_row_bytes == 0 && p.reduce_h * p.reduce_w <= kMostTaps && !unrolls_phases(p);
}

// Columns of such a tile: up to sixteen accumulators, beside the vectors of a step and a broadcast;
// a divisor of the width, if there is one.
int64_t columns_of_tile(const Problem& p, int64_t vectors) {
  const int64_t room = std::min<int64_t>(16, p.machine.registers - vectors - 1);
  const int64_t most = std::max<int64_t>(1, room / vectors);
  for (int64_t columns = std::min(most, p.w); columns >= 4; --columns) {
    if (p.w % columns == 0) return columns;
  }
  return std::min<int64_t>(p.w, std::max<int64_t>(1, 8 / vectors));
}

// Channels whose weights stay in the first-level cache while a convolution walks along them: their
// rows begin in few different sets where a row is as long as a multiple of much of a page, which is
// how far the sets reach. Of each set, one line is left to the input.
int64_t most_weight_rows(const Problem& p) {
  if (p.rank != 4 || p.transposed) return p.c;
  const int64_t row = p.reduce_c * p.reduce_h * p.reduce_w * 4;
  const int64_t places = kPage / std::gcd(row, kPage);
  return places * std::max<int64_t>(1, p.machine.l1_bytes / kPage - 1);
}

// Whether weights can be copied, and are worth it: each tile of channels reads its own in one
// stream, where those of an input gradient lie a row of the weights apart.
bool packs_weights(const Problem& p) {
  constexpr int64_t kLeastTiles = 16;  // of pixels and images that share the copy
  return p.rank == 4 && p.groups == 1 &&
         p.c * p.reduce_c * p.reduce_h * p.reduce_w * 4 > p.machine.l1_bytes &&
         p.h * p.w * p.n / p.machine.lanes >= kLeastTiles;
}

void complete(const Problem& p, Params& params) {
  params.packs_weights = packs_weights(p);
  if (params.packs_weights) {
    params.scratch = {dense_scratch(
        {params.a, p.reduce_c, p.reduce_w, p.reduce_h, (p.c + params.a - 1) / params.a})};
  }
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
  const int64_t channels = p.c / p.groups;
  const int64_t vectors = p.n / p.machine.lanes;
  if (channels > 1) {
    params.predicted = tile_efficiency(params.a, params.b, channels, vectors, p.machine, 0);
  }
}

std::string obstacle_of_staging(const Problem& p, const Params& params) {
  const int64_t width = params.b * p.machine.lanes;
  if (p.staged_row_bytes > 0) {
    if (params.rows < 1 || params.rows > p.result_h || params.columns != p.result_w) {
      return "rows must be from 1 to " + std::to_string(p.result_h) + ", and columns be " +
             std::to_string(p.result_w);
    }
    const bool fits =
        (params.rows + p.reduce_h - 1) * p.staged_row_bytes * width <= kMostStagedBytes;
    return fits ? "" : "the staged rows do not fit the stack";
  }
  if (!can_stage_read_input(p)) return "the input cannot be staged";
  const int64_t step_h = p.transposed ? p.stride_h : 1, step_w = p.transposed ? p.stride_w : 1;
  if (params.rows < 1 || params.rows > p.result_h || params.rows % step_h != 0 ||
      params.columns < 1 || params.columns > p.result_w || params.columns % step_w != 0) {
    return "rows and columns must lie in the result and be multiples of the stride";
  }
  const auto [in_rows, in_columns] = staged_extent(p, params.rows, params.columns);
  const bool fits = in_rows * in_columns * width * 4 * p.reduce_c <= kMostStagedBytes;
  return fits ? "" : "the staged block does not fit the stack";
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (p.vectors != VectorDimension::batch || (p.family != "conv" && p.family != "linear")) {
    return "is for convolutions and linear layers with the batch innermost";
  }
  const int64_t vectors = p.n / p.machine.lanes;
  if (vectors % params.b != 0) {
    return "b must divide the batch's " + std::to_string(vectors) + " vectors";
  }
  if (params.block_c != 0 || params.block_n != 0) return "has no blocks of channels";
  if (tiles_pixels(p)) {
    const bool fits = params.a == 1 && params.rows == 0 && !params.stages_input &&
                      params.columns >= 1 && params.columns <= p.w;
    return fits ? "" : "a must be 1, and columns be from 1 to " + std::to_string(p.w);
  }
  if (params.a > p.c) return "a must not exceed the " + std::to_string(p.c) + " channels";
  if (params.stages_input) return obstacle_of_staging(p, params);
  const bool has_no_block = params.rows == 0 && params.columns == 0;
  return has_no_block ? "" : "rows and columns are those of a staged input";
}

int64_t count_unrolled(const Problem& p, const Params& params) {
  if (tiles_pixels(p)) return params.columns * params.b * p.reduce_w;
  int64_t count = params.a * params.b;
  if (unrolls_phases(p)) count *= p.stride_h * p.stride_w * p.reduce_h * p.reduce_w;
  if (p.window_h > 0) count *= p.window_h * p.window_w;
  return count;
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list;
  if (tiles_pixels(p)) {
    const int64_t n = params.columns;
    vary(list, params, &Params::columns, {n - 2, n - 1, n + 1, n + 2, n / 2, n * 2});
    vary(list, params, &Params::b, {params.b / 2, params.b * 2});
    keep_fitting(list, p.machine, [](const Params& each) { return each.columns * each.b; });
    return list;
  }
  list = other_tiles(params);
  if (params.stages_input) {
    const int64_t rows = params.rows, columns = params.columns;
    vary(list, params, &Params::rows, {rows / 2, (rows + 1) / 2, rows - 1, rows + 1, rows * 2});
    if (p.staged_row_bytes == 0) {
      vary(list, params, &Params::columns,
           {columns / 2, (columns + 1) / 2, columns - 1, columns + 1, columns * 2});
    }
    list.push_back(params);
    list.back().stages_input = false;
    list.back().rows = list.back().columns = 0;
  } else if (can_stage_read_input(p) && p.staged_row_bytes == 0) {
    for (int64_t rows : {int64_t{4}, int64_t{8}, p.result_h}) {
      list.push_back(params);
      list.back().stages_input = true;
      list.back().rows = rows;
      list.back().columns = p.result_w;
    }
  }
  keep_fitting(list, p.machine, [](const Params& each) { return each.a * each.b; });
  return list;
}

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
  const int64_t most = packs_weights(problem) ? params.a : most_weight_rows(problem);
  if (params.a > most) {
    const int64_t tiles = (group_channels + most - 1) / most;
    params.a = (group_channels + tiles - 1) / tiles;
  }
  // Rows of the weights are as long as lines of the cache allow: a tile of 8 does not straddle
  // them.
  constexpr int64_t kFeatures = 8;
  const bool fits = kFeatures * params.b + params.b + 1 <= problem.machine.registers;
  if (problem.rank == 2 && problem.c % kFeatures == 0 && params.b > 1 && fits) params.a = kFeatures;
  if (tiles_pixels(problem)) {
    params.a = 1;
    params.columns = columns_of_tile(problem, params.b);
  } else if (problem.groups > 1 && group_channels == 1) {
    params.a = std::min<int64_t>(problem.c, 8);
  }
  params.why = "rule: " + std::to_string(params.a) + " channels x " + std::to_string(params.b) +
               " vectors of the batch";
  if (problem.staged_row_bytes > 0) {
    stage_computed_input(problem, params);
  } else {
    stage_read_input(problem, params);
  }
  complete(problem, params);
  return params;
}

namespace {

void apply_pixel_tiles(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  Dimensions d;
  Var ni("ni"), no("no"), xi("xi"), xo("xo"), task("task");
  const int lanes = problem.machine.lanes;
  funcs.result.split(d.n, no, ni, static_cast<int>(params.b) * lanes)
      .split(d.x, xo, xi, static_cast<int>(params.columns), kGuard)
      .reorder(ni, xi, xo, d.y, no, d.c)
      .fuse(no, d.c, task)
      .vectorize(ni, lanes)
      .unroll(ni)
      .unroll(xi);
  if (params.tasks > 1) funcs.result.parallel(task);
  Halide::Func accumulator = funcs.stages.at("accumulator");
  accumulator.compute_at(funcs.result, xo)
      .store_in(Halide::MemoryType::Register)
      .reorder(d.n, d.x, d.y, d.c)
      .vectorize(d.n, lanes)
      .unroll(d.n)
      .unroll(d.x);
  store_vectors_innermost(accumulator, problem.vectors);
  const std::vector<Halide::RVar> r = accumulator.rvars();
  accumulator.update()
      .reorder({d.n, d.x, d.y, d.c, r[0], r[1], r[2]})
      .vectorize(d.n, lanes)
      .unroll(d.n)
      .unroll(d.x)
      .unroll(r[0]);
}

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  if (tiles_pixels(problem)) return apply_pixel_tiles(problem, params, funcs);
  using Halide::Var;
  Dimensions d;
  Var ni("ni"), no("no"), ci("ci"), co("co"), yo("yo"), yi("yi"), xo("xo"), xi("xi"), xq("xq"),
      xp("xp"), yq("yq"), yp("yp"), task("task");
  const int lanes = problem.machine.lanes;
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
  const bool phases = unrolls_phases(problem);
  const Var x = phases ? xq : d.x, y = phases ? yq : d.y;
  const int64_t phases_h = phases ? problem.stride_h : 1, phases_w = phases ? problem.stride_w : 1;
  if (phases) {
    result.split(d.y, yq, yp, static_cast<int>(phases_h), kGuard)
        .split(d.x, xq, xp, static_cast<int>(phases_w), kGuard);
  }
  const int64_t result_rows = (problem.result_h + phases_h - 1) / phases_h;
  // Rows of the input that stay in the second-level cache are read and written channel by channel,
  // so that few streams are under way at a time.
  const int64_t pixel_bytes = problem.reduce_c * params.b * lanes * 4;
  const int64_t row_bytes = problem.reduce_h * problem.input_w * pixel_bytes;
  const bool rows_inside = spatial && !pooled && row_bytes <= problem.machine.l2_bytes / 2;
  // Where they do not stay, nor do the weights, all weights would pass by for each pixel. A small
  // image without gaps passes by for each tile of channels instead, and so does a block on the
  // stack.
  const bool pass_by = params.packs_weights && weights_pass_by(problem);
  const bool is_small = batch_chunks == 1 && problem.input_h * problem.input_w * pixel_bytes <=
                                                 2 * problem.machine.l2_bytes;
  const bool few_rows = result_rows * batch_chunks < 4;
  const bool channels_outside =
      spatial && !params.stages_input && (few_rows || (pass_by && !rows_inside && is_small));
  const bool block_inside = params.stages_input && pass_by && !phases && !pooled;

  // From the innermost loop to the outermost: the register tile, the phases, the rest.
  const auto order_loops = [&](const std::vector<Var>& rest) {
    std::vector<Halide::VarOrRVar> order = {ni, ci};
    if (phases) order.insert(order.end(), {xp, yp});
    order.insert(order.end(), rest.begin(), rest.end());
    result.reorder(order);
  };
  if (!spatial) {
    order_loops({no, co});
    if (params.tasks > 1) result.parallel(co, chunk(channel_tiles), kGuard);
  } else if (params.stages_input) {
    result.split(y, yo, yi, static_cast<int>(params.rows / phases_h), kGuard)
        .split(x, xo, xi, static_cast<int>(params.columns / phases_w), kGuard);
    if (block_inside)
      order_loops({xi, yi, co, xo, yo, no});
    else
      order_loops({co, xi, yi, xo, yo, no});
    result.fuse(xo, yo, task).fuse(task, no, task);
    if (params.tasks > 1) result.parallel(task);
  } else if (!channels_outside) {
    if (rows_inside)
      order_loops({x, co, y, no});
    else
      order_loops({co, x, y, no});
    result.fuse(y, no, task);
    if (params.tasks > 1) result.parallel(task, chunk(result_rows * batch_chunks), kGuard);
  } else {
    order_loops({x, y, co, no});
    result.fuse(co, no, task);
    if (params.tasks > 1) result.parallel(task, chunk(channel_tiles * batch_chunks), kGuard);
  }

  // After reorder: vectorize leaves its inner loop where the dimension is.
  result.vectorize(ni, lanes).unroll(ni).unroll(ci);

  if (phases) result.unroll(xp).unroll(yp);

  // The innermost loop around a register tile.
  const bool x_innermost = channels_outside || (rows_inside && !params.stages_input);
  const Var tile_loop = !spatial ? no : phases ? xp : block_inside ? xi : x_innermost ? d.x : co;
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
  const std::vector<Halide::RVar> r = accumulator.rvars();
  if (!spatial)
    order.emplace_back(r[0]);
  else if (phases && problem.reduce_c < kManyChannels)
    order.insert(order.end(), {r[0], r[1], r[2]});
  else
    order.insert(order.end(), {r[2], r[0], r[1]});
  accumulator.update().reorder(order).vectorize(d.n, lanes).unroll(d.n).unroll(d.c);
  if (phases) accumulator.update().unroll(r[0]).unroll(r[1]);

  if (params.packs_weights) {
    Halide::Func packed = funcs.stages.at("packed");
    const std::vector<Var> p = packed.args();
    packed.compute_root().reorder(p[2], p[3], p[0], p[1], p[4]);
    if (params.tasks > 1) packed.parallel(p[4]);
    funcs.scratch = {packed};
  }

  if (params.stages_input) {
    funcs.staged.compute_at(result, task)
        .store_in(Halide::MemoryType::Register)
        .reorder(d.n, d.x, d.y, d.c)
        .vectorize(d.n, lanes)
        .unroll(d.n);
    if (problem.staged_row_bytes > 0) {
      funcs.staged.align_bounds(d.x, 2).unroll(d.x, 2);
    } else {
      const auto [rows, columns] = staged_extent(problem, params.rows, params.columns);
      funcs.staged.bound_extent(d.y, static_cast<int>(rows))
          .bound_extent(d.x, static_cast<int>(columns));
    }
    store_vectors_innermost(funcs.staged, problem.vectors);
  }
}

}  // namespace

const Schedule schedules::conv_batch = {"conv_batch",   find_obstacle,   complete,
                                        count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
