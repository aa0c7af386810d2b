// Weight gradients of convolutions with the batch innermost: products of vectors over the batch,
// whose lanes are added at the end.
//
//   Params: a input channels x b output channels in registers; block_n output channels of a task;
//   block_c input channels and rows of the image between which the second-level cache is shared;
//   band_rows, rows of a sum in registers; separates_border; tasks.
//   Stages: "part" (l, x, y, c, n, band), the sum over a band of rows; "bands" (l, x, y, c, n,
//   chunk), over a chunk of bands; "total" (x, y, c, n), over all chunks and lanes.
//
// With several taps, a band is one row, or a few short ones: its lines stay in the first-level
// cache. Parallel over output channels: no sum crosses threads, so the result does not depend on
// their number. An output gradient that is computed here is staged for the output channels of a
// task.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kMostStagedBytes = 1 << 20;
constexpr int64_t kMostSumBytes = 1 << 20;  // of "bands" and "total", on the stack too
constexpr int64_t kMostBlock = 64;          // output channels of a task
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

struct Blocks {
  int64_t n = 1, c = 1, rows = 1;
};

// Rows of the input, or columns, of which there are `in`, that so many outputs read.
int64_t lines_read(int64_t outputs, int64_t kernel, int64_t stride, int64_t in) {
  if (kernel < stride) return std::min(outputs * kernel, in);
  return std::min((outputs - 1) * stride + kernel, in);
}

int64_t sum_bytes(const Problem& p, const Params& tile, const Blocks& blocks) {
  return (blocks.n * p.c + blocks.c * tile.b * p.machine.lanes) * p.h * p.w * 4;
}

// Cycles of a task per output channel: multiply-adds, lanes that are added, memory.
double cycles_per_output(const Problem& p, const Params& tile, const Blocks& blocks) {
  constexpr double kBytesPerCycle = 6;  // from beyond the second-level cache, one core
  constexpr double kL2BytesPerCycle = 24;
  constexpr double kMostOfCache = 0.75;  // of it, for what is to stay
  constexpr double kAddLanes = 16;       // of a vector
  constexpr double kAddRow = 2.5;        // a sum in registers to one in memory
  const auto d = [](int64_t value) { return static_cast<double>(value); };
  const double vectors = d(p.reduce_c / p.machine.lanes);
  const double taps = d(p.h * p.w);
  const double outputs = d(p.reduce_h * p.reduce_w);
  const double chunks = d((p.reduce_h + blocks.rows - 1) / blocks.rows);
  const double row_bytes = 4 * d(p.reduce_c);
  const double in_rows = d(lines_read(blocks.rows, p.h, p.stride_h, p.input_h));
  const double in_columns = d(lines_read(p.reduce_w, p.w, p.stride_w, p.input_w));
  const double in_bytes = in_rows * in_columns * row_bytes;          // of a channel and chunk
  const double out_bytes = d(blocks.rows * p.reduce_w) * row_bytes;  // likewise
  const double resident = d(blocks.c) * in_bytes + d(blocks.n) * out_bytes;
  const double c_blocks = d((p.c + blocks.c - 1) / blocks.c);
  const double whole_tiles = d((blocks.c + tile.a - 1) / tile.a * tile.a);
  const double multiply = d(p.c) * taps * outputs * vectors * whole_tiles / d(blocks.c);
  const double lanes = d(p.c) * taps * (chunks * kAddLanes + d(p.reduce_h) * kAddRow);
  // Inputs once per task and chunk, gradients once, if they stay; else once per tile and per
  // block.
  const bool fits = resident <= kMostOfCache * d(p.machine.l2_bytes);
  const double inputs = d(p.c) * in_bytes / d(fits ? blocks.n : tile.b);
  const double gradients = out_bytes * (fits ? 1 : c_blocks);
  const double from_l2 = out_bytes * c_blocks / kL2BytesPerCycle;
  return multiply + lanes + chunks * ((inputs + gradients) / kBytesPerCycle + from_l2);
}

// Of the blocks whose sums fit the stack, the cheapest. Blocks of channels divide them. A gradient
// that is staged is so for one tile of output channels and the whole image.
Blocks choose_blocks(const Problem& p, const Params& tile) {
  Blocks best{tile.b, 1, p.reduce_h};
  double least = cycles_per_output(p, tile, best);
  const int64_t most_n = tile.stages_input ? tile.b : std::min(p.n, kMostBlock);
  const int64_t least_rows = tile.stages_input ? p.reduce_h : 1;
  for (int64_t n = tile.b; n <= most_n; n += tile.b) {
    if (p.n % n != 0) continue;
    for (int64_t c = 1; c <= p.c; ++c) {
      if (p.c % c != 0) continue;
      for (int64_t rows = p.reduce_h; rows >= least_rows; rows = rows == 1 ? 0 : (rows + 1) / 2) {
        const Blocks blocks{n, c, rows};
        if (sum_bytes(p, tile, blocks) > kMostSumBytes) continue;
        const double cycles = cycles_per_output(p, tile, blocks);
        if (cycles >= least * 0.995) continue;
        least = cycles;
        best = blocks;
      }
    }
  }
  return best;
}

// Whether all taps are in registers at a time: of channels with weights of their own, they share
// what they read.
bool holds_taps(const Problem& p) {
  return p.groups > 1 && p.c == 1 && p.n == p.groups && p.h * p.w <= 2 * p.machine.registers / 3;
}

// Whether it is a product of two matrices, with nothing to share between taps.
bool has_one_tap(const Problem& p) {
  return p.groups == 1 && p.h * p.w == 1 && p.staged_row_bytes == 0;
}

// Of the output gradient of so many channels.
int64_t staged_bytes(const Problem& p, int64_t channels) {
  return p.staged_row_bytes / std::max<int64_t>(1, p.n) * p.reduce_h * p.reduce_c * channels;
}

Blocks blocks_of(const Params& params) { return {params.block_n, params.block_c, params.rows}; }

void complete(const Problem& p, Params& params) {
  params.tasks =
      worth_parallel(p.flops, p.bytes, p.machine) ? (p.n + params.block_n - 1) / params.block_n : 1;
  if (holds_taps(p) || has_one_tap(p)) return;
  // The model takes one cycle for a multiply-add.
  const int64_t vectors = p.reduce_c / p.machine.lanes;
  params.predicted = static_cast<double>(p.c * p.h * p.w * p.reduce_h * p.reduce_w * vectors) /
                     cycles_per_output(p, params, blocks_of(params));
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (p.family != "conv_weight_grad" || p.vectors != VectorDimension::batch) {
    return "is for weight gradients of convolutions with the batch innermost";
  }
  if (params.columns != 0) return "has no columns";
  const int64_t group_outputs = p.n / p.groups;
  if (params.a > p.c) return "a must not exceed the " + std::to_string(p.c) + " input channels";
  if (group_outputs % params.b != 0) {
    return "b must divide a group's " + std::to_string(group_outputs) + " output channels";
  }
  if (params.block_n < 1 || params.block_n % params.b != 0 || p.n % params.block_n != 0) {
    return "block_n must be a multiple of b that divides " + std::to_string(p.n);
  }
  if (params.block_c < 1 || p.c % params.block_c != 0) {
    return "block_c must divide " + std::to_string(p.c);
  }
  if (params.rows < 1 || params.rows > p.reduce_h) {
    return "rows must be from 1 to " + std::to_string(p.reduce_h);
  }
  if (params.band_rows < 1 || params.band_rows > p.reduce_h) {
    return "band_rows must be from 1 to " + std::to_string(p.reduce_h);
  }
  if (params.separates_border && params.band_rows < p.reduce_h) {
    return "a border is apart where a band is the whole image";
  }
  if (sum_bytes(p, params, blocks_of(params)) > kMostSumBytes) {
    return "the sums of a block do not fit the stack";
  }
  if (!params.stages_input) return "";
  if (p.staged_row_bytes == 0) return "no gradient is computed here that could be staged";
  const bool fits = params.block_n == params.b && params.rows == p.reduce_h &&
                    staged_bytes(p, params.b) <= kMostStagedBytes;
  return fits ? "" : "a staged gradient is that of one tile and all rows, and fits the stack";
}

int64_t accumulators(const Problem& p, const Params& params) {
  return params.a * params.b * (holds_taps(p) ? p.h * p.w : 1);
}

int64_t count_unrolled(const Problem& p, const Params& params) {
  constexpr int64_t kBorders = 4;
  return accumulators(p, params) * (params.separates_border ? kBorders + 1 : 1);
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list;
  for (Params each : other_tiles(params)) {
    // Blocks stay near where they were, in whole tiles.
    each.block_n =
        params.stages_input
            ? each.b
            : std::max<int64_t>(1, params.block_n / std::max<int64_t>(1, each.b)) * each.b;
    list.push_back(each);
  }
  const int64_t n = params.block_n, c = params.block_c, rows = params.rows;
  vary(list, params, &Params::block_n, {n / 2, n * 2, params.b});
  vary(list, params, &Params::block_c, {c / 2, c * 2, 1, p.c});
  vary(list, params, &Params::rows, {(rows + 1) / 2, rows * 2, 1, p.reduce_h});
  const int64_t band = params.band_rows;
  if (params.separates_border) {
    list.push_back(params);
    list.back().separates_border = false;
  } else {
    vary(list, params, &Params::band_rows, {1, (band + 1) / 2, band * 2, p.reduce_h});
  }
  if (params.stages_input) {
    list.push_back(params);
    list.back().stages_input = false;
  }
  keep_fitting(list, p.machine, [&](const Params& each) { return accumulators(p, each); });
  return list;
}

// One tap: the tile that does the most with what it loads. Its bands of rows are long enough that
// their ends do not count, and as short as that allows: the caches keep what is read again.
void choose_matrix(const Problem& p, Params& params) {
  constexpr int64_t kEnoughSteps = 384;
  double most = 0;
  for (int64_t a = 1; a <= std::min<int64_t>(p.c, p.machine.registers); ++a) {
    for (int64_t b = 1; b <= std::min<int64_t>(p.n, p.machine.registers); ++b) {
      // Sums, the vectors of one side, and one of the other.
      const bool fits = a * b + std::min(a, b) + 1 <= p.machine.registers;
      if (!fits || p.n % b != 0) continue;
      const int64_t whole_tiles = (p.c + a - 1) / a * a;
      const double used = static_cast<double>(p.c) / static_cast<double>(whole_tiles);
      const double products_per_load =
          used * static_cast<double>(a * b) / static_cast<double>(a + b);
      if (products_per_load <= most) continue;
      most = products_per_load;
      params.a = a;
      params.b = b;
    }
  }
  const int64_t steps_of_row = p.reduce_w * p.reduce_c / p.machine.lanes;
  params.band_rows = 1;
  while (params.band_rows < p.reduce_h &&
         (p.reduce_h % params.band_rows != 0 || params.band_rows * steps_of_row < kEnoughSteps)) {
    ++params.band_rows;
  }
  params.rows = params.band_rows;
  // The side with fewer channels is read again and again, the other one once.
  const bool divides = p.c % params.a == 0;
  const bool fits = sum_bytes(p, params, {params.b, p.c, params.rows}) <= kMostSumBytes;
  params.block_c = divides && (p.c > p.n || !fits) ? params.a : fits ? p.c : 1;
  params.block_n = params.b;
  for (int64_t n = params.b; n <= std::min(p.n, kMostBlock); n += params.b) {
    if (p.n % n == 0 && sum_bytes(p, params, {n, params.block_c, params.rows}) <= kMostSumBytes) {
      params.block_n = n;
    }
  }
}

void choose_taps(const Problem& problem, Params& params) {
  constexpr int64_t kEnoughSteps = 20;  // of a sum in registers, to make up for its end
  // Nothing is broadcast: a + b loads feed a*b FMAs. 4x4, or 4x2 where registers are few; outputs
  // make up for inputs that are missing.
  const int64_t products = problem.machine.registers >= 32 ? 16 : 8;
  const int64_t group_outputs = problem.n / problem.groups;
  params.a = std::min<int64_t>(problem.c, 4);
  params.b = std::min<int64_t>(group_outputs, params.a == 3 ? products / 2 : products / params.a);
  // A tile stays within its group, and its sums on the stack.
  while (params.b > 1 && (params.b * problem.c * problem.h * problem.w * 8 > kMostSumBytes ||
                          group_outputs % params.b != 0)) {
    --params.b;
  }
  params.stages_input =
      problem.staged_row_bytes > 0 && staged_bytes(problem, params.b) <= kMostStagedBytes;
  if (holds_taps(problem)) {
    // Channels share nothing: each is read from end to end.
    params.block_c = 1;
    params.block_n = std::min(problem.n, kMostBlock);
    params.rows = problem.reduce_h;
    params.band_rows = problem.reduce_h;
    params.separates_border = problem.padded;
    return;
  }
  const Blocks best = choose_blocks(problem, params);
  params.block_n = best.n;
  params.block_c = best.c;
  params.rows = best.rows;
  const int64_t steps_of_row = problem.reduce_w * problem.reduce_c / problem.machine.lanes;
  params.band_rows = std::min(best.rows, (kEnoughSteps + steps_of_row - 1) / steps_of_row);
}

}  // namespace

Params choose_conv_weight_grad(const Problem& problem) {
  Params params;
  params.schedule = "conv_weight_grad";
  if (has_one_tap(problem)) {
    choose_matrix(problem, params);
  } else {
    choose_taps(problem, params);
  }
  params.why = "rule: " + std::to_string(params.a) + " input x " + std::to_string(params.b) +
               " output channels, lanes over the batch; blocks of " +
               std::to_string(params.block_c) + " x " + std::to_string(params.block_n) +
               " channels, " + std::to_string(params.rows) + " rows";
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  Dimensions d;
  Var l("l"), ci("ci"), co("co"), cb("cb"), ni("ni"), no("no"), task("task");
  const int lanes = problem.machine.lanes;
  Halide::Func& result = funcs.result;
  Halide::Func part = funcs.stages.at("part");
  Halide::Func bands = funcs.stages.at("bands");
  Halide::Func total = funcs.stages.at("total");

  result.split(d.n, task, ni, static_cast<int>(params.block_n), kGuard);
  if (params.tasks > 1) result.parallel(task);

  total.compute_at(result, task).store_in(Halide::MemoryType::Register);
  const std::vector<Halide::RVar> r = total.rvars();  // lane, chunk
  total.update()
      .split(d.c, cb, ci, static_cast<int>(params.block_c), kGuard)
      .split(d.n, no, ni, static_cast<int>(params.b), kGuard)
      .reorder({r[0], ci, ni, d.x, d.y, no, cb, r[1]})
      .atomic()
      .vectorize(r[0], lanes);

  bands.compute_at(total, no).store_in(Halide::MemoryType::Register).vectorize(l, lanes);
  bands.update()
      .split(d.c, co, ci, static_cast<int>(params.a), kGuard)
      .reorder({l, ci, d.n, d.x, d.y, co, bands.rvars()[0]})
      .vectorize(l, lanes)
      .unroll(ci)
      .unroll(d.n);

  const bool tiles_taps = holds_taps(problem);
  part.compute_at(bands, tiles_taps ? co : d.x)
      .store_in(Halide::MemoryType::Register)
      .vectorize(l, lanes)
      .unroll(d.c)
      .unroll(d.n);
  if (tiles_taps) part.unroll(d.x).unroll(d.y);
  for (int u = 0; u < part.num_update_definitions(); ++u) {
    const std::vector<Halide::RVar> columns = part.rvars(u);
    Halide::Stage update = part.update(u);
    update.reorder({l, d.c, d.n, d.x, d.y, columns[0], columns[1], columns[2]})
        .vectorize(l, lanes)
        .unroll(d.c)
        .unroll(d.n);
    if (tiles_taps) update.unroll(d.x).unroll(d.y);
  }

  if (params.stages_input) {
    funcs.staged.compute_at(result, task)
        .store_in(Halide::MemoryType::Register)
        .reorder(d.n, d.x, d.y, d.c)
        .vectorize(d.n, lanes)
        .unroll(d.n, 4, kGuard)
        .align_bounds(d.x, 2)
        .unroll(d.x, 2);
    store_vectors_innermost(funcs.staged, problem.vectors);
  }
}

}  // namespace

const Schedule schedules::conv_weight_grad = {"conv_weight_grad", find_obstacle,   complete,
                                              count_unrolled,     find_neighbours, apply_schedule};

}  // namespace cnnc
