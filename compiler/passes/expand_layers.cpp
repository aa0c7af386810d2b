// expand_layers. Tested by tests/passes/expand_layers_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {

Graph expand_layers(Graph graph) {
  std::vector<bool> kept(graph.nodes.size(), true);
  bool expands = false;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {  // those that are appended, too
    if (!graph.nodes[i].op->expand) continue;
    const Node node = graph.nodes[i];                            // nodes move as others are added
    graph.nodes[i].inputs.assign(node.inputs.size(), kNoValue);  // no longer a reader
    const std::vector<ValueId> results = node.op->expand(graph, node);
    if (results.empty()) {
      graph.nodes[i].inputs = node.inputs;
      continue;
    }
    expands = true;
    CNNC_CHECK(results.size() == node.outputs.size(), node.op->name + ": one value per output");
    for (size_t added = kept.size(); added < graph.nodes.size(); ++added) {
      graph.nodes[added].span = node.span;
      graph.nodes[added].pointer = node.pointer;
    }
    kept.resize(graph.nodes.size(), true);
    kept[i] = false;
    for (size_t k = 0; k < results.size(); ++k) {
      CNNC_CHECK(graph.type(results[k]) == graph.type(node.outputs[k]),
                 node.op->name + " expands to another type");
      replace_uses(graph, node.outputs[k], results[k]);
    }
  }
  if (!expands) return graph;
  keep_nodes(graph, kept);
  sort_nodes(graph);
  return graph;
}

}  // namespace cnnc
