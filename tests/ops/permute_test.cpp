// Permute, Transpose.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs dims(std::vector<int64_t> numbers) { return attrs_of({{"dims", list(std::move(numbers))}}); }
Attrs between(int64_t dim0, int64_t dim1) { return attrs_of({{"dim0", dim0}, {"dim1", dim1}}); }

uint32_t traits(const std::string& op, const Attrs& attrs, const Shape& in) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32(in));
  (void)graph.add(op, "node", attrs, {x});
  return graph.nodes[0].traits;
}

}  // namespace

TEST_CASE("Permute infers its output and says what is wrong", "[permute]") {
  CHECK(outcome_of("Permute", dims({0, 2, 3, 1}), {f32({2, 3, 4, 5})}) == "f32[2, 4, 5, 3]");
  CHECK(outcome_of("Permute", dims({-1, 0, 1}), {i32({2, 3, 4})}) == "i32[4, 2, 3]");
  CHECK(outcome_of("Permute", dims({0, 2}), {f32({2, 3, 4})}) ==
        "dims is [0, 2], but must be [0, 1, 2] in some order");
  CHECK(outcome_of("Permute", dims({0, 2, 2}), {f32({2, 3, 4})}) == "dims names dimension 2 twice");
  CHECK(outcome_of("Permute", dims({0, 2, 3}), {f32({2, 3, 4})}) ==
        "dims has 3, but the input [2, 3, 4] has dimensions 0 to 2");
  CHECK(outcome_of("Transpose", between(1, -1), {f32({2, 3, 4, 5})}) == "f32[2, 5, 4, 3]");
  CHECK(outcome_of("Transpose", between(1, 4), {f32({2, 3, 4, 5})}) ==
        "dim1 is 4, but the input [2, 3, 4, 5] has dimensions 0 to 3");
}

TEST_CASE("Permute is a view where it moves dimensions of extent 1 only", "[permute]") {
  CHECK(traits("Permute", dims({0, 2, 3, 1}), {2, 3, 1, 1}) == kView);
  CHECK(traits("Permute", dims({0, 2, 3, 1}), {2, 3, 1, 2}) == 0);
  CHECK(traits("Permute", dims({1, 0}), {2, 3}) == kMixesBatch);
  CHECK(traits("Permute", dims({1, 0}), {1, 3}) == (kView | kMixesBatch));
  CHECK(traits("Transpose", between(1, 2), {2, 3, 4}) == 0);
  CHECK(traits("Transpose", between(0, 2), {2, 3, 4}) == kMixesBatch);
}

TEST_CASE("Permute moves elements as PyTorch does", "[permute]") {
  CHECK(moved("Permute", dims({2, 0, 1}), {{2, 3, 2}}).data ==
        std::vector<double>{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11});
  CHECK(moved("Transpose", between(0, 1), {{2, 3}}).data == std::vector<double>{0, 3, 1, 4, 2, 5});
  for (const auto& [order, shape] : {std::pair{Shape{0}, Shape{5}},
                                     {Shape{0, 3, 1, 2}, Shape{2, 3, 4, 5}},
                                     {Shape{3, 2, 1, 0}, Shape{2, 3, 4, 5}},
                                     {Shape{0, 2, 1, 3, 4}, Shape{1, 2, 5, 2, 3}},
                                     {Shape{5, 0, 4, 1, 3, 2}, Shape{2, 3, 1, 2, 4, 2}}}) {
    check_move("Permute", dims(order), {counted(shape)});
  }
  check_move("Transpose", between(1, -1), {counted({2, 3, 4, 5})});
}

TEST_CASE("Permute's gradient rule agrees with finite differences", "[permute][gradient]") {
  std::mt19937 random(7);
  check_gradient("Permute", dims({2, 0, 1}), {random_tensor({2, 3, 2}, random)});
  check_gradient("Transpose", between(1, 2), {random_tensor({2, 3, 2}, random)});
}

}  // namespace cnnc
