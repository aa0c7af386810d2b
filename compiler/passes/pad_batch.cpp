// pad_batch: the batch that a caller hands in becomes the batch that kernels want.
#include "compiler/passes/passes.h"

namespace cnnc {

Graph pad_batch(Graph graph, int64_t batch, int64_t rows, const std::string& images,
                const std::string& count_name) {
  CNNC_CHECK(graph.inputs.size() == 1, "a network with one input");
  const ValueId input = graph.inputs[0];
  Type type = graph.type(input);
  CNNC_CHECK(type.shape[0] == rows, "the graph is built for the padded batch");
  type.shape[0] = batch;

  Graph padded;
  padded.name = graph.name;
  padded.values = std::move(graph.values);
  padded.outputs = std::move(graph.outputs);
  const ValueId caller = padded.add_input(images, type);
  const ValueId count = padded.add_input(count_name, {DType::i32, {1}});
  Attrs attrs;
  attrs.set("rows", rows);
  const ValueId loaded = padded.add("PadBatch", images + ".padded", attrs, {caller, count})[0];
  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) {
      if (id == input) id = loaded;
    }
    for (ValueId id : node.outputs) {
      padded.values[id].producer = static_cast<int32_t>(padded.nodes.size());
    }
    padded.nodes.push_back(std::move(node));
  }
  return padded;
}

Diagnostics mixes_of_batch(const Graph& graph) {
  std::vector<bool> depends(graph.values.size());
  for (ValueId id : graph.inputs) depends[id] = true;
  Diagnostics problems;
  for (const Node& node : graph.nodes) {
    bool reads = false;
    for (ValueId id : node.inputs) reads = reads || (id != kNoValue && depends[id]);
    if (!reads) continue;
    for (ValueId id : node.outputs) depends[id] = true;
    if (!node.has(kMixesBatch)) continue;
    problems.push_back(error(node.op->name + " \"" + node.name + "\" turns " +
                             to_string(graph.type(node.inputs[0]).shape) + " into " +
                             to_string(graph.type(node.outputs[0]).shape) +
                             ", which moves elements from one image to another: a batch that is "
                             "trained or evaluated is padded, and dimension 0 must stay as it is"));
    problems.back().span = node.span;
    problems.back().pointer = node.pointer;
  }
  return problems;
}

}  // namespace cnnc
