// Tested by tests/passes/eliminate_dead_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {

Graph eliminate_dead(Graph graph) {
  std::vector<bool> needed(graph.values.size());
  for (ValueId id : graph.outputs) needed[id] = true;
  std::vector<bool> kept(graph.nodes.size());
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    for (ValueId id : graph.nodes[i].outputs) kept[i] = kept[i] || needed[id];
    for (ValueId id : graph.nodes[i].inputs) {
      if (kept[i] && id != kNoValue) needed[id] = true;
    }
  }
  keep_nodes(graph, kept);
  return graph;
}

}  // namespace cnnc
