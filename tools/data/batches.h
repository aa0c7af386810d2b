// One epoch of a data set, batch by batch, as floats.
//
// A pixel of a byte becomes u8 / 255.0f, so that 0 is 0.0f and 255 is 1.0f. The last batch is short
// where the batch size does not divide the number of images. Two Batches with equal arguments give
// equal batches, on any machine.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tools/data/image_set.h"

namespace cnnc {

// Picks the order of an epoch: each epoch of a seed has one of its own.
struct Shuffle {
  uint64_t seed = 0;
  int64_t epoch = 0;
};

// A permutation of 0..count-1. std::mt19937_64, seeded through std::seed_seq with the halves of the
// seed and of the epoch (low halves first), drives a Fisher-Yates shuffle: for i from count-1 down
// to 1, entry i is exchanged with entry j, j drawn from 0..i without bias: draws of 64 bits at or
// above the greatest multiple of i+1 are rejected, and j is the remainder of the first other one.
[[nodiscard]] std::vector<int64_t> shuffled_order(int64_t count, Shuffle shuffle);

struct Batch {
  int64_t count = 0;
  std::vector<float> images;    // [count, channels, height, width]
  std::vector<int32_t> labels;  // [count, label_size]; empty if the set has none
};

struct Augmentation;
class Augmenter;

class Batches {
 public:
  // In the order of the file, or shuffled. `set` must outlive this. batch_size > 0.
  Batches(const ImageSet& set, int64_t batch_size, std::optional<Shuffle> shuffle = std::nullopt);
  Batches(Batches&&) noexcept;
  ~Batches();

  // Changes the images at random, by this seed and epoch. `augmentation` must outlive this.
  void augment(const Augmentation& augmentation, Shuffle seed);

  // Fills in the next batch, or returns false at the end of the epoch. Reuses `batch`'s memory.
  [[nodiscard]] bool next(Batch& batch);

  // How many batches the epoch has, and how many next() has given.
  [[nodiscard]] int64_t size() const;
  [[nodiscard]] int64_t position() const { return position_; }
  // Goes to a batch of the epoch, 0 <= position <= size(): how an interrupted epoch is continued.
  void seek(int64_t position);

 private:
  const ImageSet& set_;
  int64_t batch_size_;
  int64_t position_ = 0;
  std::vector<int64_t> order_;             // empty: the order of the file
  std::array<float, 256> float_of_pixel_;  // u8 / 255.0f
  std::unique_ptr<Augmenter> augmenter_;
  Shuffle augmentation_seed_;
};

}  // namespace cnnc
