// What the schedules of Winograd's algorithm share; see compiler/ops/winograd.h.
#pragma once
#include "schedules/schedule.h"

namespace cnnc {

[[nodiscard]] constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
// The largest divisor of `of` that does not exceed `most`.
[[nodiscard]] int64_t largest_divisor(int64_t of, int64_t most);

// Of transforms and products that a task keeps on the stack.
inline constexpr int64_t kMostWinogradStackBytes = 1 << 20;

// With the batch innermost, tiles are of 4x4 outputs and 6x6 inputs.
struct WinogradBatchTile {
  static constexpr int64_t kOut = 4;
  static constexpr int64_t kIn = 6;
  static constexpr int64_t kProducts = kIn * kIn;
};

// What outputs are cut into, with the batch innermost: panels of so many columns, which are images
// and, where the batch is shorter, neighbouring tiles.
struct WinogradPanels {
  int64_t images;  // of a panel ...
  int64_t tiles;   // ... and tiles, along x
  int64_t along_x;
  int64_t rows;  // of tiles
  int64_t along_batch;

  WinogradPanels(int64_t batch, int64_t height, int64_t width, int64_t columns);
};

// Whether it is a convolution, forward or input gradient, that the algorithm can compute.
[[nodiscard]] bool is_winograd_convolution(const Problem& problem);
// With the batch innermost: whether tiles are well filled, and outputs enough to make up for the
// transform of the weights.
[[nodiscard]] bool winograd_pays(int64_t batch, int64_t height, int64_t width);

// The length of the register tiles of b vectors, of up to `most`, that take the least time for so
// many channels if the last tile is computed whole.
[[nodiscard]] int64_t winograd_tile_length(int64_t channels, int64_t b, int64_t most);
// The most of them that fit the registers.
[[nodiscard]] int64_t most_of_winograd_tile(int64_t b, const Machine& machine);
// Whether there are registers for sums enough to hide the latency of multiply-adds, and as many
// beside them.
[[nodiscard]] bool has_many_registers(const Machine& machine);
inline constexpr int64_t kManySums = 16;

// Memory of taps x taps matrices, each of them without gaps; `outer` of such sets. Elements of all
// matrices are written and read together, so they do not begin in the same set of a cache.
[[nodiscard]] Scratch winograd_scratch(std::vector<int64_t> extents, int64_t taps,
                                       const std::vector<int64_t>& outer);
// Whether the scratch memory is a reasonable size.
[[nodiscard]] bool winograd_scratch_fits(const Params& params);

}  // namespace cnnc
