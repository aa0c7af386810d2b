// Tested through the passes: tests/passes/*.
#include "compiler/passes/rewrite.h"

#include <algorithm>

namespace cnnc {
namespace {

void set_producers(Graph& graph) {
  for (Value& value : graph.values) value.producer = -1;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].outputs) graph.values[id].producer = static_cast<int32_t>(i);
  }
}

void update_traits(const Graph& graph, Node& node) {
  node.traits = node.op->traits;
  if (node.op->more_traits) {
    node.traits |= node.op->more_traits(node.attrs, graph.types(node.inputs));
  }
}

std::vector<std::vector<int32_t>> predecessors(const Graph& graph) {
  const std::vector<std::vector<int32_t>> readers = consumers(graph);
  std::vector<std::vector<int32_t>> before(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (ValueId id : node.outputs) {
      for (int32_t reader : readers[id]) before[reader].push_back(static_cast<int32_t>(i));
    }
    for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
      for (int32_t reader : readers[node.inputs[k]]) {
        if (reader != static_cast<int32_t>(i)) before[i].push_back(reader);
      }
    }
  }
  return before;
}

// Takes nodes in their order, each preceded by those that it needs and that are not yet taken.
class Sorter {
 public:
  explicit Sorter(const Graph& graph) : before_(predecessors(graph)), mark_(before_.size()) {}

  std::vector<int32_t> run() {
    for (size_t i = 0; i < before_.size(); ++i) visit(static_cast<int32_t>(i));
    return order_;
  }

 private:
  enum class Mark { fresh, entered, taken };

  void visit(int32_t node) {
    if (mark_[node] == Mark::taken) return;
    CNNC_CHECK(mark_[node] == Mark::fresh, "nodes depend on each other in a circle");
    mark_[node] = Mark::entered;
    for (int32_t earlier : before_[node]) visit(earlier);
    mark_[node] = Mark::taken;
    order_.push_back(node);
  }

  const std::vector<std::vector<int32_t>> before_;
  std::vector<Mark> mark_;
  std::vector<int32_t> order_;
};

}  // namespace

void replace_uses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.outputs.begin(), graph.outputs.end(), from, to);
}

bool is_output(const Graph& graph, ValueId value) {
  return std::find(graph.outputs.begin(), graph.outputs.end(), value) != graph.outputs.end();
}

const Node* producer_of(const Graph& graph, ValueId value) {
  if (value == kNoValue || graph.values[value].producer < 0) return nullptr;
  return &graph.nodes[graph.values[value].producer];
}

int32_t only_consumer(const Graph& graph, const std::vector<std::vector<int32_t>>& readers,
                      ValueId value) {
  return readers[value].size() == 1 && !is_output(graph, value) ? readers[value][0] : -1;
}

void swap_nodes(Graph& graph, int32_t first, int32_t second, size_t slot, Type middle) {
  Node& upper = graph.nodes[first];
  Node& lower = graph.nodes[second];
  const ValueId between = upper.outputs[0];
  const ValueId end = lower.outputs[0];
  lower.inputs[slot] = upper.inputs[0];
  lower.outputs[0] = between;
  upper.inputs[0] = between;
  upper.outputs[0] = end;
  graph.values[between].type = std::move(middle);
  graph.values[between].producer = second;
  graph.values[end].producer = first;
  std::swap(graph.values[between].name, graph.values[end].name);
  update_traits(graph, upper);
  update_traits(graph, lower);
}

void keep_nodes(Graph& graph, const std::vector<bool>& kept) {
  std::vector<Node> nodes;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (kept[i]) nodes.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(nodes);
  set_producers(graph);
}

void sort_nodes(Graph& graph) {
  std::vector<Node> nodes;
  for (int32_t node : Sorter(graph).run()) nodes.push_back(std::move(graph.nodes[node]));
  graph.nodes = std::move(nodes);
  set_producers(graph);
}

}  // namespace cnnc
