// fold_flatten: a linear layer on a flattened image is a convolution whose window is the image.
#include <map>

#include "compiler/passes/passes.h"

namespace cnnc {

Graph fold_flatten(Graph graph) {
  Graph result;
  result.name = std::move(graph.name);
  result.values = std::move(graph.values);
  result.inputs = std::move(graph.inputs);
  result.outputs = std::move(graph.outputs);
  std::map<ValueId, ValueId> renamed;

  for (Node& node : graph.nodes) {
    for (ValueId& id : node.inputs) {
      const auto found = renamed.find(id);
      if (found != renamed.end()) id = found->second;
    }
    const int32_t producer =
        node.op->name == "Linear" ? result.values[node.inputs[0]].producer : -1;
    const bool folds = producer >= 0 && result.nodes[producer].has(kView) &&
                       result.type(result.nodes[producer].inputs[0]).rank() == 4 &&
                       result.type(node.inputs[0]).rank() == 2 &&
                       !result.nodes[producer].has(kMixesBatch) &&
                       result.type(node.inputs[1]).rank() == 2;
    if (!folds) {
      for (ValueId id : node.outputs) {
        result.values[id].producer = static_cast<int32_t>(result.nodes.size());
      }
      result.nodes.push_back(std::move(node));
      continue;
    }
    const ValueId image = result.nodes[producer].inputs[0];
    const Shape in = result.type(image).shape;
    // The same elements in the same order, under another shape.
    Shape& weight = result.values[node.inputs[1]].type.shape;
    weight = {weight[0], in[1], in[2], in[3]};
    Attrs attrs;
    attrs.set("out_channels", weight[0]);
    attrs.set("kernel_size", std::vector<int64_t>{in[2], in[3]});
    const ValueId pixel =
        result.add("Conv2d", node.name, attrs, {image, node.inputs[1], node.inputs[2]})[0];
    const ValueId flat = result.add("Flatten", node.name + ".flat", {}, {pixel})[0];
    renamed[node.outputs[0]] = flat;
    for (ValueId& id : result.outputs) {
      if (id == node.outputs[0]) id = flat;
    }
  }
  return result;
}

}  // namespace cnnc
