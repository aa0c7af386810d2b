// Tested by tests/passes/gathers_test.cpp.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

bool stages_only(const Graph& graph, const std::vector<int32_t>& readers, ValueId value) {
  return std::all_of(readers.begin(), readers.end(), [&](int32_t reader) {
    const Node& node = graph.nodes[reader];
    return node.has(kStagesInput0) && node.inputs[0] == value &&
           std::count(node.inputs.begin(), node.inputs.end(), value) == 1;
  });
}

// A copy of `node` with values of its own.
Node clone(Graph& graph, Node node, const std::string& suffix) {
  node.name += suffix;
  for (ValueId& output : node.outputs) {
    Value value = graph.values[output];
    value.name += suffix;
    output = static_cast<ValueId>(graph.values.size());
    graph.values.push_back(std::move(value));
  }
  return node;
}

}  // namespace

Graph clone_cheap_gathers(Graph graph) {
  const std::vector<std::vector<int32_t>> readers = consumers(graph);
  const size_t count = graph.nodes.size();
  for (size_t i = 0; i < count; ++i) {
    const ValueId value = graph.nodes[i].outputs[0];
    if (!graph.nodes[i].has(kCheapGather) || graph.nodes[i].outputs.size() != 1 ||
        readers[value].size() < 2 || is_output(graph, value) ||
        !stages_only(graph, readers[value], value)) {
      continue;
    }
    for (size_t copy = 1; copy < readers[value].size(); ++copy) {
      Node node = clone(graph, graph.nodes[i], "." + std::to_string(copy + 1));
      graph.nodes[readers[value][copy]].inputs[0] = node.outputs[0];
      graph.values[node.outputs[0]].producer = static_cast<int32_t>(graph.nodes.size());
      graph.nodes.push_back(std::move(node));
    }
  }
  sort_nodes(graph);
  return graph;
}

}  // namespace cnnc
