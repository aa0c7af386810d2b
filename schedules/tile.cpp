// The register tile: a broadcast operands x b vectors, all accumulators in registers over the whole
// reduction. One step loads b vectors, broadcasts a scalars and does a*b FMAs.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {

double tile_cycles(int64_t a, int64_t b) {
  // Two FMAs and two loads a cycle; at least as long as the latency of an FMA.
  const double fma = static_cast<double>(a * b) / 2;
  const double loads = 1.03 * static_cast<double>(a + b) / 2;
  return std::max({fma, loads, 4.6}) + 0.1;
}

double tile_efficiency(int64_t a, int64_t b, int64_t columns, int64_t vectors,
                       const Machine& machine, int64_t panel_bytes_per_vector) {
  constexpr double kL2BytesPerCycle = 24;
  const bool streams = b * panel_bytes_per_vector > machine.l1_bytes / 2;
  const double stream = streams ? static_cast<double>(b * machine.lanes * 4) / kL2BytesPerCycle : 0;
  const int64_t tail = columns % a;
  const int64_t whole_tiles = columns / a;
  const int64_t panels = (vectors + b - 1) / b;
  double cycles = static_cast<double>(whole_tiles) * std::max(tile_cycles(a, b), stream);
  if (tail != 0) cycles += std::max(tile_cycles(tail, b), stream);
  cycles *= static_cast<double>(panels);
  return static_cast<double>(columns * vectors) / 2 / cycles;
}

Tile choose_tile(int64_t columns, int64_t vectors, const Machine& machine,
                 int64_t panel_bytes_per_vector, VectorTail vector_tail) {
  constexpr int64_t kMostVectors = 6;
  Tile best;
  for (int64_t b = 1; b <= std::min(kMostVectors, vectors); ++b) {
    if (vector_tail == VectorTail::none && vectors % b != 0) continue;
    for (int64_t tiles = 1; tiles <= columns; ++tiles) {
      const int64_t a = (columns + tiles - 1) / tiles;
      // Accumulators, the vectors of one step and one broadcast; one register too many halves the
      // speed.
      if (a * b + b + 1 > machine.registers) continue;
      // A tail is a second loop body: worth it only if clearly faster.
      const double worth = columns % a == 0 ? 1 : 0.97;
      const double efficiency =
          worth * tile_efficiency(a, b, columns, vectors, machine, panel_bytes_per_vector);
      if (efficiency > best.efficiency * 1.002) best = {a, b, efficiency};
    }
  }
  return best;
}

}  // namespace cnnc
