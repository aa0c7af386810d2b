// build_graph. Tested by tests/frontend/{model,bad}_test.cpp and fuzz_test.cpp.
#include <cctype>

#include "compiler/frontend/model.h"
#include "compiler/frontend/output_name.h"
#include "compiler/frontend/report.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

// No layer has this name: it is not one that a description can give.
constexpr const char* kNormalizedInput = "input.normalized";

bool too_many_elements(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent > 0 && count > kMostElements / extent) return true;
    count *= extent;
  }
  return false;
}

// Where the message of an op begins with the name of an attribute that was given, its place.
// Messages read: <op> "<layer>": <message>.
const Place& place_of(const std::string& message, const LayerDescription& layer) {
  const std::string prefix = layer.op->name + " \"" + layer.name + "\": ";
  if (message.compare(0, prefix.size(), prefix) != 0) return layer.place;
  size_t end = prefix.size();
  while (end < message.size() &&
         (std::isalnum(static_cast<unsigned char>(message[end])) || message[end] == '_')) {
    ++end;
  }
  const auto found = layer.attr_places.find(message.substr(prefix.size(), end - prefix.size()));
  return found == layer.attr_places.end() ? layer.place : found->second;
}

Diagnostic error_at(const Place& place, std::string message) {
  Diagnostic diagnostic = error(std::move(message));
  diagnostic.span = place.span;
  diagnostic.pointer = place.pointer;
  return diagnostic;
}

class GraphBuilder {
 public:
  GraphBuilder(const ModelDescription& model, int64_t batch) : model_(model), batch_(batch) {}

  Result<Graph> build() {
    graph_.name = model_.name;
    Shape shape = {batch_};
    shape.insert(shape.end(), model_.input_shape.begin(), model_.input_shape.end());
    if (too_many_elements(shape)) {
      return error_at(model_.input_place, "the input for a batch of " + std::to_string(batch_) +
                                              " is " + to_string(shape) +
                                              ": a tensor has fewer than 2^31 elements");
    }
    values_of_[kNetworkInput] = {graph_.add_input(kNetworkInput, Type{DType::f32, shape})};
    if (!model_.mean.empty()) add_normalisation();
    for (const LayerDescription& layer : model_.layers) {
      if (errors_.size() < kMostErrors) add_layer(layer);
    }
    if (!errors_.empty()) return errors_;
    graph_.outputs = {values_of_.at(model_.output)[0]};
    return std::move(graph_);
  }

 private:
  const ModelDescription& model_;
  int64_t batch_;
  Graph graph_;
  Diagnostics errors_;
  std::map<std::string, std::vector<ValueId>> values_of_;  // outputs of each layer that was added

  void add_normalisation() {
    const OpDef* op = find_op("Normalize");
    CNNC_CHECK(op != nullptr, "no op Normalize");
    LayerDescription layer;
    layer.name = kNormalizedInput;
    layer.op = op;
    layer.attrs.set("mean", model_.mean);
    layer.attrs.set("std", model_.std);
    layer.inputs = {kNetworkInput};
    layer.place = model_.input_place;
    add_layer(layer);
    // From here on, the network's input is the normalised one. Where that failed, it has none.
    const auto normalized = values_of_.find(kNormalizedInput);
    if (normalized == values_of_.end()) {
      values_of_.erase(kNetworkInput);
    } else {
      values_of_[kNetworkInput] = normalized->second;
    }
  }

  // Where an error of a layer in a block comes from: which uses of which blocks, and for an
  // argument the layer that it goes to.
  void add_notes(const Place& place, const LayerDescription& layer) {
    const Span& span = layer.place.span;
    if (place.span.begin < span.begin || place.span.end > span.end) {
      add_note(layer.place, "an attribute of this layer");
    }
    for (const BlockUse& use : layer.uses) add_note(use.place, use_text(use));
  }

  void add_note(const Place& place, std::string message) {
    errors_.push_back(error_at(place, std::move(message)));
    errors_.back().severity = Severity::note;
  }

  void add_layer(const LayerDescription& layer) {
    std::vector<ValueId> arguments;
    for (const std::string& input : layer.inputs) {
      const OutputName name = parse_output_name(input);
      const auto found = values_of_.find(name.layer);
      if (found == values_of_.end()) return;  // that layer's error is enough
      if (name.index >= found->second.size()) {
        return report_missing_output(layer, input, name.layer, found->second.size());
      }
      arguments.push_back(found->second[name.index]);
    }
    const size_t values_before = graph_.values.size();
    Result<std::vector<ValueId>> outputs = graph_.try_add(
        *layer.op, layer.name, layer.attrs, arguments, layer.place.span, layer.place.pointer);
    if (!outputs) {
      for (const Diagnostic& each : outputs.diagnostics()) {
        const Place& place = place_of(each.message, layer);
        errors_.push_back(each);
        errors_.back().span = place.span;
        errors_.back().pointer = place.pointer;
        add_notes(place, layer);
      }
      return;
    }
    for (size_t id = values_before; id < graph_.values.size(); ++id) {
      const Value& value = graph_.values[id];
      if (!too_many_elements(value.type.shape)) continue;
      errors_.push_back(error_at(layer.place, layer.op->name + " \"" + layer.name +
                                                  "\": " + value.name + " would be " +
                                                  to_string(value.type.shape) +
                                                  ": a tensor has fewer than 2^31 elements"));
      add_notes(layer.place, layer);
      return;
    }
    values_of_[layer.name] = *outputs;
  }

  void report_missing_output(const LayerDescription& layer, const std::string& input,
                             const std::string& read, size_t count) {
    std::string has = "layer \"" + read + "\" has one output";
    if (count > 1) {
      has = "layer \"" + read + "\" has " + std::to_string(count) + " outputs, from \"" + read +
            "[0]\" to \"" + read + "[" + std::to_string(count - 1) + "]\"";
    }
    if (read == kNetworkInput) has = "the network's input is one tensor";
    errors_.push_back(error_at(layer.place, layer.op->name + " \"" + layer.name + "\" reads \"" +
                                                input + "\", but " + has));
    add_notes(layer.place, layer);
  }
};

}  // namespace

Result<Graph> build_graph(const ModelDescription& model, int64_t batch) {
  if (batch < 1 || batch > kMostElements) {
    return error("the batch must have at least 1 and fewer than 2^31 samples, found " +
                 std::to_string(batch));
  }
  if (model.network != nullptr) {
    Result<SourcedNetwork> network = model.network->network(batch);
    if (!network) return network.diagnostics();
    return std::move(network->graph);
  }
  return GraphBuilder(model, batch).build();
}

}  // namespace cnnc
