// Tested by tests/passes/fold_affine_test.cpp.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

// The place of an input among those of an op.
size_t slot_of(const OpDef& op, const std::string& name) {
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (op.inputs[i].name == name) return i;
  }
  CNNC_CHECK(false, op.name + " has no input " + name);
  return 0;
}

}  // namespace

Graph use_batch_statistics(Graph graph, ValueId count, ValueId step) {
  const size_t nodes = graph.nodes.size();
  for (size_t i = 0; i < nodes; ++i) {
    if (!graph.nodes[i].has(kBatchStatistics)) continue;
    const Node node = graph.nodes[i];  // nodes move as others are added
    const auto input = [&](const char* name) { return node.inputs[slot_of(*node.op, name)]; };
    const ValueId mean = input("running_mean"), variance = input("running_var");
    const bool has_averages = mean != kNoValue;
    if (has_averages && step == kNoValue) continue;
    Attrs attrs;
    attrs.set("eps", node.attrs.real("eps"));
    const std::vector<ValueId> of_batch =
        graph.add("BatchStatistics", node.name + ".statistics", attrs, {node.inputs[0], count});
    std::vector<ValueId>& inputs = graph.nodes[i].inputs;
    inputs.resize(node.op->inputs.size(), kNoValue);
    inputs[slot_of(*node.op, "running_mean")] = kNoValue;
    inputs[slot_of(*node.op, "running_var")] = kNoValue;
    inputs[slot_of(*node.op, "mean")] = of_batch[0];
    inputs[slot_of(*node.op, "inverse_deviation")] = of_batch[2];
    inputs[slot_of(*node.op, "count")] = count;
    if (!has_averages || step == kNoValue) continue;
    const Shape& shape = graph.type(node.inputs[0]).shape;
    Attrs update;
    update.set("momentum", node.attrs.real("momentum"));
    update.set("pixels", element_count(shape) / (shape[0] * shape[1]));
    const std::vector<ValueId> updated =
        graph.add("RunningAverages", node.name + ".running", update,
                  {mean, variance, of_batch[0], of_batch[1], count, step});
    graph.outputs.insert(graph.outputs.end(), updated.begin(), updated.end());
  }
  sort_nodes(graph);
  return graph;
}

}  // namespace cnnc
