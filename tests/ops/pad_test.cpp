// Pad, PadGrad.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs pad(std::vector<int64_t> sides, const std::string& mode = "constant", double value = 0) {
  return attrs_of({{"pad", list(std::move(sides))}, {"mode", mode}, {"value", value}});
}

Attrs grad(int64_t dim, int64_t before, int64_t after, const std::string& mode) {
  return attrs_of({{"dim", dim}, {"before", before}, {"after", after}, {"mode", mode}});
}

}  // namespace

TEST_CASE("Pad infers its output", "[pad]") {
  CHECK(outcome_of("Pad", pad({1, 2}), {f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 8]");
  CHECK(outcome_of("Pad", pad({0, 0, 1, -2}), {i32({2, 3, 4, 5})}) == "i32[2, 3, 3, 5]");
  CHECK(outcome_of("Pad", pad({0, 0, 0, 0, 1, 1, 2, 0}), {f32({2, 3, 4, 5})}) == "f32[4, 5, 4, 5]");
  CHECK(outcome_of("Pad", pad({4, 4}, "reflect"), {f32({2, 5})}) == "f32[2, 13]");
  CHECK(outcome_of("Pad", pad({5, 5}, "circular"), {f32({2, 5})}) == "f32[2, 15]");
  CHECK(outcome_of("Pad", pad({50, 5}, "replicate"), {f32({2, 5})}) == "f32[2, 60]");
}

TEST_CASE("Pad says what is wrong", "[pad]") {
  const std::string list =
      "pad has 3 numbers, but takes two for each dimension, from the last one "
      "backwards, and the input is [2, 5]";
  CHECK(outcome_of("Pad", pad({1, 1, 1}), {f32({2, 5})}) == list);
  CHECK(outcome_of("Pad", pad({5, 0}, "reflect"), {f32({2, 5})}) ==
        "pad is [5, 0]: the numbers of dimension 1 of [2, 5] reflect must be less than its extent");
  CHECK(outcome_of("Pad", pad({0, 6}, "circular"), {f32({2, 5})}) ==
        "pad is [0, 6]: the numbers of dimension 1 of [2, 5] circular must be at most its extent");
  CHECK(outcome_of("Pad", pad({-3, -2}), {f32({2, 5})}) ==
        "pad is [-3, -2]: the numbers of dimension 1 of [2, 5] leave nothing of it");
}

TEST_CASE("Pad adds what PyTorch adds", "[pad]") {
  const std::vector<Shape> row = {{1, 4}};
  CHECK(moved("Pad", pad({2, 1}, "constant", 9), row).data ==
        std::vector<double>{9, 9, 0, 1, 2, 3, 9});
  CHECK(moved("Pad", pad({2, 1}, "reflect"), row).data == std::vector<double>{2, 1, 0, 1, 2, 3, 2});
  CHECK(moved("Pad", pad({2, 1}, "replicate"), row).data ==
        std::vector<double>{0, 0, 0, 1, 2, 3, 3});
  CHECK(moved("Pad", pad({2, 1}, "circular"), row).data ==
        std::vector<double>{2, 3, 0, 1, 2, 3, 0});
  CHECK(moved("Pad", pad({-1, 2}, "reflect"), row).data == std::vector<double>{1, 2, 3, 2, 1});
  CHECK(moved("Pad", pad({-1, -1}), row).data == std::vector<double>{1, 2});
  for (const char* mode : {"constant", "reflect", "replicate", "circular"}) {
    INFO(mode);
    check_move("Pad", pad({1, 2, 0, 3, -1, 1}, mode, 2), {counted({2, 3, 4, 5})});
    check_move("Pad", pad({0, 0, 1, 0, 1, 1, 0, 1, 0, 0}, mode), {counted({2, 2, 3, 2, 4})});
  }
}

TEST_CASE("The gradient of Pad sums what was read twice", "[pad]") {
  std::mt19937 random(11);
  for (const char* mode : {"reflect", "replicate", "circular"}) {
    INFO(mode);
    for (const auto& [before, after] : {std::pair{2, 1}, {0, 3}, {3, 3}}) {
      check_lowering("PadGrad", grad(2, before, after, mode), {random_tensor({2, 5, 10}, random)},
                     vectors(4));
    }
    check_lowering("PadGrad", grad(1, 1, 1, mode), {random_tensor({2, 5, 3}, random)});
  }
}

TEST_CASE("Pad's gradient rule agrees with finite differences", "[pad][gradient]") {
  std::mt19937 random(12);
  for (const char* mode : {"constant", "reflect", "replicate", "circular"}) {
    INFO(mode);
    check_gradient("Pad", pad({1, 2, 0, 3, -1, 1}, mode, 2), {random_tensor({1, 3, 4, 3}, random)});
    check_gradient("Pad", pad({-1, 1, 2, -1}, mode), {random_tensor({2, 4, 3}, random)});
  }
  check_gradient("Pad", pad({19, 9}, "replicate"), {random_tensor({2, 3}, random)});
  check_gradient("Pad", pad({2, 2}, "replicate"), {random_tensor({2, 1}, random)});
}

}  // namespace cnnc
