// Split, Chunk.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs sections(std::vector<int64_t> numbers, int64_t dim = 1) {
  return attrs_of({{"split_size_or_sections", list(std::move(numbers))}, {"dim", dim}});
}
Attrs chunks(int64_t count, int64_t dim = 1) { return attrs_of({{"chunks", count}, {"dim", dim}}); }

// Gradients of the outputs marked in `given`, each its number + 1, as the input's.
std::vector<double> gradient(const Attrs& attrs, const Shape& shape,
                             const std::vector<bool>& given) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32(shape));
  const std::vector<ValueId> outputs = graph.add("Split", "split", attrs, {x});
  REQUIRE(outputs.size() == given.size());
  GivenValues values = {{x, counted(shape)}};
  std::vector<ValueId> upstream(outputs.size(), kNoValue);
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i]) continue;
    upstream[i] = graph.add_input("g", graph.type(outputs[i]));
    values[upstream[i]] = zeros(graph.type(outputs[i]).shape);
    for (double& each : values[upstream[i]].data) each = static_cast<double>(i) + 1;
  }
  const std::vector<bool> wanted = {true};
  GradientArgs args{graph, graph.nodes[0], upstream, wanted};
  const ValueId result = graph.nodes[0].op->gradient(args)[0];
  return interpret(graph, values)[result].data;
}

}  // namespace

TEST_CASE("Split and Chunk infer their outputs and say what is wrong", "[split]") {
  CHECK(outcome_of("Split", sections({2}), {f32({1, 5, 3})}) ==
        "f32[1, 2, 3], f32[1, 2, 3], f32[1, 1, 3]");
  CHECK(outcome_of("Split", sections({1, 4}), {i32({1, 5})}) == "i32[1, 1], i32[1, 4]");
  CHECK(outcome_of("Split", sections({9}, -1), {f32({1, 5})}) == "f32[1, 5]");
  CHECK(outcome_of("Split", sections({1, 3}), {f32({1, 5})}) ==
        "split_size_or_sections is [1, 3], whose sum is 4, but dimension 1 of [1, 5] has 5");
  CHECK(outcome_of("Split", sections({1, 3}, 2), {f32({1, 5})}) ==
        "dim is 2, but the input [1, 5] has dimensions 0 to 1");
  // As PyTorch's chunk: parts of ceil(5 / 4), of which three are enough.
  CHECK(outcome_of("Chunk", chunks(4), {f32({1, 5})}) == "f32[1, 2], f32[1, 2], f32[1, 1]");
  CHECK(outcome_of("Chunk", chunks(2), {f32({1, 6})}) == "f32[1, 3], f32[1, 3]");
  CHECK(outcome_of("Chunk", chunks(9), {f32({1, 2})}) == "f32[1, 1], f32[1, 1]");
}

TEST_CASE("Split is the slices that it decomposes into", "[split]") {
  for (const auto& [op, attrs] :
       {std::pair<std::string, Attrs>{"Split", sections({2, 1, 3})}, {"Chunk", chunks(2, 2)}}) {
    Graph graph;
    const Shape shape = {2, 6, 3};
    const ValueId x = graph.add_input("x", f32(shape));
    const std::vector<ValueId> outputs = graph.add(op, "parts", attrs, {x});
    CHECK(graph.values[outputs[1]].name == "parts[1]");
    const Node node = graph.nodes[0];
    const std::vector<ValueId> slices = node.op->decompose(graph, node);
    REQUIRE(slices.size() == outputs.size());
    const std::vector<ReferenceTensor> values = interpret(graph, {{x, counted(shape)}});
    for (size_t i = 0; i < slices.size(); ++i) {
      CHECK(graph.nodes[graph.values[slices[i]].producer].op->name == "Slice");
      check_equal(values[slices[i]], values[outputs[i]], 0);
    }
  }
  CHECK(run_reference("Split", sections({1, 2}), {counted({2, 3})})[1].data ==
        std::vector<double>{1, 2, 4, 5});
}

TEST_CASE("Split's gradient joins those of its outputs", "[split][gradient]") {
  CHECK(gradient(sections({1, 2}), {2, 3}, {true, true}) == std::vector<double>{1, 2, 2, 1, 2, 2});
  CHECK(gradient(sections({1, 1, 1}), {2, 3}, {true, false, true}) ==
        std::vector<double>{1, 0, 3, 1, 0, 3});
  std::mt19937 random(18);
  check_gradient("Split", sections({2, 1}), {random_tensor({2, 3}, random)});
  check_gradient("Chunk", chunks(3), {random_tensor({2, 3}, random)});
}

}  // namespace cnnc
