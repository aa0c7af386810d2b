#include <catch2/catch.hpp>

#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

namespace {

Graph small() {
  Sketch s;
  const ValueId x = s.input("x", {2, 3, 4, 5});
  s.graph.outputs = {s.relu("relu", x)};
  return s.graph;
}

}  // namespace

TEST_CASE("take_bytes divides by 255") {
  const Graph graph = take_bytes(small());
  CHECK_THAT(verify(graph), Catch::Equals(""));
  CHECK(formulas(graph) ==
        "x.numbers = Cast(x)\nx.pixels = Normalize(x.numbers)\nrelu = ReLU(x.pixels)\n");
  CHECK(to_string(graph.type(graph.inputs[0])) == "u8[2, 3, 4, 5]");
  CHECK(graph.nodes[1].attrs.reals("std") == std::vector<double>{255});
}

TEST_CASE("take_channels_last goes before everything") {
  const Graph graph = take_channels_last(take_bytes(small()));
  CHECK_THAT(verify(graph), Catch::Equals(""));
  CHECK(formulas(graph) ==
        "x.channels_first = ChannelsFirst(x)\nx.numbers = Cast(x.channels_first)\n"
        "x.pixels = Normalize(x.numbers)\nrelu = ReLU(x.pixels)\n");
  CHECK(to_string(graph.type(graph.inputs[0])) == "u8[2, 4, 5, 3]");
}

TEST_CASE("give_probabilities leaves probabilities alone") {
  const Graph graph = give_probabilities(small());
  CHECK(formulas(graph) == "relu = ReLU(x)\nrelu.probabilities = Softmax(relu)\n");
  CHECK(formulas(give_probabilities(graph)) == formulas(graph));
  // Along another dimension, a softmax's sums over the channels are not 1.
  Sketch s;
  Attrs attrs;
  attrs.set("dim", int64_t{3});
  s.graph.outputs = {s.layer("Softmax", "rows", attrs, {s.input("x", {2, 3, 4, 5})})};
  CHECK(give_probabilities(s.graph).nodes.size() == 2);
}

TEST_CASE("give_class names the greatest channel") {
  const Graph graph = give_class(small());
  CHECK_THAT(verify(graph), Catch::Equals(""));
  CHECK(formulas(graph) == "relu = ReLU(x)\nrelu.class = ArgMax(relu)\n");
  CHECK(to_string(graph.type(graph.outputs[0])) == "i32[2, 4, 5]");
}

}  // namespace cnnc
