// Tested by tests/passes/fold_affine_test.cpp.
#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "compiler/support/aligned_memory.h"

namespace cnnc {

const float* ConstantTable::find(const std::string& name) const {
  const auto found = made_.find(name);
  if (found != made_.end()) return found->second.data();
  return given_ ? given_(name) : nullptr;
}

void ConstantTable::add(const std::string& name, std::vector<float> elements) {
  const bool is_new = made_.emplace(name, std::move(elements)).second;
  CNNC_CHECK(is_new, "a second constant " + name);
}

namespace {

constexpr const char* kFolded = ".folded";

std::vector<float> to_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

// The node that computes the value, seen through views that keep images and channels.
int32_t source_of(const Graph& graph, const std::vector<std::vector<int32_t>>& readers,
                  ValueId value) {
  while (value != kNoValue && graph.values[value].producer >= 0) {
    if (only_consumer(graph, readers, value) < 0) return -1;
    const int32_t producer = graph.values[value].producer;
    const Node& node = graph.nodes[producer];
    if (!node.has(kView)) return producer;
    const Shape& from = graph.type(node.inputs[0]).shape;
    const Shape& to = graph.type(value).shape;
    if (from.size() < 2 || !std::equal(from.begin(), from.begin() + 2, to.begin())) return -1;
    value = node.inputs[0];
  }
  return -1;
}

class Folder {
 public:
  Folder(Graph graph, ConstantTable& constants) : graph_(std::move(graph)), constants_(constants) {}

  Graph run() && {
    std::vector<bool> kept(graph_.nodes.size(), true);
    for (size_t i = 0; i < kept.size(); ++i) {
      if (!graph_.nodes[i].op->channel_affine || !has_constants(graph_.nodes[i])) continue;
      const Node node = graph_.nodes[i];
      const ChannelAffine affine = affine_of(node);
      const int32_t source = source_of(graph_, consumers(graph_), node.inputs[0]);
      if (source >= 0 && fold(graph_.nodes[source], affine)) {
        replace_uses(graph_, node.outputs[0], node.inputs[0]);
        graph_.nodes[i].inputs.clear();
        kept[i] = false;
      } else {
        scale(static_cast<int32_t>(i), affine);
      }
    }
    kept.resize(graph_.nodes.size(), true);
    keep_nodes(graph_, kept);
    sort_nodes(graph_);
    return std::move(graph_);
  }

 private:
  [[nodiscard]] bool is_parameter(ValueId id) const {
    return id != kNoValue && graph_.values[id].kind == ValueKind::parameter;
  }

  // Whether all that the node reads beside its input is known.
  [[nodiscard]] bool has_constants(const Node& node) const {
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [&](ValueId id) { return id == kNoValue || is_parameter(id); });
  }

  ChannelAffine affine_of(const Node& node) const {
    std::vector<const float*> elements;
    elements.reserve(node.inputs.size());
    for (const ValueId id : node.inputs) {
      elements.push_back(is_parameter(id) ? constants_.find(graph_.values[id].name) : nullptr);
    }
    return node.op->channel_affine(node.attrs, graph_.types(node.inputs), elements);
  }

  // A parameter of the floats that `make` gives.
  template <class Make>
  ValueId add_constant(const std::string& name, Shape shape, Make make) {
    if (!constants_.has_made(name)) constants_.add(name, make());
    ParameterSpec spec;
    spec.name = name;
    spec.shape = std::move(shape);
    return graph_.add_parameter(name, std::move(spec));
  }

  // Multiplies the weights of a linear node and moves its bias; false where it is none.
  bool fold(Node& node, const ChannelAffine& affine) {
    const OpDef& op = *node.op;
    if (!op.output_channel) return false;
    const auto slot = [&](const char* name) {
      const auto found = std::find_if(op.inputs.begin(), op.inputs.end(),
                                      [&](const OpInput& input) { return input.name == name; });
      return static_cast<size_t>(found - op.inputs.begin());
    };
    const size_t weight = slot("weight"), bias = slot("bias");
    node.inputs.resize(op.inputs.size(), kNoValue);
    const ValueId old_weight = node.inputs[weight], old_bias = node.inputs[bias];
    if (!is_parameter(old_weight) || (old_bias != kNoValue && !is_parameter(old_bias)))
      return false;
    const Shape shape = graph_.type(old_weight).shape;
    const Shape output = graph_.type(node.outputs[0]).shape;
    if (op.output_channel(node.attrs, shape, output, 0, 0) < 0) return false;
    const std::string weight_name = graph_.values[old_weight].name;
    const float* biases =
        old_bias == kNoValue ? nullptr : constants_.find(graph_.values[old_bias].name);
    // Others may read the same weight: the new one is the node's own.
    const auto own_name = [&](ValueId old, const char* parameter) {
      const bool is_own = old != kNoValue && constants_.has_made(graph_.values[old].name);
      return (is_own ? graph_.values[old].name : node.name + "." + parameter) + kFolded;
    };
    const std::string own_weight = own_name(old_weight, "weight"),
                      own_bias = own_name(old_bias, "bias");
    node.inputs[weight] = add_constant(own_weight, shape, [&] {
      const float* elements = constants_.find(weight_name);
      const auto count = static_cast<size_t>(element_count(shape));
      const size_t taps = count / static_cast<size_t>(shape[0] * shape[1]);
      std::vector<float> scaled;
      scaled.reserve(count);
      ask_for_large_pages(scaled.data(), element_count(shape) * int64_t{sizeof(float)});
      scaled.resize(count);
      size_t at = 0;
      for (int64_t i = 0; i < shape[0]; ++i) {
        for (int64_t j = 0; j < shape[1]; ++j) {
          const double factor = affine.scale[op.output_channel(node.attrs, shape, output, i, j)];
          for (const size_t end = at + taps; at < end; ++at) {
            scaled[at] = static_cast<float>(elements[at] * factor);
          }
        }
      }
      return scaled;
    });
    node.inputs[bias] = add_constant(own_bias, {static_cast<int64_t>(affine.shift.size())}, [&] {
      std::vector<double> shift = affine.shift;
      for (size_t c = 0; biases && c < shift.size(); ++c) shift[c] += affine.scale[c] * biases[c];
      return to_floats(shift);
    });
    if (node.attrs.has("bias")) node.attrs.set("bias", true);
    return true;
  }

  // Puts one multiplication and one addition in the place of node `i`.
  void scale(int32_t i, const ChannelAffine& affine) {
    const std::string name = graph_.nodes[i].name;
    const Shape shape = {static_cast<int64_t>(affine.scale.size())};
    const ValueId scales =
        add_constant(name + ".scale", shape, [&] { return to_floats(affine.scale); });
    const ValueId shifts =
        add_constant(name + ".shift", shape, [&] { return to_floats(affine.shift); });
    const ValueId input = graph_.nodes[i].inputs[0], output = graph_.nodes[i].outputs[0];
    graph_.add("ChannelScale", name, {}, {input, scales, shifts});
    Node made = std::move(graph_.nodes.back());
    graph_.nodes.pop_back();
    made.outputs = {output};
    made.span = graph_.nodes[i].span;
    made.pointer = graph_.nodes[i].pointer;
    graph_.nodes[i] = std::move(made);
    graph_.values[output].producer = i;
  }

  Graph graph_;
  ConstantTable& constants_;
};

}  // namespace

Graph fold_affine(Graph graph, ConstantTable& constants) {
  return Folder(std::move(graph), constants).run();
}

}  // namespace cnnc
