// Convolutions by Winograd's algorithm, forward and input gradient, with the batch innermost: the
// transform of the weights, that of the input, 36 matrix products, and the output transform with
// what follows.
//
//   Params: a output channels x b vectors of columns in registers. A panel is b vectors of columns:
//   images and, where the batch is shorter, neighbouring tiles. columns x block_n: panels along a
//   row of tiles, and along the batch, of a block; 0: there are no blocks. tasks. Stages: see
//   lower_winograd_batch in compiler/ops/winograd.h.
//
// Transformed weights lie in scratch memory, in the order in which register tiles read them. With
// blocks, the transformed inputs of a block stay on the stack, as do the products of one tile of
// channels, and all weights pass by for each block. Without, both lie in scratch memory, one matrix
// of the 36 after the other, so that the weights of one stay in the second-level cache.
#include <algorithm>

#include "schedules/winograd_tiles.h"

namespace cnnc {
namespace {

constexpr int64_t kTile = WinogradBatchTile::kOut;
constexpr int64_t kTaps = WinogradBatchTile::kIn;
constexpr int64_t kProducts = WinogradBatchTile::kProducts;
constexpr int64_t kLeastChannels = 16;  // fewer do not make up for the transforms
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

WinogradPanels panels_of(const Problem& p, const Params& params) {
  return {p.n, p.h, p.w, params.b * p.machine.lanes};
}

bool applies(const Problem& p) {
  return is_winograd_convolution(p) && p.vectors == VectorDimension::batch && p.window_h == 0 &&
         p.staged_row_bytes == 0 && p.n % p.machine.lanes == 0;
}

int64_t padded_channels(const Problem& p, const Params& params) {
  return ceil_div(p.c, params.a) * params.a;
}

// Of a panel of the transformed input.
int64_t panel_bytes(const Problem& p, int64_t b) {
  return kProducts * p.reduce_c * b * p.machine.lanes * 4;
}

int64_t stack_bytes(const Problem& p, const Params& params) {
  const int64_t panels = params.columns * params.block_n;
  return panels *
         (panel_bytes(p, params.b) + kProducts * params.a * params.b * p.machine.lanes * 4);
}

bool has_blocks(const Params& params) { return params.columns > 0; }

void complete(const Problem& p, Params& params) {
  const WinogradPanels panels = panels_of(p, params);
  const int64_t channels = padded_channels(p, params);
  params.scratch = {
      winograd_scratch({p.machine.lanes, params.a, ceil_div(p.reduce_c, p.machine.lanes)}, kTaps,
                       {channels / params.a})};
  if (!has_blocks(params)) {
    for (const int64_t of : {p.reduce_c, channels}) {
      params.scratch.push_back(winograd_scratch(
          {panels.images, panels.tiles, of, panels.along_batch, panels.along_x, panels.rows}, kTaps,
          {}));
    }
  }
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? panels.rows : 1;
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (!applies(p)) {
    return "is for 3x3 convolutions with the batch innermost, forward and input gradient, where it "
           "is allowed";
  }
  if (params.rows != 0 || params.block_c != 0 || params.stages_input) {
    return "has no rows or blocks of channels, and stages nothing";
  }
  if (params.a > p.c) return "a must not exceed the " + std::to_string(p.c) + " channels";
  const WinogradPanels panels = panels_of(p, params);
  if ((params.columns == 0) != (params.block_n == 0))
    return "columns and block_n are both 0 or not";
  if (!has_blocks(params)) return "";
  if (params.columns > panels.along_x || panels.along_batch % params.block_n != 0) {
    return "columns must not exceed " + std::to_string(panels.along_x) + ", and block_n divide " +
           std::to_string(panels.along_batch);
  }
  return stack_bytes(p, params) <= kMostWinogradStackBytes ? "" : "a block does not fit the stack";
}

// Terms of the sums that are unrolled: with more multiply-adds in one loop body, LLVM leaves
// accumulators in memory.
int64_t unrolled_sums(const Problem& p, const Params& params) {
  constexpr int64_t kMostMultiplyAdds = 96;
  int64_t terms = p.machine.lanes;
  while (terms > 1 && terms * params.a * params.b > kMostMultiplyAdds) terms /= 2;
  return terms;
}

int64_t count_unrolled(const Problem&, const Params& params) {
  constexpr int64_t kTransforms = kProducts * kTaps;  // sums of up to six terms
  return std::max(params.a * params.b, kTransforms);
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list = other_tiles(params);
  if (has_blocks(params)) {
    vary(list, params, &Params::columns, {params.columns - 1, params.columns + 1});
    vary(list, params, &Params::block_n, {params.block_n / 2, params.block_n * 2});
    list.push_back(params);
    list.back().columns = list.back().block_n = 0;
  } else {
    list.push_back(params);
    list.back().columns = list.back().block_n = 1;
  }
  keep_fitting(list, p.machine, [](const Params& each) { return each.a * each.b; });
  return list;
}

}  // namespace

std::optional<Params> choose_winograd_batch(const Problem& p) {
  if (!applies(p) || !winograd_pays(p.n, p.h, p.w) || std::min(p.reduce_c, p.c) < kLeastChannels) {
    return {};
  }
  const auto params_of = [&](int64_t b, int64_t most) {
    Params params;
    params.schedule = "winograd_batch";
    params.a = winograd_tile_length(p.c, b, most);
    params.b = b;
    params.why = "rule: 3x3 taps, many channels, " + std::to_string(params.a) + " channels x " +
                 std::to_string(params.b) + " vectors of columns";
    return params;
  };
  // Weights that pass by for each block are read from the next cache: blocks are for few of them,
  // and for transforms that are too large.
  const int64_t weights = p.c * p.reduce_c * kProducts * 4;
  if (2 * weights > 5 * p.machine.l2_bytes) {
    // A broadcast operand costs nothing where it comes from memory; else two vectors share it.
    Params params = has_many_registers(p.machine)
                        ? params_of(1, kManySums)
                        : params_of(2, most_of_winograd_tile(2, p.machine));
    complete(p, params);
    if (winograd_scratch_fits(params)) return params;
  }
  // A block of one panel leaves the cache to the weights.
  Params params = params_of(2, most_of_winograd_tile(2, p.machine));
  params.columns = params.block_n = 1;
  complete(p, params);
  if (!find_obstacle(p, params).empty()) return {};
  return params;
}

namespace {

void apply_schedule(const Problem& p, const Params& params, KernelFuncs& funcs) {
  using Halide::MemoryType;
  using Halide::Var;
  Dimensions d;
  const Var i("i"), j("j"), k("k"), u("u"), r("r");
  const Var ni("ni"), ti("ti"), tx("tx"), ty("ty"), nb("nb");
  Var ci("ci"), co("co"), yi("yi"), xi("xi"), xx("xx"), txo("txo"), txi("txi"), nbo("nbo"),
      nbi("nbi"), task("task"), inner("inner");
  const int lanes = p.machine.lanes;
  const int a = static_cast<int>(params.a);
  const WinogradPanels panels = panels_of(p, params);
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  const auto tail = [](int64_t extent, int64_t factor) {
    return extent % factor == 0 ? Halide::TailStrategy::RoundUp : kGuard;
  };
  Halide::Func& result = funcs.result;
  Halide::Func rows = funcs.stages.at("rows"), weights = funcs.stages.at("weights");
  Halide::Func pixels = funcs.stages.at("pixels");
  Halide::Func columns = funcs.stages.at("columns"), patches = funcs.stages.at("patches");
  Halide::Func accumulator = funcs.stages.at("accumulator");
  Halide::Func products = funcs.stages.at("products"), halves = funcs.stages.at("halves");
  const bool blocks = has_blocks(params);
  const int channels = as_int(padded_channels(p, params));

  // Weights: vectors over what is summed, all 36 of them at a time. They are read row by row, each
  // of an output channel of the convolution.
  weights.compute_root().vectorize(k, lanes).unroll(j);
  if (p.transposed)
    weights.reorder(k, j, i, u, d.c, r);
  else
    weights.reorder(k, j, i, r, u, d.c);
  if (params.tasks > 1) weights.parallel(p.transposed ? r : d.c);
  rows.compute_at(weights, p.transposed ? u : r)
      .store_in(MemoryType::Register)
      .reorder(r, i, k)
      .reorder_storage(r, i, k, u, d.c)
      .vectorize(r, lanes)
      .unroll(i);

  result.split(d.n, nb, ni, as_int(panels.images))
      .split(d.c, co, ci, a, tail(p.c, a))
      .split(d.y, ty, yi, as_int(kTile), tail(p.result_h, kTile))
      .split(d.x, tx, xi, as_int(kTile * panels.tiles), tail(p.result_w, kTile * panels.tiles))
      .split(xi, ti, xx, as_int(kTile));
  if (blocks) {
    result.split(tx, txo, txi, as_int(params.columns), tail(panels.along_x, params.columns))
        .split(nb, nbo, nbi, as_int(params.block_n))
        .reorder({ni, yi, xx, ti, ci, nbi, txi, co, nbo, txo, ty});
  } else {
    result.reorder({ni, yi, xx, ti, ci, nb, tx, co, ty});
  }
  if (params.tasks > 1) result.parallel(ty);
  result.vectorize(ni, lanes).unroll(ni).unroll(yi);
  halves.compute_at(result, ti)
      .store_in(MemoryType::Register)
      .bound_extent(ni, as_int(panels.images))
      .reorder(ni, d.x, j)
      .vectorize(ni, lanes)
      .unroll(ni)
      .unroll(d.x);

  const auto shape = [&](Halide::Func& func, int64_t extent) {
    func.bound_extent(ni, as_int(panels.images))
        .bound_extent(ti, as_int(panels.tiles))
        .bound_extent(i, as_int(kTaps))
        .bound_extent(j, as_int(kTaps))
        .reorder_storage({ni, ti, d.c, nb, tx, ty, i, j});
    func.bound_extent(d.c, as_int(extent));
    if (blocks) {
      func.bound_extent(tx, as_int(params.columns)).bound_extent(nb, as_int(params.block_n));
    }
  };
  // The products: register tiles, then tiles of channels, panels, and the 36 matrices.
  shape(products, blocks ? a : channels);
  products.split(d.c, co, ci, a);
  const int64_t weight_bytes = p.reduce_c * channels * 4;
  const bool channels_outside = weight_bytes > p.machine.l2_bytes / 2;
  if (blocks) {
    products.compute_at(result, co).store_in(MemoryType::Register);
    products.reorder({ni, ti, ci, co, nb, tx, ty, i, j});
  } else {
    products.compute_root();
    if (channels_outside)
      products.reorder({ni, ti, ci, nb, tx, ty, co, i, j});
    else
      products.reorder({ni, ti, ci, co, nb, tx, ty, i, j});
    products.fuse(i, j, task);
    if (params.tasks > 1) products.parallel(task);
  }
  products.vectorize(ni, lanes).unroll(ni).unroll(ti).unroll(ci);
  const Var tile_loop = channels_outside && !blocks ? nb : co;
  accumulator.compute_at(products, tile_loop)
      .store_in(MemoryType::Register)
      .reorder(ni, ti, d.c)
      .vectorize(ni, lanes)
      .unroll(ni)
      .unroll(ti)
      .unroll(d.c);
  const Halide::RVar q = accumulator.rvars()[0];
  Halide::RVar qo("qo"), qm("qm"), qi("qi");
  accumulator.update()
      .split(q, qo, qi, lanes, kGuard)
      .split(qi, qm, qi, as_int(unrolled_sums(p, params)))
      .reorder({ni, ti, d.c, qi, qm, qo})
      .unroll(qi)
      .vectorize(ni, lanes)
      .unroll(ni)
      .unroll(ti)
      .unroll(d.c);

  shape(patches, p.reduce_c);
  if (blocks) {
    patches.compute_at(result, nbo).store_in(MemoryType::Register);
    patches.align_storage(d.c, as_int(p.reduce_c | 1));
    patches.reorder({ni, i, j, ti, nb, tx, d.c, ty});
  } else {
    patches.compute_root().reorder({ni, i, j, ti, nb, tx, d.c, ty});
    if (params.tasks > 1) patches.parallel(ty);
  }
  patches.split(ni, ni, inner, lanes).reorder(inner, j, i, ni).vectorize(inner).unroll(j);
  for (Halide::Func func : {pixels, columns}) {
    func.compute_at(patches, ni)
        .store_in(MemoryType::Register)
        .bound_extent(ni, lanes)
        .reorder(ni, i, k)
        .vectorize(ni, lanes)
        .unroll(i);
  }

  funcs.scratch = {weights};
  if (!blocks) {
    funcs.scratch.push_back(patches);
    funcs.scratch.push_back(products);
  }
}

}  // namespace

const Schedule schedules::winograd_batch = {"winograd_batch", find_obstacle,   complete,
                                            count_unrolled,   find_neighbours, apply_schedule};

}  // namespace cnnc
