// join_views. Tested by tests/passes/expand_layers_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

// Lets the view read `source`, if it makes of it what it makes of its input.
bool read_instead(const Graph& graph, Node& view, ValueId source) {
  Attrs attrs = view.attrs;
  const std::vector<Type> types = {graph.type(source)};
  InferArgs args{attrs, types};
  const Result<std::vector<Type>> result = view.op->infer(args);
  if (!result || (*result)[0] != graph.type(view.outputs[0])) return false;
  uint32_t traits = view.op->traits;
  if (view.op->more_traits) traits |= view.op->more_traits(attrs, types);
  if ((traits & kView) == 0) return false;
  view.attrs = std::move(attrs);
  view.traits = traits;
  view.inputs[0] = source;
  return true;
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
      if (!read_instead(graph, view, source)) break;
    }
  }
  return graph;
}

}  // namespace cnnc
