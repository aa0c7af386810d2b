// The networks of models/, shrunken: gradients of every parameter against finite differences of the
// loss, all interpreted in double.
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/driver/graphs.h"
#include "tests/e2e/networks.h"
#include "tests/models/shrunken.h"

namespace cnnc::test {
namespace {

// Of the parameter, along a direction of length 1: so small that hardly any unit passes a bend of
// its activation, or another element becomes the greatest of its window.
constexpr double kStep = 1e-7;
// Of the slope, as a share of the gradient's norm; and the rounding of the losses, up to 7e-8 here.
constexpr double kTolerance = 1e-5;
constexpr double kRounding = 3e-7;

struct Gradient {
  ValueId parameter = kNoValue;
  ValueId gradient = kNoValue;
};

// One training step, interpreted. Beyond `gradients` the graph is only what the loss needs.
struct Step {
  Graph loss;
  std::vector<ReferenceTensor> values;
  std::vector<Gradient> gradients;
};

ReferenceTensor single(double value) { return {{1}, {value}}; }

Step interpreted_step(const Shrunken& network) {
  Step step;
  Result<Graph> graph = training_graph(network.model.description(), 1);
  INFO((graph ? "" : render(graph.diagnostics())));
  REQUIRE(graph.ok());
  GivenValues given;
  for (size_t id = 0; id < graph->values.size(); ++id) {
    const Value& value = graph->values[id];
    ReferenceTensor data = zeros(value.type.shape);
    if (value.kind == ValueKind::parameter) {
      const Tensor* tensor = network.weights.find(value.name);
      REQUIRE(tensor != nullptr);
      data.data = reference_tensor(*tensor).data;
    } else if (value.kind != ValueKind::input) {
      continue;
    } else if (value.name == kImages) {
      data.data.assign(network.images.begin(), network.images.end());
    } else if (value.name == kTarget) {
      data.data.assign(network.labels.begin(), network.labels.end());
    } else if (value.name == kCount) {
      data = single(static_cast<double>(network.model.batch_size()));
    }
    given[static_cast<ValueId>(id)] = std::move(data);
  }
  step.values = interpret(*graph, given);
  for (const Node& node : graph->nodes) {
    if (node.op->role != OpRole::optimizer) continue;
    // Of an update, the gradient stands behind the parameter and its states.
    step.gradients.push_back({node.inputs[0], node.inputs[node.op->outputs.size()]});
  }
  step.loss = std::move(*graph);
  step.loss.outputs = {step.loss.outputs[0]};
  step.loss = eliminate_dead(std::move(step.loss));
  return step;
}

// The nodes that depend on a value; the others' results are known.
Graph dependents(const Graph& graph, ValueId on) {
  std::vector<bool> depends(graph.values.size());
  depends[on] = true;
  Graph result = graph;
  result.nodes.clear();
  for (const Node& node : graph.nodes) {
    bool reads = false;
    for (const ValueId id : node.inputs) reads = reads || (id != kNoValue && depends[id]);
    if (!reads) continue;
    for (const ValueId id : node.outputs) depends[id] = true;
    result.nodes.push_back(node);
  }
  return result;
}

// How steeply the loss rises where the parameter moves in that direction.
double slope(const Step& step, ValueId parameter, const std::vector<double>& way) {
  const Graph graph = dependents(step.loss, parameter);
  GivenValues given;
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) given[id] = step.values[id];
    }
  }
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) given.erase(id);
  }
  const auto loss_at = [&](double distance) {
    std::vector<double>& data = given[parameter].data;
    for (size_t i = 0; i < data.size(); ++i) {
      data[i] = step.values[parameter].data[i] + distance * way[i];
    }
    return interpret(graph, given)[graph.outputs[0]].data[0];
  };
  return (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
}

void check_gradients(const std::string& name) {
  const Shrunken network = shrunken(name);
  const Step step = interpreted_step(network);
  size_t buffers = 0;
  for (const Value& value : step.loss.values) {
    buffers += value.kind == ValueKind::parameter && value.init.is_buffer ? 1 : 0;
  }
  CHECK(step.gradients.size() + buffers == network.weights.tensors.size());
  for (const Gradient& one : step.gradients) {
    const std::string& parameter = step.loss.values[one.parameter].name;
    const std::vector<double>& gradient = step.values[one.gradient].data;
    std::vector<double> way = direction(parameter, static_cast<int64_t>(gradient.size()));
    const double length = std::sqrt(squared_norm(way));
    for (double& element : way) element /= length;
    INFO(parameter);
    const double norm = std::sqrt(squared_norm(gradient));
    const double wanted = slope(step, one.parameter, way);
    CHECK(product(gradient, way) ==
          Approx(wanted).epsilon(0).margin(kTolerance * norm + kRounding));
  }
}

TEST_CASE("gradients of the networks") {
  for (const std::string& name : kNetworks) {
    DYNAMIC_SECTION(name) { check_gradients(name); }
  }
}

}  // namespace
}  // namespace cnnc::test
