// join_views. Tested by tests/passes/expand_layers_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

// Whether the view makes of `source` what it makes of its input.
bool takes(const Graph& graph, const Node& view, ValueId source) {
  Attrs attrs = view.attrs;
  const std::vector<Type> types = {graph.type(source)};
  InferArgs args{attrs, types};
  const Result<std::vector<Type>> result = view.op->infer(args);
  return result && (*result)[0] == graph.type(view.outputs[0]);
}

}  // namespace

Graph join_views(Graph graph) {
  for (Node& view : graph.nodes) {
    if (!view.has(kView)) continue;
    for (const Node* before = producer_of(graph, view.inputs[0]); before && before->has(kView);
         before = producer_of(graph, before->inputs[0])) {
      const ValueId source = before->inputs[0];
      if (graph.type(source) == graph.type(view.outputs[0]) && !is_output(graph, view.outputs[0])) {
        replace_uses(graph, view.outputs[0], source);
        break;
      }
      if (takes(graph, view, source)) view.inputs[0] = source;
    }
  }
  return graph;
}

}  // namespace cnnc
