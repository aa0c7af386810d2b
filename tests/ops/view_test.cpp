// View.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs to(const Shape& shape) { return attrs_of({{"shape", shape}}); }

}  // namespace

TEST_CASE("View takes any shape of as many elements", "[view]") {
  CHECK(outcome_of("View", to({6, 4}), {f32({2, 3, 4})}) == "f32[6, 4]");
  CHECK(outcome_of("View", to({2, 3, 1, 4}), {i32({2, 3, 4})}) == "i32[2, 3, 1, 4]");
  CHECK(outcome_of("View", to({5, 4}), {f32({2, 3, 4})}) == "cannot turn [2, 3, 4] into [5, 4]");
}

TEST_CASE("View keeps the order of the elements", "[view]") {
  const std::vector<std::pair<Shape, Shape>> cases = {
      {{2, 3, 4}, {2, 3, 1, 4}},
      {{2, 3, 1, 4}, {2, 3, 4}},
      {{2, 3, 4, 5, 6}, {2, 12, 5, 6}},
      {{2, 12, 5, 6}, {2, 3, 4, 30}},
      {{2, 3, 4}, {6, 4}},
      {{6, 4}, {2, 3, 4}},
      {{4, 6}, {3, 8}},
      {{1, 1, 1}, {1}},
      {{2, 1, 3}, {1, 1, 6, 1}},
      {{3, 4, 5}, {60}},
      {{2, 2, 3, 1, 5, 2}, {4, 15, 2}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto& [from, into] = cases[i];
    INFO(to_string(from) << " to " << to_string(into) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_lowering("View", to(into), {random_tensor(from, random)}, {}, 0);
    check_gradient("View", to(into), {random_tensor(from, random)});
  }
}

}  // namespace cnnc
