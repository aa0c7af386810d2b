#include <catch2/catch.hpp>

#include <random>

#include "compiler/plan/plan.h"

namespace cnnc {
namespace {

// Empty, or what is wrong with the packing.
std::string problems(const std::vector<Lifetime>& blocks, const Packing& packing) {
  std::string text;
  if (packing.offsets.size() != blocks.size()) return "not one offset per block";
  for (size_t i = 0; i < blocks.size(); ++i) {
    const int64_t begin = packing.offsets[i];
    const int64_t end = begin + blocks[i].bytes;
    if (begin < 0 || begin % kAlignment != 0) text += "misaligned ";
    if (end > packing.bytes) text += "outside ";
    for (size_t j = 0; j < i; ++j) {
      const bool together = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
      if (together && begin < packing.offsets[j] + blocks[j].bytes && packing.offsets[j] < end) {
        text += "overlap " + std::to_string(i) + " " + std::to_string(j) + " ";
      }
    }
  }
  return text;
}

}  // namespace

TEST_CASE("pack puts blocks of different times into one place") {
  const std::vector<Lifetime> blocks = {{100, 0, 1}, {100, 2, 3}, {100, 4, 4}};
  const Packing packing = pack(blocks);
  CHECK(packing.offsets == std::vector<int64_t>{0, 0, 0});
  CHECK(packing.bytes == 128);
  CHECK(packing_lower_bound(blocks) == 128);
}

TEST_CASE("pack keeps apart what lives at the same step, ends included") {
  const std::vector<Lifetime> blocks = {{64, 0, 1}, {64, 1, 2}};
  CHECK(problems(blocks, pack(blocks)).empty());
  CHECK(pack(blocks).bytes == 128);
}

TEST_CASE("pack of nothing, and of empty blocks, needs no memory") {
  CHECK(pack({}).bytes == 0);
  CHECK(packing_lower_bound({}) == 0);
  CHECK(pack({{0, 0, 5}, {0, 1, 2}}).bytes == 0);
}

TEST_CASE("pack of a chain, as in a network without branches, reaches the bound") {
  std::vector<Lifetime> blocks;
  const std::vector<int64_t> sizes = {200704, 1605632, 802816, 262144, 131072, 2560};
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto step = static_cast<int32_t>(i);
    blocks.push_back({sizes[i], step, step + 1});
  }
  CHECK(pack(blocks).bytes == packing_lower_bound(blocks));
}

TEST_CASE("pack of random blocks never overlaps and is the same each time") {
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](int32_t n) { return static_cast<int32_t>(random() % n); };
  double worst = 1;
  for (int round = 0; round < 300; ++round) {
    std::vector<Lifetime> blocks;
    const int32_t steps = 1 + below(40);
    const int32_t count = below(60);
    for (int32_t i = 0; i < count; ++i) {
      const int32_t first = below(steps);
      const int32_t last = std::min(steps - 1, first + below(round % 2 ? 4 : steps));
      blocks.push_back({below(4) ? below(100000) : below(200), first, last});
    }
    const Packing packing = pack(blocks);
    const int64_t bound = packing_lower_bound(blocks);
    REQUIRE_THAT(problems(blocks, packing), Catch::Equals(""));
    REQUIRE(packing.bytes >= bound);
    REQUIRE(pack(blocks).offsets == packing.offsets);
    if (bound > 0) worst = std::max(worst, static_cast<double>(packing.bytes) / bound);
  }
  CHECK(worst < 2);
}

}  // namespace cnnc
