// Tested by tests/schedules.
#include "compiler/ops/winograd.h"

#include "compiler/ops/exprs.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

// Row `index` of matrix * values, where `index` is one of 0 ... kRows - 1: a constant wherever a
// schedule unrolls it.
template <int kRows, int kColumns, class Values>
Expr row_of_product(const float (&matrix)[kRows][kColumns], const Expr& index, Values value) {
  Expr result;
  for (int row = kRows - 1; row >= 0; --row) {
    Expr sum;
    for (int k = 0; k < kColumns; ++k) {
      const float factor = matrix[row][k];
      if (factor == 0) continue;
      const Expr term = factor == 1 ? value(k) : value(k) * factor;
      sum = sum.defined() ? sum + term : term;
    }
    result = result.defined() ? Halide::select(index == row, sum, result) : sum;
  }
  return result;
}

}  // namespace

void lower_winograd(Lowering& lowering, const Window& window) {
  constexpr int kOut = WinogradTile::kOut;
  const Var x("x"), y("y"), c("c"), n("n"), i("i"), j("j"), k("k"), t("t");
  const Func input = lowering.inputs[0], weight = lowering.inputs[1];
  const Func bias = input_or_none(lowering, 2);
  const int64_t channels = lowering.input_types[0].shape[1];
  const Expr tiles_of_row = constant((window.x.out + kOut - 1) / kOut);

  // Positions outside of the image are zero, padding or beyond the last outputs.
  const auto padded = [&](const Expr& px, const Expr& py) {
    const Expr ix = px - constant(window.x.before), iy = py - constant(window.y.before);
    const Expr inside =
        ix >= 0 && ix < constant(window.x.in) && iy >= 0 && iy < constant(window.y.in);
    return Halide::select(inside,
                          input(Halide::clamp(ix, 0, constant(window.x.in - 1)),
                                Halide::clamp(iy, 0, constant(window.y.in - 1)), c, n),
                          0.f);
  };
  const Expr tx = t % tiles_of_row, ty = t / tiles_of_row;
  Func columns("columns"), patches("patches");
  columns(c, i, t, k, n) = row_of_product(
      WinogradTile::inputs, i, [&](int m) { return padded(tx * kOut + m, ty * kOut + k); });
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

}  // namespace cnnc
