// expand_layers and join_views.
#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
namespace {

using test::check_same;
using test::formulas;
using test::Sketch;

ValueId conv1d(Sketch& s, const std::string& name, ValueId x) {
  Attrs attrs;
  attrs.set("out_channels", int64_t{4});
  attrs.set("kernel_size", std::vector<int64_t>{3});
  attrs.set("padding", std::vector<int64_t>{1, 1});
  return s.layer("Conv1d", name, attrs, {x});
}

}  // namespace

TEST_CASE("other ops take the place of a layer, between views of its tensors") {
  Sketch s;
  const ValueId x = s.input("x", {2, 3, 8});
  s.graph.outputs = {s.relu("relu", conv1d(s, "conv", x))};
  const Graph before = s.graph;
  const ValueId weight = s.parameters()[0];
  Graph after = expand_layers(s.graph);
  CHECK(formulas(after) ==
        "conv.row0 = View(x)\n"
        "conv = Conv2d(conv.row0, conv.weight, conv.bias)\n"
        "conv.output = View(conv)\n"
        "relu = ReLU(conv.output)\n");
  CHECK(after.outputs == before.outputs);
  CHECK(after.values[weight].init.shape == Shape{4, 3, 3});
  CHECK(after.type(weight).shape == Shape{4, 3, 1, 3});
}

TEST_CASE("what other ops compute is what the layer computes, and so are its gradients") {
  Sketch s;
  const ValueId x = s.input("x", {2, 3, 8});
  const ValueId y = conv1d(s, "second", s.relu("relu", conv1d(s, "first", x)));
  s.graph.outputs = {y};
  // A view of the weights, so that both graphs are given the same values.
  Graph after = s.graph;
  after = join_views(expand_layers(std::move(after)));
  std::mt19937 random(1);
  const GivenValues given = test::random_values(s.graph, random);
  GivenValues viewed = given;
  for (auto& [id, tensor] : viewed) tensor.shape = after.type(id).shape;
  const ReferenceTensor expected = interpret(s.graph, given)[y];
  const ReferenceTensor found = interpret(after, viewed)[after.outputs[0]];
  REQUIRE(found.shape == expected.shape);
  for (size_t i = 0; i < expected.data.size(); ++i) {
    CHECK(found.data[i] == Approx(expected.data[i]).margin(1e-12));
  }
}

TEST_CASE("a parameter that two layers read keeps its shape") {
  Sketch s;
  const ValueId x = s.input("x", {2, 3, 8});
  const ValueId first = conv1d(s, "first", x);
  const Node node = s.graph.nodes[0];
  const ValueId second = s.node("Conv1d", "second", node.attrs, {x, node.inputs[1], kNoValue})[0];
  s.graph.outputs = {first, second};
  const Graph after = expand_layers(s.graph);
  CHECK(after.type(node.inputs[1]).shape == Shape{4, 3, 3});
  check_same(s.graph, after);
}

TEST_CASE("views of views are one view, and none where they lead back") {
  Sketch s;
  const ValueId x = s.relu("relu", s.input("x", {2, 3, 8}));
  Attrs row, flat, back;
  row.set("shape", Shape{2, 3, 1, 8});
  flat.set("shape", Shape{2, 24});
  back.set("shape", Shape{2, 3, 8});
  const ValueId image = s.node("View", "row", row, {x})[0];
  const ValueId features = s.node("View", "flat", flat, {image})[0];
  const ValueId again = s.node("View", "back", back, {features})[0];
  s.graph.outputs = {s.relu("sum", again), s.relu("of_features", features)};
  const Graph after = eliminate_dead(join_views(s.graph));
  CHECK(formulas(after) ==
        "relu = ReLU(x)\n"
        "flat = View(relu)\n"
        "sum = ReLU(relu)\n"
        "of_features = ReLU(flat)\n");
  check_same(s.graph, after);
}

}  // namespace cnnc
