// Convolution and linear layers, forward, with the channels innermost: every step multiplies a
// vector of output channels' weights by a scalar of the input.
//
//   Params: a pixels (images, where the result is one pixel) x b vectors of channels in registers;
//   rows > 0: of a block that all tiles of channels pass over before the next; tasks. Weights are
//   packed in panels of whole vectors; see compiler/codegen/packing.h. Stage: "accumulator",
//   reduced over (tap x, tap y, channel), or (channel) for linear layers.
//
// Padding taps are skipped by the predicate of the reduction: with the columns unrolled it folds
// away. So does that of a transposed convolution, of whose taps each column meets every stride-th:
// a tile of columns is a multiple of the stride, and the taps of a row are unrolled. A pooling is
// fused in one of two forms: with few taps, the windows' accumulators stay in registers; else rows
// of the convolution are kept on the stack and the windows read them.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 16;
constexpr int64_t kFewTaps = 27;
constexpr int64_t kMostUnrolledTaps = 25;      // of depthwise convolutions
constexpr int64_t kMostTapsOfRow = 8;          // of transposed convolutions, unrolled
constexpr int64_t kMostPaddedTapsOfRow = 7;    // likewise, where some may be out of range
constexpr int64_t kVectorsOfSingleColumn = 8;  // independent chains that hide the latency of an FMA

bool single_pixel(const Problem& p) { return p.h == 1 && p.w == 1; }
bool depthwise(const Problem& p) { return p.groups > 1 && p.reduce_c == 1 && p.c == p.groups; }
bool windows_in_registers(const Problem& p) {
  return p.window_h > 0 && p.reduce_c * p.reduce_h * p.reduce_w <= kFewTaps;
}

Halide::TailStrategy tail(int64_t extent, int64_t factor) {
  return extent % factor == 0 ? Halide::TailStrategy::RoundUp : Halide::TailStrategy::GuardWithIf;
}

// Weights are padded to whole panels, so accumulators fill whole panels, too, whatever a ragged
// result needs of them. A depthwise convolution reads as many input channels, which are not padded.
bool whole_panels(const Problem& p, int64_t panel) { return !depthwise(p) || p.c % panel == 0; }

// Rows of the result, so that what they read of a large image stays in the second-level cache while
// all panels pass over it; 0: the image is small.
int64_t rows_of_block(const Problem& p, int64_t panels) {
  // Of one tap with a stride, what lies between is not read.
  const bool skips = !p.transposed && p.reduce_h * p.reduce_w == 1;
  const int64_t row = (skips ? p.w : p.input_w) * p.reduce_c * p.groups * 4;
  const int64_t rows_read = skips ? p.h : p.input_h;
  const int64_t budget = p.machine.l2_bytes * 3 / 8;  // beside panels and results
  if (panels == 1 || single_pixel(p) || depthwise(p) || rows_read * row <= budget) return 0;
  const int64_t halo = (p.reduce_h - 1) * p.dilation_h;
  int64_t rows = 1;
  if (p.transposed) {
    rows = std::max(p.stride_h, budget / row * p.stride_h - halo);
  } else {
    const int64_t stride = skips ? 1 : p.stride_h;
    const int64_t step = std::max<int64_t>(1, stride * p.h / p.result_h);  // pooling included
    rows = std::max<int64_t>(1, (budget / row - halo - 1) / step + 1);
  }
  int64_t blocks = (p.result_h + rows - 1) / rows;
  if (p.machine.has_threads && blocks > 1) blocks += blocks % 2;  // for two threads to share
  return (p.result_h + blocks - 1) / blocks;
}

// What a tile is a part of: pixels of a row, or images.
int64_t columns_of(const Problem& p) {
  if (single_pixel(p)) return p.n;
  return windows_in_registers(p) ? p.result_w : p.w;
}

// Of a vector of output channels.
int64_t panel_bytes(const Problem& p) {
  return p.reduce_c * p.reduce_h * p.reduce_w * p.machine.lanes * 4;
}

// Whether the taps of a row are unrolled, so that their predicates fold away.
bool unrolls_row(const Problem& p) {
  if (p.transposed && p.stride_w > 1) return p.reduce_w <= kMostTapsOfRow;
  return p.padded && p.reduce_w <= kMostPaddedTapsOfRow;
}

int64_t accumulators(const Problem& p, const Params& params) {
  const int64_t windows = windows_in_registers(p) ? p.window_h * p.window_w : 1;
  return windows * params.a * params.b;
}

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
  if (depthwise(p) || windows_in_registers(p)) return;
  const int64_t vectors = (p.c + p.machine.lanes - 1) / p.machine.lanes;
  // Of the columns of a tile, each tap meets every stride-th.
  const int64_t phases = p.transposed ? p.stride_w : 1;
  params.predicted = tile_efficiency(std::max<int64_t>(1, params.a / phases), params.b,
                                     std::max<int64_t>(1, columns_of(p) / phases), vectors,
                                     p.machine, panel_bytes(p));
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (p.vectors != VectorDimension::channel || (p.family != "conv" && p.family != "linear") ||
      (p.groups > 1 && !depthwise(p))) {
    return "is for convolutions, in one group or depthwise, and linear layers with the channels "
           "innermost";
  }
  if (params.columns != 0 || params.block_c != 0 || params.block_n != 0 || params.stages_input) {
    return "has no columns or blocks of channels, and stages nothing";
  }
  const int64_t vectors = (p.c + p.machine.lanes - 1) / p.machine.lanes;
  if (params.b > vectors) return "b must not exceed the " + std::to_string(vectors) + " vectors";
  if (params.a > columns_of(p)) return "a must not exceed " + std::to_string(columns_of(p));
  if (params.rows > 0 && single_pixel(p)) return "a single pixel has no rows";
  return params.rows <= p.result_h ? "" : "rows must not exceed " + std::to_string(p.result_h);
}

int64_t count_unrolled(const Problem& p, const Params& params) {
  const int64_t pooled = p.window_h > 0 ? p.window_h * p.window_w : 1;
  int64_t taps = 1;
  if (depthwise(p)) {
    if (p.reduce_w * p.reduce_h <= kMostUnrolledTaps) taps = p.reduce_w * p.reduce_h;
  } else if (unrolls_row(p)) {
    taps = p.transposed ? (p.reduce_w + p.stride_w - 1) / p.stride_w : p.reduce_w;
  }
  return std::max(accumulators(p, params) * taps, pooled * params.b);
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list = other_tiles(params);
  if (!single_pixel(p)) {
    const int64_t rows = params.rows;
    vary(list, params, &Params::rows,
         {0, rows / 2, rows - 1, rows + 1, rows * 2, p.result_h / 2, p.result_h / 4});
  }
  keep_fitting(list, p.machine, [&](const Params& each) { return accumulators(p, each); });
  return list;
}

// The tile of a transposed convolution: whole strides, all of whose columns are in registers.
void choose_phases(const Problem& p, int64_t vectors, Params& params) {
  constexpr int64_t kMostVectors = 6;
  const int64_t columns = (p.w + p.stride_w - 1) / p.stride_w;
  params.a = std::min(p.w, p.stride_w);
  params.b = 1;
  double best = 0;
  for (int64_t b = 1; b <= std::min(kMostVectors, vectors); ++b) {
    for (int64_t a = 1; a <= columns; ++a) {
      if (a * p.stride_w * b + b + 1 > p.machine.registers) break;
      const double efficiency = tile_efficiency(a, b, columns, vectors, p.machine, panel_bytes(p));
      if (efficiency <= best * 1.002) continue;
      best = efficiency;
      params.a = std::min(p.w, a * p.stride_w);
      params.b = b;
    }
  }
}

}  // namespace

Params choose_conv_channel(const Problem& problem) {
  if (problem.groups > 1 && !depthwise(problem)) return choose_generic(problem);
  const Machine& machine = problem.machine;
  Params params;
  params.schedule = "conv_channel";
  const int64_t vectors = (problem.c + machine.lanes - 1) / machine.lanes;
  if (depthwise(problem)) {
    params.a = std::min<int64_t>(problem.w, 4);
    params.b = 1;
  } else if (windows_in_registers(problem)) {
    // Accumulators of whole windows: a pooled columns of them.
    const int64_t window = problem.window_h * problem.window_w;
    params.b = std::min<int64_t>(2, vectors);
    params.a = 1;
    for (int64_t a = 2; a <= problem.result_w; ++a) {
      if (window * a * params.b + params.b + 1 <= machine.registers * 3 / 4) params.a = a;
    }
  } else if (problem.transposed && problem.stride_w > 1) {
    choose_phases(problem, vectors, params);
  } else {
    const int64_t columns = columns_of(problem);
    const Tile tile =
        choose_tile(columns, vectors, machine, panel_bytes(problem), VectorTail::allowed);
    params.a = tile.a;
    params.b = columns == 1 ? std::min(kVectorsOfSingleColumn, vectors) : tile.b;
  }
  params.why = "rule: " + std::to_string(params.a) +
               (single_pixel(problem) ? " images" : " pixels") + " x " + std::to_string(params.b) +
               " vectors of channels";
  params.rows = rows_of_block(problem, (vectors + params.b - 1) / params.b);
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::MemoryType;
  using Halide::Var;
  Dimensions d;
  Var ci("ci"), co("co"), xi("xi"), xo("xo"), ni("ni"), no("no"), yo("yo"), yi("yi"), task("task");
  const int lanes = problem.machine.lanes;
  const int panel = static_cast<int>(params.b) * lanes;
  const int a = static_cast<int>(params.a);
  const bool spatial = problem.rank == 4;
  Halide::Func& result = funcs.result;
  Halide::Func accumulator = funcs.stages.at("accumulator");

  result.split(d.c, co, ci, panel, tail(problem.c, panel));
  const int64_t panels = (problem.c + panel - 1) / panel;
  const bool whole = whole_panels(problem, panel);
  const auto stage_tail = whole ? Halide::TailStrategy::RoundUp : Halide::TailStrategy::GuardWithIf;
  if (whole) {
    accumulator.bound_extent(d.c, panel);
    if (problem.window_h > 0 && !windows_in_registers(problem)) {
      funcs.anchor.bound_extent(d.c, panel);
    }
  }

  // Few panels and images: rows are shared out too.
  const bool split_rows = params.tasks > 1 && params.rows == 0 && !single_pixel(problem) &&
                          panels * problem.n < 4 && problem.result_h >= 4;
  Halide::Func tile_owner = result;  // the Func whose loops hold the register tile
  Var tile_loop = no;
  if (single_pixel(problem)) {
    result.split(d.n, no, ni, a, tail(problem.n, a));
    if (spatial)
      result.reorder(ci, ni, no, d.x, d.y, co);
    else
      result.reorder(ci, ni, no, co);
    if (params.tasks > 1) {
      if (panels > 1)
        result.parallel(co);
      else
        result.parallel(no);
    }
  } else {
    const bool rows_on_stack = problem.window_h > 0 && !windows_in_registers(problem);
    const bool in_blocks = params.rows > 0;
    if (in_blocks) {
      result.split(d.y, yo, yi, static_cast<int>(params.rows), tail(problem.result_h, params.rows));
    }
    const Var y = in_blocks ? yi : d.y;
    if (rows_on_stack) {
      if (in_blocks)
        result.reorder(ci, d.x, yi, co, yo, d.n);
      else
        result.reorder(ci, d.x, d.y, co, d.n);
      tile_owner = funcs.anchor;
      tile_owner.compute_at(result, split_rows ? yi : y)
          .store_in(MemoryType::Register)
          .split(d.x, xo, xi, a, tail(problem.w, a))
          .reorder(d.c, xi, xo, d.y)
          .vectorize(d.c, lanes, stage_tail)
          .unroll(d.c)
          .unroll(xi);
      store_vectors_innermost(tile_owner, problem.vectors);
    } else {
      result.split(d.x, xo, xi, a, tail(problem.result_w, a));
      if (in_blocks)
        result.reorder(ci, xi, xo, yi, co, yo, d.n);
      else
        result.reorder(ci, xi, xo, d.y, co, d.n);
    }
    tile_loop = xo;
    if (params.tasks > 1 && in_blocks) {
      result.fuse(yo, d.n, task).parallel(task);
    } else if (params.tasks > 1) {
      result.fuse(co, d.n, task);
      if (split_rows) {
        const int64_t rows = (problem.result_h + 3) / 4;
        result.split(d.y, yo, yi, static_cast<int>(rows), tail(problem.result_h, rows))
            .fuse(yo, task, task);
      }
      result.parallel(task);
    }
  }

  // After reorder: vectorize leaves its inner loop where the dimension is.
  result.vectorize(ci, lanes).unroll(ci);
  if (single_pixel(problem))
    result.unroll(ni);
  else if (tile_owner.name() == result.name())
    result.unroll(xi);

  std::vector<Halide::VarOrRVar> order = {d.c};
  if (spatial) order.insert(order.end(), {d.x, d.y});
  order.emplace_back(d.n);
  accumulator.compute_at(tile_owner, tile_loop)
      .store_in(MemoryType::Register)
      .reorder(order)
      .vectorize(d.c, lanes, stage_tail)
      .unroll(d.c);
  store_vectors_innermost(accumulator, problem.vectors);
  const std::vector<Halide::RVar> r = accumulator.rvars();
  if (!spatial) {
    accumulator.unroll(d.n);
    accumulator.update()
        .reorder({d.c, d.n, r[0]})
        .vectorize(d.c, lanes, stage_tail)
        .unroll(d.c)
        .unroll(d.n);
    return;
  }
  accumulator.unroll(d.x).unroll(d.y).unroll(d.n);
  Halide::Stage update = accumulator.update();
  update.reorder({d.c, d.x, d.y, d.n, r[2], r[0], r[1]})
      .vectorize(d.c, lanes, stage_tail)
      .unroll(d.c)
      .unroll(d.x)
      .unroll(d.y)
      .unroll(d.n);
  if (depthwise(problem)) {
    if (problem.reduce_w * problem.reduce_h <= kMostUnrolledTaps) update.unroll(r[0]).unroll(r[1]);
  } else if (unrolls_row(problem)) {
    update.unroll(r[0]);
  }
}

}  // namespace

const Schedule schedules::conv_channel = {"conv_channel", find_obstacle,   complete,
                                          count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
