// The reference interpreter, on a network of several nodes.
#include "compiler/reference/interpreter.h"

#include <catch2/catch.hpp>

#include "compiler/support/check.h"
#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("interpret evaluates the nodes in order", "[interpreter]") {
  // relu(x) + x, then a Linear with weight [[1, 2]] and bias [10].
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 2}));
  const ValueId relu = graph.add("ReLU", "relu", {}, {x})[0];
  const ValueId sum = graph.add("Add", "sum", {}, {relu, x})[0];
  const Result<std::vector<ValueId>> fc =
      graph.try_add(*find_op("Linear"), "fc", attrs_of({{"out_features", number(1)}}), {sum});
  REQUIRE(fc.ok());
  graph.outputs = *fc;
  REQUIRE(verify(graph).empty());
  CHECK(print(graph) ==
        "graph  {\n"
        "  input %x: f32[2, 2]\n"
        "  parameter %fc.weight: f32[1, 2]\n"
        "  parameter %fc.bias: f32[1]\n"
        "  %relu: f32[2, 2] = ReLU(%x)\n"
        "  %sum: f32[2, 2] = Add(%relu, %x)\n"
        "  %fc: f32[2, 1] = Linear(%sum, %fc.weight, %fc.bias) {bias = true, in_features = 2, "
        "out_features = 1}\n"
        "  output %fc\n"
        "}\n");
  const Node& node = graph.nodes[2];
  const GivenValues given = {{x, tensor({2, 2}, {1, -2, 3, 4})},
                             {node.inputs[1], tensor({1, 2}, {1, 2})},
                             {node.inputs[2], tensor({1}, {10})}};
  const std::vector<ReferenceTensor> values = interpret(graph, given);
  CHECK(values[relu].data == std::vector<double>{1, 0, 3, 4});
  CHECK(values[sum].data == std::vector<double>{2, -2, 6, 8});
  CHECK(values[graph.outputs[0]].data == std::vector<double>{8, 32});
}

TEST_CASE("interpret insists on what is read, and starts state at zero", "[interpreter]") {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 2}));
  const ValueId state = graph.add_state("state", f32({2, 2}));
  const ValueId sum = graph.add("Add", "sum", {}, {x, state})[0];
  CHECK(interpret(graph, {{x, tensor({2, 2}, {1, 2, 3, 4})}})[sum].data ==
        std::vector<double>{1, 2, 3, 4});
  CHECK_THROWS_AS(interpret(graph, {}), InternalError);
  CHECK_THROWS_AS(interpret(graph, {{x, zeros({4})}}), InternalError);
}

}  // namespace cnnc
