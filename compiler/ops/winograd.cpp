// Tested by tests/schedules.
#include "compiler/ops/winograd.h"

#include <numeric>

#include "compiler/ops/exprs.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

// Row `index` of matrix * values, where `index` is one of 0 ... kRows - 1: a constant wherever a
// schedule unrolls it.
template <class Element, int kRows, int kColumns, class Values>
Expr row_of_product(const Element (&matrix)[kRows][kColumns], const Expr& index, Values value) {
  Expr result;
  for (int row = kRows - 1; row >= 0; --row) {
    Expr sum;
    for (int k = 0; k < kColumns; ++k) {
      const auto factor = static_cast<float>(matrix[row][k]);
      if (factor == 0) continue;
      const Expr term = factor == 1 ? value(k) : value(k) * factor;
      sum = sum.defined() ? sum + term : term;
    }
    result = result.defined() ? Halide::select(index == row, sum, result) : sum;
  }
  return result;
}

// Row `index` of the transpose of a matrix, times values.
template <class Element, int kRows, int kColumns, class Values>
Expr column_of_product(const Element (&matrix)[kRows][kColumns], const Expr& index, Values value) {
  Element transpose[kColumns][kRows];
  for (int row = 0; row < kRows; ++row) {
    for (int k = 0; k < kColumns; ++k) transpose[k][row] = matrix[row][k];
  }
  return row_of_product(transpose, index, value);
}

// The columns of a panel: images, and neighbouring tiles where the batch is shorter.
struct Columns {
  int64_t images;
  int64_t tiles;
  Columns(int64_t batch, int64_t width) : images(std::gcd(batch, width)), tiles(width / images) {}
};

// The input at a position that may lie in the padding or beyond the last tile's outputs, where it
// is zero.
Expr padded(const Func& input, const Window& window, const Expr& px, const Expr& py, const Expr& c,
            const Expr& n) {
  const Expr ix = px - constant(window.x.before), iy = py - constant(window.y.before);
  const Expr inside =
      ix >= 0 && ix < constant(window.x.in) && iy >= 0 && iy < constant(window.y.in);
  return Halide::select(inside,
                        input(Halide::clamp(ix, 0, constant(window.x.in - 1)),
                              Halide::clamp(iy, 0, constant(window.y.in - 1)), c, n),
                        0.f);
}

template <class WinogradTile>
void lower_channels_innermost(Lowering& lowering, const Window& window) {
  constexpr int kOut = WinogradTile::kOut;
  const Var x("x"), y("y"), c("c"), n("n"), i("i"), j("j"), k("k"), t("t");
  const Func input = lowering.inputs[0], weight = lowering.inputs[1];
  const Func bias = input_or_none(lowering, 2);
  const int64_t channels = lowering.input_types[0].shape[1];
  const Expr tiles_of_row = constant((window.x.out + kOut - 1) / kOut);

  const Expr tx = t % tiles_of_row, ty = t / tiles_of_row;
  Func columns("columns"), patches("patches");
  columns(c, i, t, k, n) = row_of_product(WinogradTile::inputs, i, [&](int m) {
    return padded(input, window, tx * kOut + m, ty * kOut + k, c, n);
  });
  patches(c, i, j, t, n) =
      row_of_product(WinogradTile::inputs, j, [&](int m) { return Expr(columns(c, i, t, m, n)); });

  RDom r(0, constant(channels), "r");
  Func accumulator("accumulator"), products("products");
  accumulator(c, i, j, t, n) = 0.f;
  accumulator(c, i, j, t, n) += weight(i, j, r, c) * patches(r, i, j, t, n);
  products(c, i, j, t, n) = accumulator(c, i, j, t, n);

  Func halves("halves"), output("conv2d");
  halves(c, x, j, t, n) = row_of_product(WinogradTile::outputs, x,
                                         [&](int m) { return Expr(products(c, m, j, t, n)); });
  const Expr tile = y / kOut * tiles_of_row + x / kOut;
  const Expr sum = row_of_product(WinogradTile::outputs, y % kOut,
                                  [&](int m) { return Expr(halves(c, x % kOut, m, tile, n)); });
  output(x, y, c, n) = bias.defined() ? sum + bias(c) : sum;

  lowering.stages = {{"columns", columns},
                     {"patches", patches},
                     {"accumulator", accumulator},
                     {"products", products},
                     {"halves", halves}};
  lowering.outputs = {output};
}

}  // namespace

void lower_winograd(Lowering& lowering, const Window& window) {
  if (lowering.winograd_tile == WinogradTile2::kOut) {
    lower_channels_innermost<WinogradTile2>(lowering, window);
  } else {
    lower_channels_innermost<WinogradTile4>(lowering, window);
  }
}

void lower_winograd_batch(Lowering& lowering, const Window& window, WeightOrder order,
                          const Func& bias) {
  constexpr int kOut = WinogradTile4::kOut, kTaps = 3;
  const Var x("x"), y("y"), c("c"), n("n"), i("i"), j("j"), k("k"), u("u"), r("r");
  const Var ni("ni"), ti("ti"), tx("tx"), ty("ty"), nb("nb");
  const Func input = lowering.inputs[0], weight = lowering.inputs[1];
  const int64_t channels = lowering.input_types[0].shape[1];
  const int64_t outputs = lowering.output_types[0].shape[1];
  const int64_t batch = lowering.input_types[0].shape[0];
  const Columns panel(batch, lowering.pack_width);
  const Expr images = constant(panel.images), tiles = constant(panel.tiles);
  const Expr width = constant(lowering.tile_channels);

  const auto tap = [&](const Expr& kx, const Expr& ky) {
    const Expr output = Halide::min(c * width + u, constant(outputs - 1));
    const Expr channel = Halide::min(r, constant(channels - 1));
    return order == WeightOrder::inputs_first
               ? weight(kTaps - 1 - kx, kTaps - 1 - ky, output, channel)
               : weight(kx, ky, channel, output);
  };
  Func rows("rows"), weights("weights");
  rows(u, i, k, r, c) =
      row_of_product(WinogradTile4::weights, i, [&](int m) { return Expr(tap(m, k)); });
  // As they lie in memory: vectors of r.
  const Expr lanes = constant(lowering.lanes);
  weights(k, u, r, i, j, c) = row_of_product(
      WinogradTile4::weights, j, [&](int m) { return Expr(rows(u, i, m, r * lanes + k, c)); });

  const Expr column = (tx * tiles + ti) * kOut, image = nb * images + ni;
  Func pixels("pixels"), columns("columns"), patches("patches");
  pixels(ni, ti, c, nb, tx, ty, i, k) = padded(input, window, column + i, ty * kOut + k, c, image);
  columns(ni, ti, c, nb, tx, ty, i, k) = row_of_product(
      WinogradTile4::inputs, i, [&](int m) { return Expr(pixels(ni, ti, c, nb, tx, ty, m, k)); });
  patches(ni, ti, c, nb, tx, ty, i, j) = row_of_product(
      WinogradTile4::inputs, j, [&](int m) { return Expr(columns(ni, ti, c, nb, tx, ty, i, m)); });

  const RDom q(0, constant(channels), "q");
  Func accumulator("accumulator"), products("products");
  accumulator(ni, ti, c, nb, tx, ty, i, j) = 0.f;
  accumulator(ni, ti, c, nb, tx, ty, i, j) +=
      weights(q % lanes, c % width, q / lanes, i, j, c / width) *
      patches(ni, ti, q, nb, tx, ty, i, j);
  products(ni, ti, c, nb, tx, ty, i, j) = accumulator(ni, ti, c, nb, tx, ty, i, j);

  Func halves("halves"), output("conv2d");
  halves(ni, ti, c, nb, tx, ty, x, j) = row_of_product(WinogradTile4::outputs, x, [&](int m) {
    return Expr(products(ni, ti, c, nb, tx, ty, m, j));
  });
  const Expr sum = row_of_product(WinogradTile4::outputs, y % kOut, [&](int m) {
    const Expr tile = x / kOut;
    return Expr(
        halves(n % images, tile % tiles, c, n / images, tile / tiles, y / kOut, x % kOut, m));
  });
  output(x, y, c, n) = bias.defined() ? sum + bias(c) : sum;

  lowering.stages = {{"rows", rows},         {"weights", weights}, {"pixels", pixels},
                     {"columns", columns},   {"patches", patches}, {"accumulator", accumulator},
                     {"products", products}, {"halves", halves}};
  lowering.outputs = {output};
}

void lower_winograd_weight_grad(Lowering& lowering, const Window& window) {
  constexpr int kOut = WinogradTile4::kOut;
  const Var x("x"), y("y"), c("c"), n("n"), i("i"), j("j"), k("k");
  const Var ni("ni"), ti("ti"), tx("tx"), ty("ty"), nb("nb");
  const Func gradient = lowering.inputs[0], input = lowering.inputs[1];
  const Shape& outputs = lowering.input_types[0].shape;
  const Shape& in = lowering.input_types[1].shape;
  const Columns panel(in[0], 2 * lowering.lanes);
  const Expr width = constant(lowering.pack_width);

  const Expr column = (tx * constant(panel.tiles) + ti) * kOut;
  const Expr image = nb * constant(panel.images) + ni;
  Func pixels("pixels"), columns("columns"), patches("patches"), turned("turned");
  pixels(ni, ti, c, nb, tx, ty, i, k) = padded(input, window, column + i, ty * kOut + k, c, image);
  columns(ni, ti, c, nb, tx, ty, i, k) = row_of_product(
      WinogradTile4::inputs, i, [&](int m) { return Expr(pixels(ni, ti, c, nb, tx, ty, m, k)); });
  patches(ni, ti, c, nb, tx, ty, i, j) = row_of_product(
      WinogradTile4::inputs, j, [&](int m) { return Expr(columns(ni, ti, c, nb, tx, ty, i, m)); });
  turned(k, ni, ti, c, nb, tx, ty, i, j) = patches(ni, ti, c * width + k, nb, tx, ty, i, j);

  // The channel of a tile behind the last one is computed, but not used.
  const Expr channel = Halide::min(n, constant(outputs[1] - 1));
  Window tiles = window;
  tiles.x.in = window.x.out;
  tiles.y.in = window.y.out;
  tiles.x.before = tiles.y.before = 0;
  Func outputs_of_tile("outputs"), spread("spread"), upstream("upstream");
  outputs_of_tile(ni, ti, n, nb, tx, ty, i, k) =
      padded(gradient, tiles, column + i, ty * kOut + k, channel, image);
  spread(ni, ti, n, nb, tx, ty, i, k) = column_of_product(WinogradTile4::outputs, i, [&](int m) {
    return Expr(outputs_of_tile(ni, ti, n, nb, tx, ty, m, k));
  });
  upstream(ni, ti, n, nb, tx, ty, i, j) = column_of_product(
      WinogradTile4::outputs, j, [&](int m) { return Expr(spread(ni, ti, n, nb, tx, ty, i, m)); });

  const int64_t tiles_of_row = (window.x.out + kOut - 1) / kOut;
  const int64_t panels_of_row = (tiles_of_row + panel.tiles - 1) / panel.tiles;
  const int64_t rows = (window.y.out + kOut - 1) / kOut;
  const int64_t chunks = rows / lowering.chunk_rows;
  const int64_t groups = lowering.separates_rows ? chunks : 1;
  const int64_t chunks_of_group = chunks / groups;
  const RDom q({{0, constant(panel.images)},
                {0, constant(panel.tiles)},
                {0, constant(lowering.block_images)},
                {0, constant(lowering.block_columns)},
                {0, constant(lowering.chunk_rows)}},
               "q");
  Func part("part"), sums("sums"), total("total");
  const Expr group = nb * constant(lowering.block_images) + q[2];
  const Expr place = tx * constant(lowering.block_columns) + q[3];
  const Expr row = ty * constant(lowering.chunk_rows) + q[4];
  part(c, n, nb, tx, ty, i, j) = 0.f;
  part(c, n, nb, tx, ty, i, j) +=
      turned(c % width, q[0], q[1], c / width, group, place, row, i, j) *
      upstream(q[0], q[1], n, group, place, row, i, j);
  const int64_t along_batch = in[0] / panel.images / lowering.block_images;
  const int64_t along_x = panels_of_row / lowering.block_columns;
  if (along_batch * along_x * chunks_of_group == 1) {
    sums(c, n, i, j, ty) = part(c, n, 0, 0, ty, i, j);
  } else {
    const RDom b(0, constant(along_batch), 0, constant(along_x), 0, constant(chunks_of_group), "b");
    sums(c, n, i, j, ty) = 0.f;
    sums(c, n, i, j, ty) += part(c, n, b.x, b.y, ty * constant(chunks_of_group) + b.z, i, j);
  }
  const RDom g(0, constant(groups), "g");
  total(c, n, i, j) = 0.f;
  total(c, n, i, j) += sums(c, n, i, j, g);

  Func halves("halves"), output("conv2d_weight_grad");
  halves(c, n, x, j) =
      column_of_product(WinogradTile4::weights, x, [&](int m) { return Expr(total(c, n, m, j)); });
  output(x, y, c, n) =
      column_of_product(WinogradTile4::weights, y, [&](int m) { return Expr(halves(c, n, x, m)); });

  lowering.stages = {{"pixels", pixels},
                     {"columns", columns},
                     {"patches", patches},
                     {"turned", turned},
                     {"outputs", outputs_of_tile},
                     {"spread", spread},
                     {"upstream", upstream},
                     {"part", part},
                     {"sums", sums},
                     {"total", total},
                     {"halves", halves}};
  lowering.outputs = {output};
}

}  // namespace cnnc
