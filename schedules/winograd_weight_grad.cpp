// Weight gradients of convolutions by Winograd's algorithm, with the batch innermost: the
// transforms of the input and of the output gradient, 36 matrix products whose sums run over all
// tiles and images, the transform of their results, and the update that follows.
//
//   Params: a output channels x b vectors of input channels in registers; columns x block_n: panels
//   along a row of tiles, and along the batch, of a block that is summed there, of so many rows of
//   tiles; stages_input: the transforms of a block are on the stack, and all blocks in the same
//   rows have sums of their own, in scratch memory; else the transforms lie there, too, and there
//   is one set of sums; tasks. Stages: see lower_winograd_weight_grad in compiler/ops/winograd.h.
#include <algorithm>

#include "schedules/winograd_tiles.h"

namespace cnnc {
namespace {

constexpr int64_t kTaps = WinogradBatchTile::kIn;
constexpr int64_t kProducts = WinogradBatchTile::kProducts;
constexpr int64_t kLeastChannels = 32;  // fewer do not make up for the transforms
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

int64_t padded_outputs(const Problem& p, const Params& params) {
  return ceil_div(p.n, params.a) * params.a;
}

// reduce_c is the batch, reduce_h x reduce_w the output gradient.
WinogradPanels panels_of(const Problem& p) {
  return {p.reduce_c, p.reduce_h, p.reduce_w, 2 * p.machine.lanes};
}

bool applies(const Problem& p) {
  return p.winograd && p.family == "conv_weight_grad" && p.vectors == VectorDimension::batch &&
         p.groups == 1 && p.h == 3 && p.w == 3 && p.stride_h == 1 && p.stride_w == 1 &&
         p.dilation_h == 1 && p.dilation_w == 1 && p.staged_row_bytes == 0 &&
         p.reduce_c % p.machine.lanes == 0 && p.c % p.machine.lanes == 0;
}

// Of both transforms of a block.
int64_t block_bytes(const Problem& p, const Params& params) {
  return params.columns * params.block_n * params.rows * kProducts *
         (p.c + padded_outputs(p, params)) * 2 * p.machine.lanes * 4;
}

void complete(const Problem& p, Params& params) {
  const WinogradPanels panels = panels_of(p);
  const int64_t width = params.b * p.machine.lanes;
  const int64_t outputs = padded_outputs(p, params);
  params.scratch.clear();
  if (!params.stages_input) {
    params.scratch.push_back(winograd_scratch({width, panels.images, panels.tiles, p.c / width,
                                               panels.along_batch, panels.along_x, panels.rows},
                                              kTaps, {}));
    params.scratch.push_back(winograd_scratch(
        {panels.images, panels.tiles, outputs, panels.along_batch, panels.along_x, panels.rows},
        kTaps, {}));
  }
  params.scratch.push_back(winograd_scratch({p.c, outputs}, kTaps,
                                            {params.stages_input ? panels.rows / params.rows : 1}));
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kProducts : 1;
}

std::string find_obstacle(const Problem& p, const Params& params) {
  if (!applies(p)) {
    return "is for weight gradients of 3x3 convolutions with the batch innermost, where it is "
           "allowed";
  }
  if (params.block_c != 0) return "has no blocks of channels";
  const WinogradPanels panels = panels_of(p);
  if (params.a > p.n) return "a must not exceed the " + std::to_string(p.n) + " output channels";
  if (p.c % (params.b * p.machine.lanes) != 0) {
    return "b must divide the " + std::to_string(p.c / p.machine.lanes) + " vectors of channels";
  }
  const auto divides = [](int64_t part, int64_t of) { return part >= 1 && of % part == 0; };
  if (!divides(params.columns, panels.along_x) || !divides(params.block_n, panels.along_batch) ||
      !divides(params.rows, panels.rows)) {
    return "columns must divide " + std::to_string(panels.along_x) + ", block_n " +
           std::to_string(panels.along_batch) + ", and rows " + std::to_string(panels.rows);
  }
  const bool fits = !params.stages_input || block_bytes(p, params) <= kMostWinogradStackBytes;
  return fits ? "" : "a block does not fit the stack";
}

int64_t count_unrolled(const Problem& p, const Params& params) {
  constexpr int64_t kTransforms = kProducts * kTaps;  // sums of up to six terms
  return std::max({params.a * params.b, kTransforms, int64_t{p.machine.lanes}});
}

std::vector<Params> find_neighbours(const Problem& p, const Params& params) {
  std::vector<Params> list = other_tiles(params);
  vary(list, params, &Params::columns, {1, params.columns / 2, params.columns * 2});
  vary(list, params, &Params::block_n, {1, params.block_n / 2, params.block_n * 2});
  vary(list, params, &Params::rows, {1, params.rows / 2, params.rows * 2});
  list.push_back(params);
  list.back().stages_input = !params.stages_input;
  keep_fitting(list, p.machine, [](const Params& each) { return each.a * each.b; });
  return list;
}

}  // namespace

std::optional<Params> choose_winograd_weight_grad(const Problem& p) {
  if (!applies(p) || !winograd_pays(p.reduce_c, p.reduce_h, p.reduce_w) ||
      std::min(p.c, p.n) < kLeastChannels) {
    return {};
  }
  Params params;
  params.schedule = "winograd_weight_grad";
  const bool many = has_many_registers(p.machine);
  const auto choose_tile_of = [&](int64_t most_vectors) {
    params.b = largest_divisor(p.c / p.machine.lanes, most_vectors);
    const int64_t most = most_of_winograd_tile(params.b, p.machine);
    params.a = winograd_tile_length(p.n, params.b, many ? kManySums / params.b : most);
    params.why = "rule: 3x3 taps, many channels, " + std::to_string(params.a) +
                 " output channels x " + std::to_string(params.b) + " vectors of input channels";
  };
  // Of a block, the vectors of a register tile stay in the first-level cache, and what all tiles
  // read in the second. If there is one block alone, nothing is added to sums in memory.
  const WinogradPanels panels = panels_of(p);
  const int64_t columns_bytes = 2 * p.machine.lanes * 4;  // of a channel of a panel
  const auto choose_block = [&](int64_t matrices, int64_t l2_bytes) {
    const int64_t all = (p.c + p.n) * columns_bytes * matrices;
    const int64_t tile = params.b * p.machine.lanes * columns_bytes;
    const bool is_one =
        panels.along_batch * panels.along_x * panels.rows * tile <= p.machine.l1_bytes / 4;
    const int64_t l1_bytes = p.machine.l1_bytes / (is_one ? 4 : 8);
    const int64_t most = std::max<int64_t>(1, std::min(l2_bytes / all, l1_bytes / tile));
    params.block_n = largest_divisor(panels.along_batch, most);
    params.columns = largest_divisor(panels.along_x, most / params.block_n);
    params.rows = largest_divisor(panels.rows, most / params.block_n / params.columns);
    complete(p, params);
  };
  // Sums go to memory in long runs.
  choose_tile_of(many ? 4 : 2);
  choose_block(1, p.machine.l2_bytes / 2);
  // Sums that stay in the cache are added to for each block of all 36 matrices; so are others if
  // the matrices of the whole batch are too large.
  const int64_t much_l2 = p.machine.l2_bytes * 5 / 8;
  const bool stay = kProducts * p.c * p.n * 4 <= much_l2;
  if (!stay && winograd_scratch_fits(params)) return params;
  params.stages_input = true;
  choose_tile_of(many ? 1 : 2);
  choose_block(kProducts, much_l2);
  if (!find_obstacle(p, params).empty() || !winograd_scratch_fits(params)) return {};
  return params;
}

namespace {

void apply_schedule(const Problem& p, const Params& params, KernelFuncs& funcs) {
  using Halide::MemoryType;
  using Halide::Var;
  Dimensions d;
  const Var i("i"), j("j"), k("k");
  const Var ni("ni"), ti("ti"), tx("tx"), ty("ty"), nb("nb");
  Var ci("ci"), co("co"), no("no"), nn("nn"), task("task"), inner("inner"), image("image");
  const int lanes = p.machine.lanes;
  const int a = static_cast<int>(params.a);
  const int width = static_cast<int>(params.b) * lanes;
  const WinogradPanels panels = panels_of(p);
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  const int outputs = as_int(padded_outputs(p, params));
  const bool fused = params.stages_input;
  Halide::Func& result = funcs.result;
  const auto stage = [&](const char* name) { return funcs.stages.at(name); };
  Halide::Func pixels = stage("pixels"), columns = stage("columns"), patches = stage("patches"),
               turned = stage("turned");
  Halide::Func spread = stage("spread"), upstream = stage("upstream");
  Halide::Func part = stage("part"), sums = stage("sums"), total = stage("total");
  Halide::Func halves = stage("halves");

  // The result: vectors of input channels, whose nine taps each are then stored one by one.
  result.split(d.c, co, ci, lanes).reorder({d.x, d.y, ci, co, d.n}).unroll(d.x).unroll(d.y);
  if (params.tasks > 1) result.parallel(d.n);
  if (!funcs.anchor_is_result) {
    funcs.anchor.compute_at(result, co)
        .store_in(MemoryType::Register)
        .reorder(d.c, d.y, d.x)
        .vectorize(d.c, lanes)
        .unroll(d.y);
  }
  for (Halide::Func func : {halves, total}) {
    func.compute_at(result, co).store_in(MemoryType::Register).vectorize(d.c, lanes);
  }
  halves.reorder(d.c, d.x, j).unroll(d.x);
  total.reorder(d.c, i, j);
  total.update().reorder(d.c, i, j, total.rvars()[0]).vectorize(d.c, lanes);

  sums.compute_root().bound_extent(d.n, outputs).bound_extent(d.c, as_int(p.c));
  const bool accumulates = sums.has_update_definition();
  std::vector<Halide::RVar> b;
  if (accumulates) {
    b = sums.rvars();
    sums.reorder(d.c, d.n, i, j, ty).vectorize(d.c, lanes);
    if (params.tasks > 1) sums.parallel(fused ? ty : j);
  }
  // With a sum over blocks or without, the loops over tiles of the sums are the same.
  Halide::Stage adding = accumulates ? sums.update() : Halide::Stage(sums);
  adding.split(d.c, co, ci, width, kGuard).split(d.n, no, nn, a, kGuard);
  std::vector<Halide::VarOrRVar> order = {ci, nn, no, co};
  if (fused) order.insert(order.end(), {i, j});
  order.insert(order.end(), b.begin(), b.end());
  order.emplace_back(ty);
  if (!fused) order.insert(order.end(), {i, j});
  adding.reorder(order);
  if (!fused) adding.fuse(i, j, task);
  if (params.tasks > 1) adding.parallel(fused ? ty : task);
  adding.vectorize(ci, lanes).unroll(ci).unroll(nn);
  part.compute_at(sums, no)
      .store_in(MemoryType::Register)
      .reorder(d.c, d.n)
      .vectorize(d.c, lanes)
      .unroll(d.c)
      .unroll(d.n);
  const std::vector<Halide::RVar> q = part.rvars();
  part.update()
      .reorder({d.c, d.n, q[0], q[1], q[2], q[3], q[4]})
      .vectorize(d.c, lanes)
      .unroll(d.c)
      .unroll(d.n);

  const auto shape = [&](Halide::Func& func) {
    func.bound_extent(ni, as_int(panels.images))
        .bound_extent(ti, as_int(panels.tiles))
        .bound_extent(i, as_int(kTaps))
        .bound_extent(j, as_int(kTaps));
    if (fused) {
      func.bound_extent(tx, as_int(params.columns))
          .bound_extent(nb, as_int(params.block_n))
          .bound_extent(ty, as_int(params.rows));
      func.store_in(MemoryType::Register);
      if (accumulates)
        func.compute_at(sums, b[0]);
      else
        func.compute_at(sums, ty);
    } else {
      func.compute_root();
      if (params.tasks > 1) func.parallel(ty);
    }
  };
  const int taps = as_int(kTaps);
  // A block of lanes channels by lanes images is turned at a time.
  shape(turned);
  turned.bound_extent(k, width)
      .bound_extent(d.c, as_int(p.c / width))
      .split(k, co, ci, lanes)
      .split(ni, no, nn, lanes)
      .reorder({ci, nn, i, j, co, no, ti, nb, tx, d.c, ty})
      .vectorize(ci)
      .vectorize(nn);
  patches.compute_at(turned, co)
      .store_in(MemoryType::Register)
      .bound_extent(i, taps)
      .bound_extent(j, taps)
      .bound_extent(ni, lanes)
      .bound_extent(d.c, lanes)
      .reorder({ni, j, i, d.c})
      .vectorize(ni, lanes)
      .unroll(j);
  const auto unroll_taps = [&](Halide::Func func, Halide::Func& consumer, const Var& loop) {
    func.compute_at(consumer, loop)
        .store_in(MemoryType::Register)
        .bound_extent(ni, lanes)
        .reorder(ni, i, k)
        .vectorize(ni, lanes)
        .unroll(i);
  };
  unroll_taps(pixels, patches, d.c);
  unroll_taps(columns, patches, d.c);

  shape(upstream);
  upstream.bound_extent(d.n, outputs)
      .split(ni, image, inner, lanes)
      .reorder({inner, j, i, image, ti, nb, tx, d.n, ty})
      .vectorize(inner)
      .unroll(j);
  unroll_taps(stage("outputs"), upstream, image);
  unroll_taps(spread, upstream, image);

  if (!fused) funcs.scratch = {turned, upstream};
  funcs.scratch.push_back(sums);
}

}  // namespace

const Schedule schedules::winograd_weight_grad = {
    "winograd_weight_grad", find_obstacle,   complete,
    count_unrolled,         find_neighbours, apply_schedule};

}  // namespace cnnc
