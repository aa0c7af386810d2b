// Reshape, View, Squeeze, Unsqueeze.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs shape(std::vector<int64_t> numbers) {
  return attrs_of({{"shape", list(std::move(numbers))}});
}
Attrs dim(std::vector<int64_t> numbers) { return attrs_of({{"dim", list(std::move(numbers))}}); }

uint32_t traits(const std::string& op, const Attrs& attrs, const Shape& in) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32(in));
  (void)graph.add(op, "node", attrs, {x});
  return graph.nodes[0].traits;
}

}  // namespace

TEST_CASE("Reshape keeps the batch", "[reshape]") {
  CHECK(outcome_of("Reshape", shape({-1}), {f32({2, 3, 4, 5})}) == "f32[2, 60]");
  CHECK(outcome_of("Reshape", shape({5, -1, 3}), {f32({2, 3, 4, 5})}) == "f32[2, 5, 4, 3]");
  CHECK(outcome_of("Reshape", shape({60, 1}), {i32({2, 3, 4, 5})}) == "i32[2, 60, 1]");
  CHECK(outcome_of("Reshape", shape({1, -1}), {f32({7})}) == "f32[7, 1, 1]");
  CHECK(outcome_of("View", shape({6, -1}), {f32({2, 3, 4, 5})}) == "f32[6, 20]");
  CHECK(outcome_of("View", shape({120}), {f32({2, 3, 4, 5})}) == "f32[120]");
}

TEST_CASE("Reshape says what is wrong", "[reshape]") {
  CHECK(outcome_of("Reshape", shape({7, -1}), {f32({2, 3, 4, 5})}) ==
        "shape is [7, -1], which cannot hold the 60 elements of [3, 4, 5]");
  CHECK(outcome_of("Reshape", shape({61}), {f32({2, 3, 4, 5})}) ==
        "shape is [61], which cannot hold the 60 elements of [3, 4, 5]");
  CHECK(outcome_of("Reshape", shape({2147483647, 2147483647, 2147483647, -1}), {f32({2, 3})}) ==
        "shape is [2147483647, 2147483647, 2147483647, -1], which cannot hold the 3 elements of "
        "[3]");
  CHECK(outcome_of("Reshape", shape({-1, -1}), {f32({2, 3})}) ==
        "shape is [-1, -1]: at most one extent can be -1");
  CHECK(outcome_of("Reshape", shape({0, 3}), {f32({2, 3})}) ==
        "shape is [0, 3]: extents are 1 or more");
  CHECK(outcome_of("Reshape", shape({1, 1, 1, 1, 1, 3}), {f32({2, 3})}) ==
        "the output would have 7 dimensions: a tensor has 1 to 6");
  CHECK(outcome_of("View", shape({5, 5}), {f32({2, 3})}) ==
        "shape is [5, 5], which cannot hold the 6 elements of [2, 3]");
  CHECK(outcome_of("Reshape", shape({1}), {}) == "needs an input \"input\" of 1 to 6 dimensions");
}

TEST_CASE("Squeeze and Unsqueeze are PyTorch's", "[reshape]") {
  CHECK(outcome_of("Squeeze", {}, {f32({1, 1, 3, 1})}) == "f32[1, 3]");
  CHECK(outcome_of("Squeeze", dim({2}), {f32({2, 3, 1, 1})}) == "f32[2, 3, 1]");
  CHECK(outcome_of("Squeeze", dim({-1, 1}), {f32({2, 3, 1, 1})}) == "f32[2, 3, 1]");
  CHECK(outcome_of("Squeeze", dim({0, 1}), {f32({1, 1, 3})}) == "f32[3]");
  CHECK(outcome_of("Squeeze", dim({0}), {f32({1})}) ==
        "the output would have 0 dimensions: a tensor has 1 to 6");
  CHECK(outcome_of("Squeeze", dim({1, -2}), {f32({2, 1, 3})}) == "dim names dimension 1 twice");
  CHECK(outcome_of("Squeeze", dim({3}), {f32({2, 1, 3})}) ==
        "dim has 3, but the input [2, 1, 3] has dimensions 0 to 2");
  CHECK(outcome_of("Unsqueeze", dim({1}), {f32({2, 3})}) == "f32[2, 1, 3]");
  CHECK(outcome_of("Unsqueeze", dim({-1, 0}), {f32({2, 3})}) == "f32[1, 2, 3, 1]");
  CHECK(outcome_of("Unsqueeze", dim({0, 1, 2, 3, 4}), {f32({2, 3})}) ==
        "the output would have 7 dimensions: a tensor has 1 to 6");
}

TEST_CASE("Views know whether images keep their elements", "[reshape]") {
  CHECK(traits("Reshape", shape({-1}), {2, 3, 4}) == kView);
  CHECK(traits("View", shape({2, 12}), {2, 3, 4}) == kView);
  CHECK(traits("View", shape({6, 4}), {2, 3, 4}) == (kView | kMixesBatch));
  CHECK(traits("Squeeze", dim({0}), {1, 3, 4}) == (kView | kMixesBatch));
  CHECK(traits("Squeeze", dim({1}), {1, 1, 4}) == kView);
  CHECK(traits("Unsqueeze", dim({0}), {2, 3}) == (kView | kMixesBatch));
  CHECK(traits("Flatten", {}, {2, 3, 4}) == kView);
  CHECK(traits("Flatten", attrs_of({{"start_dim", number(0)}}), {2, 3}) == (kView | kMixesBatch));
}

TEST_CASE("Views keep the elements in order, whatever the shapes", "[reshape]") {
  const std::vector<Shape> shapes = {
      {24},      {1, 24},          {24, 1},   {2, 12},      {4, 6},          {3, 8},
      {2, 3, 4}, {4, 3, 2},        {3, 1, 8}, {2, 2, 2, 3}, {1, 3, 2, 1, 4}, {2, 1, 3, 1, 2, 2},
      {6, 2, 2}, {1, 1, 24, 1, 1}, {12, 2, 1}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (size_t step : {1, 4}) {
      const Shape& from = shapes[i];
      const Shape& to = shapes[(i + step) % shapes.size()];
      INFO(to_string(from) << " to " << to_string(to));
      const ReferenceTensor in = counted(from);
      check_equal(run_compiled("View", shape(to), {in}, vectors(to.back() % 4 ? 0 : 4))[0],
                  {to, in.data}, 0);
    }
  }
  check_move("Reshape", shape({4, -1}), {counted({2, 3, 4, 5})});
  check_move("Squeeze", {}, {counted({2, 1, 3, 1})});
  check_move("Unsqueeze", dim({2}), {counted({2, 3})});
}

TEST_CASE("The gradient rules of views agree with finite differences", "[reshape][gradient]") {
  std::mt19937 random(6);
  check_gradient("Reshape", shape({3, 2}), {random_tensor({2, 2, 3}, random)});
  check_gradient("View", shape({3, 4}), {random_tensor({2, 2, 3}, random)});
  check_gradient("Squeeze", {}, {random_tensor({2, 1, 3}, random)});
  check_gradient("Unsqueeze", dim({1, 2}), {random_tensor({2, 3}, random)});
}

}  // namespace cnnc
