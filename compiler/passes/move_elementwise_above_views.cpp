// Tested by tests/passes/move_test.cpp.
#include <algorithm>
#include <map>
#include <optional>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

// A seed or the like: the same for every element, in any shape.
bool is_single(const Graph& graph, ValueId id) { return element_count(graph.type(id).shape) == 1; }

bool reads_one_shape(const Graph& graph, const Node& node) {
  const Shape& shape = graph.type(node.outputs[0]).shape;
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
    return id == kNoValue || is_single(graph, id) || graph.type(id).shape == shape;
  });
}

// How `value` can be had in another shape without computing anything: as a value that is there, or
// as a view like one that is there.
struct Viewed {
  ValueId value = kNoValue;
  int32_t like = -1;  // a view node
};

std::optional<Viewed> view_in_shape(const Graph& graph, ValueId value, const Shape& shape) {
  if (value == kNoValue) return Viewed{};
  if (is_single(graph, value) || graph.type(value).shape == shape) return Viewed{value, -1};
  const Node* producer = producer_of(graph, value);
  if (producer && producer->has(kView) && graph.type(producer->inputs[0]).shape == shape) {
    return Viewed{producer->inputs[0], -1};
  }
  std::optional<Viewed> result;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!node.has(kView) || graph.type(node.outputs[0]).shape != shape) continue;
    if (node.inputs[0] == value) return Viewed{node.outputs[0], -1};
    if (graph.type(node.inputs[0]).shape == graph.type(value).shape) {
      result = Viewed{kNoValue, static_cast<int32_t>(i)};
    }
  }
  return result;
}

// The value that `viewed` stands for, made if it is not there.
ValueId made(Graph& graph, ValueId value, const Viewed& viewed) {
  if (viewed.like < 0) return viewed.value;
  const Node like = graph.nodes[viewed.like];
  return graph.add(like.op->name, graph.values[value].name + "." + like.name, like.attrs,
                   {value})[0];
}

// The type of the node's result if it read values of that shape; none if it could not.
std::optional<Type> type_in_shape(const Graph& graph, const Node& node, const Shape& shape) {
  std::vector<Type> types = graph.types(node.inputs);
  for (size_t k = 0; k < types.size(); ++k) {
    if (node.inputs[k] != kNoValue && !is_single(graph, node.inputs[k])) types[k].shape = shape;
  }
  Attrs attrs = node.attrs;
  InferArgs args{attrs, types};
  const Result<std::vector<Type>> result = node.op->infer(args);
  if (!result || (*result)[0].shape != shape) return std::nullopt;
  return (*result)[0];
}

class Mover {
 public:
  explicit Mover(Graph& graph) : graph_(graph) {}

  bool move_one() {
    readers_ = consumers(graph_);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!node.has(kElementwise) || node.has(kInPlace) || node.outputs.size() != 1 ||
          !reads_one_shape(graph_, node)) {
        continue;
      }
      const auto chosen = slot_of_.find(node.outputs[0]);
      for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
        if (chosen != slot_of_.end() && chosen->second != slot) continue;
        if (move_above(static_cast<int32_t>(i), slot)) return true;
      }
    }
    return false;
  }

 private:
  bool move_above(int32_t index, size_t slot) {
    const Node node = graph_.nodes[index];
    const ValueId viewed = node.inputs[slot];
    const Node* view = producer_of(graph_, viewed);
    if (!view || !view->has(kView) || !is_read_by(viewed, index) ||
        std::count(node.inputs.begin(), node.inputs.end(), viewed) != 1) {
      return false;
    }
    const ValueId source = view->inputs[0];
    const int32_t view_index = graph_.values[viewed].producer;
    if (!producer_of(graph_, source) || !is_read_by(source, view_index)) return false;
    const Shape shape = graph_.type(source).shape;
    const std::optional<Type> middle = type_in_shape(graph_, node, shape);
    if (!middle) return false;
    std::vector<Viewed> others(node.inputs.size());
    for (size_t k = 0; k < others.size(); ++k) {
      if (k == slot) continue;
      const std::optional<Viewed> other = view_in_shape(graph_, node.inputs[k], shape);
      if (!other) return false;
      others[k] = *other;
    }
    for (size_t k = 0; k < others.size(); ++k) {
      if (k == slot || node.inputs[k] == kNoValue) continue;
      const ValueId other = made(graph_, node.inputs[k], others[k]);
      graph_.nodes[index].inputs[k] = other;
    }
    slot_of_.erase(node.outputs[0]);
    slot_of_[viewed] = slot;
    swap_nodes(graph_, view_index, index, slot, *middle);
    sort_nodes(graph_);
    return true;
  }

  bool is_read_by(ValueId value, int32_t node) const {
    return only_consumer(graph_, readers_, value) == node;
  }

  Graph& graph_;
  std::vector<std::vector<int32_t>> readers_;
  // By the result of a node that was moved: the input whose shape it took. It keeps to it, or two
  // views could send it round in a circle.
  std::map<ValueId, size_t> slot_of_;
};

}  // namespace

Graph move_elementwise_above_views(Graph graph) {
  Mover mover(graph);
  while (mover.move_one()) {
  }
  return graph;
}

}  // namespace cnnc
