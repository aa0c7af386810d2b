#include "schedules/winograd_tiles.h"

#include <algorithm>
#include <numeric>

namespace cnnc {
namespace {

constexpr int64_t kTile = WinogradBatchTile::kOut;
constexpr int64_t kLine = 16;  // elements of a line of the caches

}  // namespace

int64_t largest_divisor(int64_t of, int64_t most) {
  int64_t result = 1;
  for (int64_t k = 1; k <= std::min(of, most); ++k) {
    if (of % k == 0) result = k;
  }
  return result;
}

bool is_winograd_convolution(const Problem& p) {
  return p.winograd && p.family == "conv" && p.rank == 4 && p.groups == 1 && p.reduce_h == 3 &&
         p.reduce_w == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 &&
         p.dilation_w == 1;
}

WinogradPanels::WinogradPanels(int64_t batch, int64_t height, int64_t width, int64_t columns)
    : images(std::gcd(batch, columns)),
      tiles(columns / images),
      along_x(ceil_div(ceil_div(width, kTile), tiles)),
      rows(ceil_div(height, kTile)),
      along_batch(batch / images) {}

Scratch winograd_scratch(std::vector<int64_t> extents, int64_t taps,
                         const std::vector<int64_t>& outer) {
  Scratch scratch = dense_scratch(std::move(extents));
  int64_t stride = (ceil_div(scratch.elements(), kLine) | 1) * kLine;
  const auto add = [&](int64_t extent) {
    scratch.extents.push_back(extent);
    scratch.strides.push_back(stride);
    stride *= extent;
  };
  add(taps);
  add(taps);
  for (const int64_t extent : outer) add(extent);
  return scratch;
}

bool winograd_pays(int64_t batch, int64_t height, int64_t width) {
  constexpr int64_t kLeastOutputs = 128;
  const int64_t computed = ceil_div(height, kTile) * ceil_div(width, kTile) * kTile * kTile;
  return batch * height * width >= kLeastOutputs && 2 * height * width >= computed;
}

int64_t winograd_tile_length(int64_t channels, int64_t b, int64_t most) {
  const auto cycles = [&](int64_t a) {
    return static_cast<double>(ceil_div(channels, a)) * tile_cycles(a, b);
  };
  // What a step costs beside loads and multiply-adds is paid more often by shorter tiles.
  constexpr double kWorth = 0.98;
  int64_t best = std::min(channels, most);
  for (int64_t a = best - 1; a >= 1; --a) {
    if (cycles(a) < kWorth * cycles(best)) best = a;
  }
  return best;
}

int64_t most_of_winograd_tile(int64_t b, const Machine& machine) {
  return (machine.registers - b - 1) / b;
}

bool has_many_registers(const Machine& machine) { return machine.registers >= 2 * kManySums; }

bool winograd_scratch_fits(const Params& params) {
  constexpr int64_t kMostElements = 1 << 26;  // 256 MiB
  int64_t elements = 0;
  for (const Scratch& scratch : params.scratch) elements += scratch.elements();
  return elements <= kMostElements;
}

}  // namespace cnnc
