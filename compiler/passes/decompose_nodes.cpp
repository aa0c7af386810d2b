// Tested by tests/passes/decompose_nodes_test.cpp.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {

Graph decompose_nodes(Graph graph) {
  const size_t count = graph.nodes.size();
  std::vector<bool> kept(count, true);
  for (size_t i = 0; i < count; ++i) {
    if (!graph.nodes[i].op->decompose) continue;
    const Node node = graph.nodes[i];  // nodes move as others are added
    const std::vector<ValueId> values = node.op->decompose(graph, node);
    CNNC_CHECK(values.size() == node.outputs.size(), node.name + ": one value per output");
    for (size_t k = 0; k < values.size(); ++k) {
      CNNC_CHECK(graph.type(values[k]) == graph.type(node.outputs[k]), node.name + ": types");
      Node& last = graph.nodes[graph.values[values[k]].producer];
      replace_uses(graph, values[k], node.outputs[k]);
      std::replace(last.outputs.begin(), last.outputs.end(), values[k], node.outputs[k]);
    }
    kept[i] = false;
  }
  kept.resize(graph.nodes.size(), true);
  keep_nodes(graph, kept);
  sort_nodes(graph);
  return graph;
}

}  // namespace cnnc
