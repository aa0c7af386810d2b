// What a caller hands over and gets, in place of what the network computes with. Tested by
// tests/passes/border_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

constexpr double kMostOfByte = 255;

// The input gets another type; `convert` appends what makes of it what the network reads.
template <class Convert>
Graph replace_input(Graph graph, const Type& type, Convert convert) {
  CNNC_CHECK(graph.inputs.size() == 1, "a network with one input");
  const ValueId input = graph.inputs[0];
  const auto first = static_cast<int32_t>(graph.nodes.size());
  const ValueId caller = graph.add_input(graph.values[input].name, type);
  graph.inputs = {caller};
  replace_uses(graph, input, convert(graph, caller));
  // No longer handed in: a value that nobody computes or reads.
  graph.values[input].kind = ValueKind::result;
  graph.values[input].name += ".replaced";
  CNNC_CHECK(static_cast<int32_t>(graph.nodes.size()) > first, "an input that nothing converts");
  sort_nodes(graph);
  return graph;
}

std::string name_of(const Graph& graph, ValueId value, const char* what) {
  return graph.values[value].name + "." + what;
}

}  // namespace

Graph take_bytes(Graph graph) {
  const Type type{DType::u8, graph.type(graph.inputs.at(0)).shape};
  return replace_input(std::move(graph), type, [](Graph& g, ValueId bytes) {
    const ValueId numbers = g.add("Cast", name_of(g, bytes, "numbers"), {}, {bytes})[0];
    Attrs attrs;
    attrs.set("mean", std::vector<double>{0});
    attrs.set("std", std::vector<double>{kMostOfByte});
    return g.add("Normalize", name_of(g, bytes, "pixels"), attrs, {numbers})[0];
  });
}

Graph take_channels_last(Graph graph) {
  Type type = graph.type(graph.inputs.at(0));
  CNNC_CHECK(type.rank() == 4, "only images have channels that may come last");
  type.shape = {type.shape[0], type.shape[2], type.shape[3], type.shape[1]};
  return replace_input(std::move(graph), type, [](Graph& g, ValueId images) {
    return g.add("ChannelsFirst", name_of(g, images, "channels_first"), {}, {images})[0];
  });
}

Graph give_probabilities(Graph graph) {
  CNNC_CHECK(graph.outputs.size() == 1, "a network with one output");
  const Node* producer = producer_of(graph, graph.outputs[0]);
  if (producer && producer->has(kProbabilities)) return graph;
  const std::string name = name_of(graph, graph.outputs[0], "probabilities");
  graph.outputs = {graph.add("Softmax", name, {}, graph.outputs)[0]};
  return graph;
}

Graph give_class(Graph graph) {
  CNNC_CHECK(graph.outputs.size() == 1, "a network with one output");
  const std::string name = name_of(graph, graph.outputs[0], "class");
  graph.outputs = {graph.add("ArgMax", name, {}, graph.outputs)[0]};
  return graph;
}

}  // namespace cnnc
