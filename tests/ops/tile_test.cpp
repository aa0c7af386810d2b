// Tile, Expand, TileGrad.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs dims(std::vector<int64_t> numbers) { return attrs_of({{"dims", list(std::move(numbers))}}); }
Attrs size(std::vector<int64_t> numbers) { return attrs_of({{"size", list(std::move(numbers))}}); }

}  // namespace

TEST_CASE("Tile and Expand infer their outputs and say what is wrong", "[tile]") {
  CHECK(outcome_of("Tile", dims({2}), {f32({2, 3, 4})}) == "f32[2, 3, 8]");
  CHECK(outcome_of("Tile", dims({3, 2, 1}), {i32({2, 3, 4})}) == "i32[6, 6, 4]");
  CHECK(outcome_of("Tile", dims({1, 2, 3}), {f32({2, 3})}) ==
        "dims has 3 numbers, but the input is [2, 3]");
  CHECK(outcome_of("Expand", size({7}), {f32({2, 3, 1})}) == "f32[2, 3, 7]");
  CHECK(outcome_of("Expand", size({-1, 5, 4}), {f32({2, 1, 4})}) == "f32[2, 5, 4]");
  CHECK(outcome_of("Expand", size({5, 4}), {f32({2, 3, 4})}) ==
        "size has 5 for dimension 1, whose extent is 3: only dimensions of extent 1 expand");
  CHECK(outcome_of("Expand", size({0}), {f32({2, 1})}) ==
        "size has 0 for dimension 1, whose extent is 1: only dimensions of extent 1 expand");
}

TEST_CASE("Tile and Expand repeat as PyTorch does", "[tile]") {
  CHECK(moved("Tile", dims({2}), {{2, 3}}).data ==
        std::vector<double>{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  CHECK(moved("Expand", size({3}), {{2, 1}}).data == std::vector<double>{0, 0, 0, 1, 1, 1});
  check_move("Tile", dims({2, 3, 1, 2}), {counted({2, 3, 4, 5})});
  check_move("Expand", size({3, 4, 5}), {counted({2, 3, 1, 1})});
  std::mt19937 random(13);
  check_lowering("TileGrad", dims({1, 3, 2}), {random_tensor({2, 9, 8}, random)});
  check_lowering("TileGrad", dims({2, 1, 4}), {random_tensor({2, 9, 4}, random)}, vectors(4));
}

TEST_CASE("The gradient rules of Tile agree with finite differences", "[tile][gradient]") {
  std::mt19937 random(14);
  check_gradient("Tile", dims({2, 1, 3}), {random_tensor({2, 3, 2}, random)});
  check_gradient("Expand", size({3, -1}), {random_tensor({2, 1, 2}, random)});
  check_gradient("TileGrad", dims({1, 3}), {random_tensor({2, 6}, random)});
}

}  // namespace cnnc
