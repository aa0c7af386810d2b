// Tested by tests/passes/training_only_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {

Graph drop_training_only(Graph graph) {
  std::vector<bool> kept;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    kept.push_back(!node.has(kTrainingOnly));
    if (!kept.back()) replace_uses(graph, node.outputs[0], node.inputs[0]);
  }
  keep_nodes(graph, kept);
  return graph;
}

Graph seed_training_only(Graph graph, ValueId seed) {
  int64_t stream = 0;
  for (Node& node : graph.nodes) {
    if (!node.has(kTrainingOnly)) continue;
    node.inputs.resize(node.op->inputs.size(), kNoValue);
    node.inputs.back() = seed;
    node.attrs.set("stream", stream++);
  }
  return graph;
}

}  // namespace cnnc
