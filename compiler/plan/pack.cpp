// pack: where blocks of memory with lifetimes lie. Tested by tests/plan/pack_test.cpp.
#include <algorithm>
#include <tuple>

#include "compiler/plan/plan.h"

namespace cnnc {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool overlap(const Lifetime& a, const Lifetime& b) {
  return a.first <= b.last && b.first <= a.last;
}

enum class Order { by_size, by_size_and_time, by_start };
enum class Fit { tightest, lowest };

std::vector<size_t> placing_order(const std::vector<Lifetime>& blocks, Order order) {
  std::vector<size_t> result(blocks.size());
  for (size_t i = 0; i < result.size(); ++i) result[i] = i;
  const auto key = [&](size_t i) {
    const Lifetime& b = blocks[i];
    const int64_t time = b.last - b.first + 1;
    switch (order) {
      case Order::by_size:
        return std::tuple(-b.bytes, -time, static_cast<int64_t>(b.first));
      case Order::by_size_and_time:
        return std::tuple(-b.bytes * time, -b.bytes, int64_t{b.first});
      case Order::by_start:
        return std::tuple(int64_t{b.first}, -b.bytes, -time);
    }
    return std::tuple<int64_t, int64_t, int64_t>();
  };
  std::stable_sort(result.begin(), result.end(),
                   [&](size_t a, size_t b) { return key(a) < key(b); });
  return result;
}

// Places one block after the other into a gap between the blocks that live at the same time.
Packing place(const std::vector<Lifetime>& blocks, Order order, Fit fit) {
  Packing packing;
  packing.offsets.assign(blocks.size(), 0);
  std::vector<size_t> placed;
  for (size_t block : placing_order(blocks, order)) {
    const int64_t bytes = aligned(blocks[block].bytes);
    if (bytes == 0) continue;
    std::vector<std::pair<int64_t, int64_t>> occupied;  // [begin, end)
    for (size_t other : placed) {
      if (!overlap(blocks[block], blocks[other])) continue;
      const int64_t begin = packing.offsets[other];
      occupied.emplace_back(begin, begin + aligned(blocks[other].bytes));
    }
    std::sort(occupied.begin(), occupied.end());
    int64_t end = 0;  // of all occupied memory so far
    int64_t best = -1;
    int64_t best_gap = 0;
    for (const auto& [from, to] : occupied) {
      const int64_t gap = from - end;
      if (gap >= bytes && (best < 0 || (fit == Fit::tightest && gap < best_gap))) {
        best = end;
        best_gap = gap;
      }
      end = std::max(end, to);
    }
    packing.offsets[block] = best >= 0 ? best : end;
    packing.bytes = std::max(packing.bytes, packing.offsets[block] + bytes);
    placed.push_back(block);
  }
  return packing;
}

}  // namespace

Packing pack(const std::vector<Lifetime>& blocks) {
  const int64_t bound = packing_lower_bound(blocks);
  Packing best;
  bool first = true;
  for (Order order : {Order::by_size, Order::by_size_and_time, Order::by_start}) {
    for (Fit fit : {Fit::tightest, Fit::lowest}) {
      Packing packing = place(blocks, order, fit);
      if (first || packing.bytes < best.bytes) best = std::move(packing);
      first = false;
      if (best.bytes == bound) return best;
    }
  }
  return best;
}

int64_t packing_lower_bound(const std::vector<Lifetime>& blocks) {
  int64_t most = 0;
  for (const Lifetime& at : blocks) {  // the most lives at a step at which a block begins
    int64_t live = 0;
    for (const Lifetime& block : blocks) {
      if (block.first <= at.first && at.first <= block.last) live += aligned(block.bytes);
    }
    most = std::max(most, live);
  }
  return most;
}

}  // namespace cnnc
