// Batches that a thread prepares are those that a loop makes, whatever the timing.
#include "tools/data/prefetcher.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "tools/data/augmentation.h"
#include "tools/data/synthetic.h"

namespace cnnc {
namespace {

ImageSet drawn(int64_t images) {
  Synthetic options;
  options.train = images;
  options.classes = 4;
  return draw_synthetic(options, {{3, 10, 12}, 4, 1})->train;
}

Augmentation changes() {
  Augmentation augmentation;
  augmentation.steps = {
      {AugmentationStep::Kind::crop, 2, AugmentationStep::Padding::reflect, 0},
      {AugmentationStep::Kind::horizontal_flip, 0, AugmentationStep::Padding::constant, 0.5}};
  return augmentation;
}

Batches batches_of(const ImageSet& set, const Augmentation& augmentation, int64_t from) {
  const Shuffle shuffle{5, 2};
  Batches batches(set, 7, shuffle);
  batches.augment(augmentation, shuffle);
  batches.seek(from);
  return batches;
}

void pause(int64_t milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST_CASE("a thread prepares the batches that a loop makes", "[data]") {
  const ImageSet set = drawn(50);
  const Augmentation augmentation = changes();
  for (const int64_t from : {0, 3, 8}) {
    for (const int64_t every : {0, 1, 3}) {  // the reader rests before each so many batches
      Batches expected = batches_of(set, augmentation, from);
      Prefetcher prefetcher(batches_of(set, augmentation, from));
      CHECK(prefetcher.size() == expected.size());
      Batch a;
      Batch b;
      int64_t count = 0;
      while (expected.next(a)) {
        if (every > 0 && count % every == 0) pause(2);
        REQUIRE(prefetcher.next(b));
        CHECK(a.count == b.count);
        CHECK(a.images == b.images);
        CHECK(a.labels == b.labels);
        ++count;
      }
      CHECK_FALSE(prefetcher.next(b));
      CHECK_FALSE(prefetcher.next(b));
    }
  }
}

TEST_CASE("an epoch may be left early", "[data]") {
  const ImageSet set = drawn(50);
  const Augmentation augmentation = changes();
  for (int64_t taken = 0; taken < 4; ++taken) {
    Prefetcher prefetcher(batches_of(set, augmentation, 0));
    Batch batch;
    for (int64_t i = 0; i < taken; ++i) CHECK(prefetcher.next(batch));
    if (taken % 2 == 1) pause(3);
  }
}

TEST_CASE("an empty set has no batches for a thread, either", "[data]") {
  const ImageSet empty;
  Prefetcher prefetcher(Batches(empty, 4));
  Batch batch;
  CHECK_FALSE(prefetcher.next(batch));
}

}  // namespace
}  // namespace cnnc
