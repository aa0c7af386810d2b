// Graphs for tests of passes, and what they compute according to the reference interpreter.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/reference/interpreter.h"

namespace cnnc::test {

// A graph under construction: nodes by the names of their ops.
struct Sketch {
  Graph graph;

  ValueId input(const std::string& name, Shape shape, DType dtype = DType::f32) {
    return graph.add_input(name, Type{dtype, std::move(shape)});
  }
  // A layer with parameters of its own.
  ValueId layer(const std::string& op, const std::string& name, const Attrs& attrs,
                const std::vector<ValueId>& inputs) {
    return (*graph.try_add(*find_op(op), name, attrs, inputs))[0];
  }
  // A node that is given all its inputs.
  std::vector<ValueId> node(const std::string& op, const std::string& name, const Attrs& attrs,
                            const std::vector<ValueId>& inputs) {
    return graph.add(op, name, attrs, inputs);
  }
  ValueId relu(const std::string& name, ValueId x) { return layer("ReLU", name, {}, {x}); }
  ValueId add(const std::string& name, ValueId x, ValueId y) {
    return layer("Add", name, {}, {x, y});
  }
  ValueId flatten(const std::string& name, ValueId x) { return layer("Flatten", name, {}, {x}); }
  // 3 x 3, as large as its input.
  ValueId conv(const std::string& name, int64_t channels, ValueId x) {
    Attrs attrs;
    attrs.set("out_channels", channels);
    attrs.set("kernel_size", std::vector<int64_t>{3, 3});
    attrs.set("padding", std::vector<int64_t>{1, 1, 1, 1});
    return layer("Conv2d", name, attrs, {x});
  }
  ValueId linear(const std::string& name, int64_t features, ValueId x) {
    Attrs attrs;
    attrs.set("out_features", features);
    return layer("Linear", name, attrs, {x});
  }
  // 2 x 2: output and index.
  std::vector<ValueId> pool(const std::string& name, ValueId x) {
    Attrs attrs;
    attrs.set("kernel_size", std::vector<int64_t>{2, 2});
    return *graph.try_add(*find_op("MaxPool2d"), name, attrs, {x});
  }
  ValueId loss(ValueId scores) {
    const ValueId labels = input("labels", {graph.type(scores).shape[0]}, DType::i32);
    return layer("CrossEntropyLoss", "loss", {}, {scores, labels});
  }
  [[nodiscard]] std::vector<ValueId> parameters() const {
    std::vector<ValueId> result;
    for (size_t id = 0; id < graph.values.size(); ++id) {
      if (graph.values[id].kind == ValueKind::parameter) result.push_back(static_cast<ValueId>(id));
    }
    return result;
  }
};

// The nodes as "relu = ReLU(conv)", one per line: the graph without types and attributes.
inline std::string formulas(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      text += (i ? ", " : "") + graph.values[node.outputs[i]].name;
    }
    text += " = " + node.op->name + "(";
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      text += i ? ", " : "";
      text += node.inputs[i] == kNoValue ? "none" : graph.values[node.inputs[i]].name;
    }
    text += ")\n";
  }
  return text;
}

// Random inputs, parameters and states; integers are 0 or 1.
inline GivenValues random_values(const Graph& graph, std::mt19937& random) {
  GivenValues given;
  std::uniform_real_distribution<double> real(-1, 1);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    if (value.kind == ValueKind::result) continue;
    ReferenceTensor tensor = zeros(value.type.shape);
    for (double& x : tensor.data) {
      x = value.type.dtype == DType::f32 ? real(random) : static_cast<double>(random() % 2);
    }
    given[static_cast<ValueId>(id)] = std::move(tensor);
  }
  return given;
}

// Checks that `after` is sound and computes for its outputs what `before` computes for its own.
inline void check_same(const Graph& before, const Graph& after, uint32_t seed = 1) {
  INFO("before\n" << print(before) << "after\n" << print(after));
  REQUIRE_THAT(verify(after), Catch::Equals(""));
  REQUIRE(before.outputs.size() == after.outputs.size());
  std::mt19937 random(seed);
  const GivenValues given = random_values(before, random);
  const std::vector<ReferenceTensor> expected = interpret(before, given);
  const std::vector<ReferenceTensor> found = interpret(after, given);
  for (size_t i = 0; i < after.outputs.size(); ++i) {
    const ReferenceTensor& a = expected[before.outputs[i]];
    const ReferenceTensor& b = found[after.outputs[i]];
    INFO("output " << after.values[after.outputs[i]].name);
    REQUIRE(a.shape == b.shape);
    double worst = 0;
    for (size_t k = 0; k < a.data.size(); ++k) {
      worst = std::max(worst, std::abs(a.data[k] - b.data[k]) / (1 + std::abs(a.data[k])));
    }
    CHECK(worst < 1e-12);
  }
}

}  // namespace cnnc::test
