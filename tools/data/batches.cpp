// Entry points: Batches, shuffled_order. Tested by tests/tools/batches_test.cpp.
#include "tools/data/batches.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

// Uniform in 0..bound-1, whatever the standard library (its own distributions differ).
uint64_t draw_below(std::mt19937_64& engine, uint64_t bound) {
  const uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound
  for (;;) {
    const uint64_t draw = engine();
    if (draw <= UINT64_MAX - rejected) return draw % bound;
  }
}

}  // namespace

std::vector<int64_t> shuffled_order(int64_t count, Shuffle shuffle) {
  const auto epoch = static_cast<uint64_t>(shuffle.epoch);
  std::seed_seq seeds{static_cast<uint32_t>(shuffle.seed),
                      static_cast<uint32_t>(shuffle.seed >> 32), static_cast<uint32_t>(epoch),
                      static_cast<uint32_t>(epoch >> 32)};
  std::mt19937_64 engine(seeds);
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = count - 1; i > 0; --i) {
    const auto j = static_cast<int64_t>(draw_below(engine, static_cast<uint64_t>(i) + 1));
    std::swap(order[i], order[j]);
  }
  return order;
}

Batches::Batches(const ImageSet& set, int64_t batch_size, std::optional<Shuffle> shuffle)
    : set_(set), batch_size_(batch_size) {
  CNNC_CHECK(batch_size > 0, "a batch size below one");
  if (shuffle) order_ = shuffled_order(set.count, *shuffle);
  for (int i = 0; i < 256; ++i) float_of_pixel_[i] = static_cast<float>(i) / 255.0F;
}

int64_t Batches::size() const { return (set_.count + batch_size_ - 1) / batch_size_; }

void Batches::seek(int64_t position) {
  CNNC_CHECK(position >= 0 && position <= size(), "a position outside the epoch");
  position_ = position;
}

bool Batches::next(Batch& batch) {
  if (position_ == size()) return false;
  const int64_t first = position_ * batch_size_;
  batch.count = std::min(batch_size_, set_.count - first);
  const int64_t image_size = set_.image_size();
  batch.images.resize(batch.count * image_size);
  batch.labels.resize(set_.labels.empty() ? 0 : batch.count);
  for (int64_t i = 0; i < batch.count; ++i) {
    const int64_t image = order_.empty() ? first + i : order_[first + i];
    const uint8_t* pixels = set_.pixels.data() + image * image_size;
    std::transform(pixels, pixels + image_size, batch.images.begin() + i * image_size,
                   [this](uint8_t pixel) { return float_of_pixel_[pixel]; });
    if (!set_.labels.empty()) batch.labels[i] = set_.labels[image];
  }
  ++position_;
  return true;
}

}  // namespace cnnc
