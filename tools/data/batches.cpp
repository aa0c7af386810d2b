// Entry points: Batches, shuffled_order. Tested by tests/tools/batches_test.cpp.
#include "tools/data/batches.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "compiler/support/check.h"
#include "tools/data/augmentation.h"
#include "tools/data/random.h"

namespace cnnc {
std::vector<int64_t> shuffled_order(int64_t count, Shuffle shuffle) {
  std::mt19937_64 engine = engine_of({shuffle.seed, static_cast<uint64_t>(shuffle.epoch)});
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

Batches::Batches(Batches&&) noexcept = default;
Batches::~Batches() = default;

void Batches::augment(const Augmentation& augmentation, Shuffle seed) {
  if (augmentation.steps.empty()) return;
  augmenter_ = std::make_unique<Augmenter>(set_, augmentation);
  augmentation_seed_ = seed;
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
  batch.labels.resize(set_.labels.empty() ? 0 : batch.count * set_.label_size);
  for (int64_t i = 0; i < batch.count; ++i) {
    const int64_t image = order_.empty() ? first + i : order_[first + i];
    float* out = batch.images.data() + i * image_size;
    if (set_.values.empty()) {
      const uint8_t* pixels = set_.pixels.data() + image * image_size;
      std::transform(pixels, pixels + image_size, out,
                     [this](uint8_t pixel) { return float_of_pixel_[pixel]; });
    } else {
      std::copy_n(set_.values.data() + image * image_size, image_size, out);
    }
    int32_t* labels = nullptr;
    if (!set_.labels.empty()) {
      labels = batch.labels.data() + i * set_.label_size;
      std::copy_n(set_.labels.data() + image * set_.label_size, set_.label_size, labels);
    }
    if (augmenter_) augmenter_->apply(augmentation_seed_, first + i, out, labels);
  }
  ++position_;
  return true;
}

}  // namespace cnnc
