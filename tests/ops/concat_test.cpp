// Concat.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs dim(int64_t number) { return attrs_of({{"dim", number}}); }

}  // namespace

TEST_CASE("Concat infers its output and says what is wrong", "[concat]") {
  CHECK(outcome_of("Concat", {}, {f32({2, 3, 4, 5}), f32({2, 1, 4, 5}), f32({2, 7, 4, 5})}) ==
        "f32[2, 11, 4, 5]");
  CHECK(outcome_of("Concat", dim(-1), {i32({2, 3}), i32({2, 4})}) == "i32[2, 7]");
  CHECK(outcome_of("Concat", dim(0), {f32({2}), f32({3})}) == "f32[5]");
  CHECK(outcome_of("Concat", {}, {f32({2, 3})}) == "f32[2, 3]");
  CHECK(outcome_of("Concat", {}, {f32({2, 3, 4}), f32({2, 3, 5})}) ==
        "joins tensors that differ in dimension 1 only, but input 0 is f32[2, 3, 4] and input 1 is "
        "f32[2, 3, 5]");
  CHECK(outcome_of("Concat", {}, {f32({2, 3}), f32({2, 3}), f32({2, 3, 1})}) ==
        "joins tensors that differ in dimension 1 only, but input 0 is f32[2, 3] and input 2 is "
        "f32[2, 3, 1]");
  CHECK(outcome_of("Concat", {}, {f32({2, 3}), i32({2, 3})}) ==
        "joins tensors that differ in dimension 1 only, but input 0 is f32[2, 3] and input 1 is "
        "i32[2, 3]");
  CHECK(outcome_of("Concat", dim(2), {f32({2, 3}), f32({2, 3})}) ==
        "dim is 2, but the input [2, 3] has dimensions 0 to 1");
}

TEST_CASE("Concat joins as PyTorch does", "[concat]") {
  CHECK(moved("Concat", {}, {{2, 1, 2}, {2, 2, 2}}).data ==
        std::vector<double>{0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7});
  CHECK(moved("Concat", dim(0), {{1, 2}, {2, 2}}).data == std::vector<double>{0, 1, 0, 1, 2, 3});
  for (int64_t d = 0; d < 6; ++d) {
    Shape a = {2, 3, 2, 1, 2, 4}, b = a, c = a;
    b[d] = 1;
    c[d] = 5;
    check_move("Concat", dim(d), {counted(a), counted(b), counted(c)});
  }
  check_move("Concat", {},
             {counted({3, 33, 2, 2}), counted({3, 7, 2, 2}), counted({3, 1, 2, 2}),
              counted({3, 16, 2, 2})});
}

TEST_CASE("Concat's gradient rule agrees with finite differences", "[concat][gradient]") {
  std::mt19937 random(10);
  check_gradient("Concat", {},
                 {random_tensor({2, 3, 2}, random), random_tensor({2, 1, 2}, random),
                  random_tensor({2, 2, 2}, random)});
  check_gradient("Concat", dim(2),
                 {random_tensor({2, 3, 2}, random), random_tensor({2, 3, 1}, random)});
}

}  // namespace cnnc
