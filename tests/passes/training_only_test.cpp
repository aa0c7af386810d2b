#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

TEST_CASE("drop_training_only removes dropout, in chains and at the end too") {
  Sketch s;
  const ValueId x = s.input("x", {2, 8});
  const ValueId fc = s.linear("fc", 4, x);
  const ValueId d1 = s.layer("Dropout", "d1", {}, {fc});
  const ValueId d2 = s.layer("Dropout", "d2", {}, {d1});
  const ValueId relu = s.relu("relu", d2);
  const ValueId d3 = s.layer("Dropout", "d3", {}, {relu});
  s.graph.outputs = {d3, d1};
  const Graph after = drop_training_only(s.graph);
  CHECK(formulas(after) == "fc = Linear(x, fc.weight, fc.bias)\nrelu = ReLU(fc)\n");
  CHECK(after.outputs == std::vector<ValueId>{relu, fc});
  test::check_same(s.graph, after);
}

TEST_CASE("seed_training_only gives each dropout the seed and a stream of its own") {
  Sketch s;
  const ValueId x = s.input("x", {2, 8});
  const ValueId seed = s.input("seed", {1}, DType::i32);
  const ValueId d1 = s.layer("Dropout", "d1", {}, {x});
  const ValueId d2 = s.layer("Dropout", "d2", {}, {s.relu("relu", d1)});
  s.graph.outputs = {d2};
  const Graph after = seed_training_only(s.graph, seed);
  CHECK_THAT(verify(after), Catch::Equals(""));
  CHECK(formulas(after) == "d1 = Dropout(x, seed)\nrelu = ReLU(d1)\nd2 = Dropout(relu, seed)\n");
  CHECK(after.nodes[0].attrs.integer("stream") != after.nodes[2].attrs.integer("stream"));
}

}  // namespace cnnc
