// IndexSelect, IndexSelectGrad.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs index(std::vector<int64_t> numbers, int64_t dim = 1) {
  return attrs_of({{"index", list(std::move(numbers))}, {"dim", dim}});
}

Attrs grad(Attrs attrs, int64_t extent) {
  attrs.set("input_extent", extent);
  return attrs;
}

}  // namespace

TEST_CASE("IndexSelect infers its output and says what is wrong", "[index_select]") {
  CHECK(outcome_of("IndexSelect", index({2, 0, 2, 1}), {f32({2, 3, 4})}) == "f32[2, 4, 4]");
  CHECK(outcome_of("IndexSelect", index({-1}, -1), {i32({2, 3, 4})}) == "i32[2, 3, 1]");
  CHECK(outcome_of("IndexSelect", index({3}), {f32({2, 3})}) ==
        "index has 3, but dimension 1 of [2, 3] has elements 0 to 2");
  CHECK(outcome_of("IndexSelect", index({-4}), {f32({2, 3})}) ==
        "index has -4, but dimension 1 of [2, 3] has elements 0 to 2");
  CHECK(outcome_of("IndexSelectGrad", grad(index({1, 0}), 3), {f32({2, 3})}) ==
        "index has 2 numbers, but the gradient is [2, 3]");
}

TEST_CASE("IndexSelect takes elements as PyTorch does", "[index_select]") {
  CHECK(moved("IndexSelect", index({2, 0, -1}), {{2, 3}}).data ==
        std::vector<double>{2, 0, 2, 5, 3, 5});
  check_move("IndexSelect", index({4, 4, 0, 2, 1}, 2), {counted({2, 3, 5, 2})});
  check_move("IndexSelect", index({7, 1, 3, 5, 0, 2, 6, 4, 7}), {counted({2, 8, 3})});
  std::mt19937 random(19);
  check_lowering("IndexSelectGrad", grad(index({2, 0, 2, 5, 2}), 6),
                 {random_tensor({2, 5, 3}, random)}, vectors(2));
  const Attrs often = index(std::vector<int64_t>(20, 1), 2);
  check_lowering("IndexSelectGrad", grad(often, 3), {random_tensor({2, 3, 20}, random)});
}

TEST_CASE("IndexSelect's gradient rule agrees with finite differences",
          "[index_select][gradient]") {
  std::mt19937 random(20);
  check_gradient("IndexSelect", index({2, 0, 2}), {random_tensor({2, 3, 2}, random)});
  check_gradient("IndexSelect", index({1}, 2), {random_tensor({2, 3, 2}, random)});
}

}  // namespace cnnc
