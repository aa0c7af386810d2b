#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::formulas;
using test::Sketch;

TEST_CASE("eliminate_dead keeps what the outputs need, and all inputs") {
  Sketch s;
  const ValueId x = s.input("x", {2, 8});
  const ValueId unused = s.input("unused", {2, 8});
  const ValueId fc = s.linear("fc", 4, x);
  s.relu("dead2", s.relu("dead1", fc));
  const ValueId relu = s.relu("relu", fc);
  s.linear("dead3", 4, unused);
  s.graph.outputs = {relu};
  const Graph after = eliminate_dead(s.graph);
  CHECK(formulas(after) == "fc = Linear(x, fc.weight, fc.bias)\nrelu = ReLU(fc)\n");
  CHECK(after.inputs == std::vector<ValueId>{x, unused});
  CHECK(after.values[relu].producer == 1);
  test::check_same(s.graph, after);
}

TEST_CASE("eliminate_dead keeps a node of which any output is needed") {
  Sketch s;
  const std::vector<ValueId> pool = s.pool("pool", s.input("x", {2, 1, 4, 4}));
  s.graph.outputs = {pool[1]};
  CHECK(formulas(eliminate_dead(s.graph)) == "pool, pool.index = MaxPool2d(x)\n");
}

}  // namespace cnnc
