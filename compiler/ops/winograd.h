// Winograd's minimal filtering, F(m x m, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional
// Neural Networks" (2015).
//
// A tile of m x m outputs is A^T [(G g G^T) * (B^T d B)] A, elementwise in the middle, of inputs d,
// two more on each axis, and 3x3 weights g: for m = 4, 36 products instead of 144; for m = 2, 16
// instead of 36. In fp32 the result differs from the exact one by up to some 1e-5 of the largest
// product, ten times as much as direct sums do; an infinite or NaN input reaches all outputs of its
// tile.
#pragma once
#include "compiler/ops/lowering.h"
#include "compiler/ops/window.h"

namespace cnnc {

struct WinogradTile4 {
  static constexpr int kOut = 4;
  static constexpr int kIn = 6;
  static constexpr float inputs[kIn][kIn] = {
      {4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
      {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1},
  };  // B^T
  static constexpr double weights[kIn][3] = {
      {1.0 / 4, 0, 0},
      {-1.0 / 6, -1.0 / 6, -1.0 / 6},
      {-1.0 / 6, 1.0 / 6, -1.0 / 6},
      {1.0 / 24, 1.0 / 12, 1.0 / 6},
      {1.0 / 24, -1.0 / 12, 1.0 / 6},
      {0, 0, 1},
  };  // G
  static constexpr float outputs[kOut][kIn] = {
      {1, 1, 1, 1, 1, 0},
      {0, 1, -1, 2, -2, 0},
      {0, 1, 1, 4, 4, 0},
      {0, 1, -1, 8, -8, 1},
  };  // A^T
};

struct WinogradTile2 {
  static constexpr int kOut = 2;
  static constexpr int kIn = 4;
  static constexpr float inputs[kIn][kIn] = {
      {1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
  static constexpr double weights[kIn][3] = {
      {1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  static constexpr float outputs[kOut][kIn] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
};

// Conv2d with a 3x3 kernel, stride and dilation 1, one group. inputs[1] is the weight transformed
// for tiles of m = Lowering::winograd_tile outputs on each axis, [Cout, Cin, m + 2, m + 2]. Tiles
// of an image are numbered row by row: t = (y / m) * ceil(W / m) + x / m.
//
//   Stages: "columns" (c, i, t, k, n) and "patches" (c, i, j, t, n), the input transform along x
//   and then y; "accumulator" and "products" (c, i, j, t, n), what is summed and a pure copy of it;
//   "halves" (c, x in tile, j, t, n), the output transform along x.
void lower_winograd(Lowering& lowering, const Window& window);

// Which channels the first dimension of weights is of: those of Conv2d's, or those of transposed
// convolutions', whose taps come in reverse.
enum class WeightOrder : uint8_t { outputs_first, inputs_first };

// The same with the batch innermost and m = 4, for weights as they are. Of a transposed
// convolution, such as the gradient of an input, the window is that in which outputs read. `bias`
// may be undefined. A panel is Lowering::pack_width columns: `ni` of so many images (the greatest
// common divisor with the batch) by `ti` neighbouring tiles; it is number `tx` of its row of tiles
// `ty`, of images number `nb`.
//
//   Stages: "rows" (u, i, k, r, c) and "weights" (k, u, r, i, j, c), the transform of the weights
//   of output channel c * Lowering::tile_channels + u and input channel r, or r * lanes + k;
//   "pixels" and "columns" (ni, ti, c, nb, tx, ty, i, k) and "patches" (ni, ti, c, nb, tx, ty, i,
//   j), the inputs and their transform along x and then y; "accumulator" and "products" (ni, ti, c,
//   nb, tx, ty, i, j); "halves" (ni, ti, c, nb, tx, ty, x in tile, j).
void lower_winograd_batch(Lowering& lowering, const Window& window, WeightOrder order,
                          const Halide::Func& bias);

// The gradient of the weights of such a convolution, which is the algorithm in reverse: G^T dU G,
// where dU sums over all tiles and images (B^T d B) * (A g A^T), g 4x4 of the output gradient.
// Panels of columns as above.
//
//   Stages: "pixels", "columns" and "patches", the transform of the inputs as above; "turned" (k,
//   ni, ti, c, nb, tx, ty, i, j), a copy of that of input channel c * Lowering::pack_width + k;
//   "outputs", "spread" and "upstream" (ni, ti, n, nb, tx, ty, i, j), the transform of the output
//   gradients along x and then y; "part" (c, n, nb, tx, ty, i, j), the sum over a block of
//   Lowering::block_columns x block_images panels in chunk_rows rows of tiles; "sums" (c, n, i, j,
//   ty), of all blocks or, if Lowering::separates_rows, of those in the same rows; "total" (c, n,
//   i, j); "halves" (c, n, x, j).
void lower_winograd_weight_grad(Lowering& lowering, const Window& window);

}  // namespace cnnc
