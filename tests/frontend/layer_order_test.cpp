#include "compiler/frontend/layer_order.h"

#include <catch2/catch.hpp>

namespace cnnc {
namespace {

using Indices = std::vector<size_t>;

TEST_CASE("layers that are in order stay as they are", "[frontend]") {
  CHECK(order_layers({}).order.empty());
  CHECK(order_layers({{}, {0}, {1, 0}, {}, {3, 2}}).order == Indices{0, 1, 2, 3, 4});
}

TEST_CASE("a layer moves no further than it has to", "[frontend]") {
  CHECK(order_layers({{2}, {}, {}, {0}}).order == Indices{1, 2, 0, 3});
  CHECK(order_layers({{1}, {2}, {3}, {}}).order == Indices{3, 2, 1, 0});
}

TEST_CASE("a layer may read another twice", "[frontend]") {
  CHECK(order_layers({{1, 1}, {}}).order == Indices{1, 0});
}

TEST_CASE("a cycle is named from its first layer on", "[frontend]") {
  CHECK(order_layers({{0}}).cycle == Indices{0});
  CHECK(order_layers({{}, {0, 3}, {1}, {2}}).cycle == Indices{1, 3, 2});
  CHECK(order_layers({{1}, {2}, {1}}).cycle == Indices{1, 2});  // 0 only reads the cycle
}

TEST_CASE("long chains and long cycles", "[frontend]") {
  constexpr size_t kLength = 200000;
  std::vector<Indices> reads(kLength);
  for (size_t i = 0; i + 1 < kLength; ++i) reads[i] = {i + 1};
  CHECK(order_layers(reads).order.front() == kLength - 1);
  reads.back() = {0};
  CHECK(order_layers(reads).cycle.size() == kLength);
}

}  // namespace
}  // namespace cnnc
