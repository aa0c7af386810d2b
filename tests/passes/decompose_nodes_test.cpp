// decompose_nodes, mixes_of_batch.
#include <catch2/catch.hpp>

#include "compiler/passes/passes.h"
#include "compiler/reference/interpreter.h"

namespace cnnc {
namespace {

Attrs sections(std::vector<int64_t> numbers) {
  Attrs attrs;
  attrs.set("split_size_or_sections", std::move(numbers));
  return attrs;
}

Attrs shape(std::vector<int64_t> numbers) {
  Attrs attrs;
  attrs.set("shape", std::move(numbers));
  return attrs;
}

}  // namespace

TEST_CASE("A split becomes slices, whose values keep their ids", "[passes]") {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::f32, {2, 3}});
  const std::vector<ValueId> parts = graph.add("Split", "parts", sections({1, 2}), {x});
  const ValueId relu = graph.add("ReLU", "relu", {}, {parts[1]})[0];
  graph.outputs = {parts[0], relu};
  const Graph expanded = decompose_nodes(graph);
  REQUIRE(verify(expanded).empty());
  CHECK(expanded.outputs == graph.outputs);
  CHECK(expanded.nodes.size() == 3);
  const GivenValues given = {{x, {{2, 3}, {-1, 2, -3, 4, -5, 6}}}};
  for (ValueId id : graph.outputs) {
    CHECK(interpret(expanded, given)[id].data == interpret(graph, given)[id].data);
  }
  for (const Node& node : expanded.nodes) CHECK(node.op->decompose == nullptr);
}

TEST_CASE("Layers that move elements between images are found", "[passes]") {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::f32, {4, 6}});
  ParameterSpec spec;
  spec.shape = {4, 6};
  const ValueId weight = graph.add_parameter("weight", spec);
  (void)graph.add("View", "of_weight", shape({6, 4}), {weight});
  const ValueId kept = graph.add("View", "kept", shape({4, 3, 2}), {x})[0];
  CHECK(mixes_of_batch(graph).empty());
  (void)graph.add("View", "mixed", shape({3, 8}), {kept});
  const Diagnostics found = mixes_of_batch(graph);
  REQUIRE(found.size() == 1);
  CHECK(found[0].message ==
        "View \"mixed\" turns [4, 3, 2] into [3, 8], which moves elements from one image to "
        "another: a batch that is trained or evaluated is padded, and dimension 0 must stay as it "
        "is");
}

}  // namespace cnnc
