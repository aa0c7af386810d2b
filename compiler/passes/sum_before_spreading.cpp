// Tested by tests/passes/gathers_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {

Graph sum_before_spreading(Graph graph) {
  for (Node& node : graph.nodes) {
    if (!node.has(kChannelSum)) continue;
    const Node* spread = producer_of(graph, node.inputs[0]);
    while (spread && spread->has(kSumPreserving)) {
      node.inputs[0] = spread->inputs[0];
      spread = producer_of(graph, node.inputs[0]);
    }
  }
  return graph;
}

}  // namespace cnnc
