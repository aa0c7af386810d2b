// Batches of a data set: order, conversion and the short last batch.
#include "tools/data/batches.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace cnnc {
namespace {

// `count` images of 1x2 pixels; image i has the pixels i and 255 - i and the label 2 i.
ImageSet small_set(int64_t count) {
  ImageSet set;
  set.count = count;
  set.channels = 1;
  set.height = 1;
  set.width = 2;
  for (int64_t i = 0; i < count; ++i) {
    set.pixels.push_back(static_cast<uint8_t>(i));
    set.pixels.push_back(static_cast<uint8_t>(255 - i));
    set.labels.push_back(static_cast<int32_t>(2 * i));
  }
  return set;
}

std::vector<int32_t> all_labels(Batches& batches) {
  std::vector<int32_t> labels;
  Batch batch;
  while (batches.next(batch)) labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  return labels;
}

TEST_CASE("batches follow the file's order and end with a short one", "[data]") {
  const ImageSet set = small_set(10);
  Batches batches(set, 4);
  CHECK(batches.size() == 3);
  Batch batch;
  REQUIRE(batches.next(batch));
  CHECK(batch.count == 4);
  CHECK(batch.images.size() == 8);
  CHECK(batch.labels == std::vector<int32_t>{0, 2, 4, 6});
  REQUIRE(batches.next(batch));
  CHECK(batch.labels == std::vector<int32_t>{8, 10, 12, 14});
  REQUIRE(batches.next(batch));
  CHECK(batch.count == 2);
  CHECK(batch.images.size() == 4);
  CHECK(batch.labels == std::vector<int32_t>{16, 18});
  CHECK(batch.images[2] == 9 / 255.0F);
  CHECK(!batches.next(batch));
  CHECK(!batches.next(batch));
  CHECK(batches.position() == 3);
}

TEST_CASE("pixels are divided by 255", "[data]") {
  const ImageSet set = small_set(256);
  Batches batches(set, 256);
  Batch batch;
  REQUIRE(batches.next(batch));
  for (int i = 0; i < 256; ++i) {
    CHECK(batch.images[2 * i] == static_cast<float>(i) / 255.0F);
    CHECK(batch.images[2 * i + 1] == static_cast<float>(255 - i) / 255.0F);
  }
}

TEST_CASE("an empty set has no batch, and labels may be missing", "[data]") {
  const ImageSet empty = small_set(0);
  Batches none(empty, 64, Shuffle{1, 0});
  Batch batch;
  CHECK(none.size() == 0);
  CHECK(!none.next(batch));

  ImageSet unlabelled = small_set(3);
  unlabelled.labels.clear();
  Batches some(unlabelled, 64);
  REQUIRE(some.next(batch));
  CHECK(batch.count == 3);
  CHECK(batch.labels.empty());
}

TEST_CASE("shuffling gives every image once, in an order of the seed and the epoch", "[data]") {
  const ImageSet set = small_set(100);
  const auto labels_of = [&set](Shuffle shuffle) {
    Batches batches(set, 7, shuffle);
    return all_labels(batches);
  };
  const std::vector<int32_t> order = labels_of({0, 0});
  CHECK(order != set.labels);
  std::vector<int32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == set.labels);
  CHECK(labels_of({0, 0}) == order);
  CHECK(labels_of({1, 0}) != order);
  CHECK(labels_of({0, 1}) != order);
  CHECK(labels_of({uint64_t{1} << 32, 0}) != order);
  CHECK(labels_of({0, 1}) != labels_of({1, 0}));
}

TEST_CASE("images keep their labels when they are shuffled", "[data]") {
  const ImageSet set = small_set(100);
  Batches batches(set, 8, Shuffle{5, 2});
  Batch batch;
  while (batches.next(batch)) {
    for (int64_t i = 0; i < batch.count; ++i) {
      const int32_t image = batch.labels[i] / 2;
      CHECK(batch.images[2 * i] == static_cast<float>(image) / 255.0F);
    }
  }
}

TEST_CASE("the shuffled order is the same on every machine", "[data]") {
  CHECK(shuffled_order(0, {}).empty());
  CHECK(shuffled_order(1, {}) == std::vector<int64_t>{0});
  CHECK(shuffled_order(10, {0, 0}) == std::vector<int64_t>{8, 2, 3, 5, 1, 6, 9, 7, 0, 4});
  CHECK(shuffled_order(10, {7, 3}) == std::vector<int64_t>{2, 8, 0, 1, 3, 6, 4, 5, 9, 7});
}

TEST_CASE("every place is equally likely for an image", "[data]") {
  constexpr int kExpected = 1500;
  constexpr int kRounds = 4 * kExpected;
  int places[4][4] = {};
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<int64_t> order = shuffled_order(4, {0, round});
    for (int place = 0; place < 4; ++place) ++places[place][order[place]];
  }
  for (const auto& row : places) {
    for (const int count : row) CHECK(std::abs(count - kExpected) < 5 * 34);  // 5 sigma
  }
}

TEST_CASE("an epoch can be continued from any batch", "[data]") {
  const ImageSet set = small_set(50);
  Batches whole(set, 8, Shuffle{3, 1});
  const std::vector<int32_t> all = all_labels(whole);
  for (int64_t position = 0; position <= whole.size(); ++position) {
    Batches rest(set, 8, Shuffle{3, 1});
    rest.seek(position);
    const auto begin = all.begin() + std::min<int64_t>(position * 8, 50);
    CHECK(all_labels(rest) == std::vector<int32_t>(begin, all.end()));
  }
}

}  // namespace
}  // namespace cnnc
