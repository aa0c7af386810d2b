// Add.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("Add infers its output and says what is wrong", "[add]") {
  CHECK(outcome_of("Add", {}, {f32({2, 3, 4, 5}), f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("Add", {}, {f32({2, 3, 4, 5}), f32({2, 4, 4, 5})}) ==
        "adds tensors of one shape, but the inputs are [2, 3, 4, 5] and [2, 4, 4, 5]");
  CHECK(outcome_of("Add", {}, {f32({2, 3})}) == "needs an input \"other\" [N, C, H, W] or [N, C]");
}

TEST_CASE("Add computes what its reference computes", "[add]") {
  std::mt19937 random(1);
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{5, 3}}) {
    check_lowering("Add", {}, {random_tensor(shape, random), random_tensor(shape, random)});
  }
}

TEST_CASE("Add's gradient rule agrees with finite differences", "[add][gradient]") {
  std::mt19937 random(2);
  check_gradient("Add", {}, {random_tensor({2, 3}, random), random_tensor({2, 3}, random)});
}

}  // namespace cnnc
