// Tested by tests/passes/move_test.cpp.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

// The maximum node that alone reads the monotone node `index`, or -1.
int32_t maximum_after(const Graph& graph, const std::vector<std::vector<int32_t>>& readers,
                      size_t index) {
  const Node& node = graph.nodes[index];
  if (!node.has(kElementwise) || !node.has(kMonotone) || node.has(kInPlace) ||
      node.inputs.size() != 1 || node.outputs.size() != 1) {
    return -1;
  }
  const int32_t reader = only_consumer(graph, readers, node.outputs[0]);
  if (reader < 0 || !graph.nodes[reader].has(kSelectsMaximum)) return -1;
  const std::vector<ValueId>& inputs = graph.nodes[reader].inputs;
  const bool only_as_first = inputs[0] == node.outputs[0] &&
                             std::count(inputs.begin(), inputs.end(), node.outputs[0]) == 1;
  return only_as_first ? reader : -1;
}

}  // namespace

Graph move_monotone_below_maximum(Graph graph) {
  bool moved = true;
  while (moved) {
    moved = false;
    const std::vector<std::vector<int32_t>> readers = consumers(graph);
    for (size_t i = graph.nodes.size(); i-- > 0 && !moved;) {
      const int32_t maximum = maximum_after(graph, readers, i);
      if (maximum < 0) continue;
      Type middle = graph.type(graph.nodes[maximum].outputs[0]);
      swap_nodes(graph, static_cast<int32_t>(i), maximum, 0, std::move(middle));
      moved = true;
    }
    if (moved) sort_nodes(graph);
  }
  return graph;
}

}  // namespace cnnc
