// fold_flatten: a linear layer on a flattened image is a convolution whose window is the image.
#include "compiler/passes/passes.h"

namespace cnnc {

Graph fold_flatten(Graph graph) {
  Graph result;
  result.name = graph.name;
  result.values = graph.values;
  result.inputs = graph.inputs;
  result.outputs = graph.outputs;
  std::vector<ValueId> renamed(graph.values.size());
  for (size_t id = 0; id < renamed.size(); ++id) renamed[id] = static_cast<ValueId>(id);

  for (Node node : graph.nodes) {
    for (ValueId& id : node.inputs) {
      if (id != kNoValue) id = renamed[id];
    }
    const int32_t producer =
        node.op->name == "Linear" ? graph.values[node.inputs[0]].producer : -1;
    const bool folds = producer >= 0 && graph.nodes[producer].has(kView) &&
                       graph.type(graph.nodes[producer].inputs[0]).rank() == 4;
    if (!folds) {
      for (ValueId id : node.outputs) {
        result.values[id].producer = static_cast<int32_t>(result.nodes.size());
      }
      result.nodes.push_back(std::move(node));
      continue;
    }
    const ValueId image = result.nodes[result.values[node.inputs[0]].producer].inputs[0];
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
