// What is exported is what comes back: the same nodes, shapes, parameters and numbers.
#include "compiler/onnx/export.h"

#include <catch2/catch.hpp>
#include <random>

#include "compiler/frontend/model.h"
#include "compiler/onnx/importer.h"
#include "compiler/reference/interpreter.h"

namespace cnnc::test {
namespace {

constexpr int64_t kBatch = 2;

struct Network {
  Graph graph;
  std::map<std::string, std::vector<float>> parameters;
};

Network network(const std::string& layers, const std::string& input) {
  const std::string text =
      R"({"cnnc": 1, "name": "net", "input": )" + input + R"(, "layers": [)" + layers + "]}";
  const Result<ModelDescription> model =
      parse_model(std::make_shared<Source>(Source{"net.json", text}));
  INFO((model ? "" : render(model.diagnostics())));
  REQUIRE(model.ok());
  Result<Graph> graph = build_graph(*model, kBatch);
  INFO((graph ? "" : render(graph.diagnostics())));
  REQUIRE(graph.ok());
  Network result{*std::move(graph), {}};
  std::mt19937 generator(7);
  std::uniform_real_distribution<float> numbers(0.1f, 1.f);
  for (const Value& value : result.graph.values) {
    if (value.kind != ValueKind::parameter) continue;
    std::vector<float>& elements = result.parameters[value.name];
    elements.resize(static_cast<size_t>(element_count(value.type.shape)));
    for (float& each : elements) each = numbers(generator);
  }
  return result;
}

Result<std::string> exported(const Network& from) {
  return export_onnx(from.graph,
                     [&](const std::string& name) { return from.parameters.at(name).data(); });
}

std::vector<double> computed(const Graph& graph,
                             const std::map<std::string, std::vector<float>>& parameters) {
  GivenValues given;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.kind == ValueKind::result) continue;
    ReferenceTensor& tensor = given[static_cast<ValueId>(i)];
    tensor.shape = value.type.shape;
    if (value.kind == ValueKind::parameter) {
      const std::vector<float>& elements = parameters.at(value.name);
      tensor.data = {elements.begin(), elements.end()};
      continue;
    }
    for (int64_t k = 0; k < element_count(value.type.shape); ++k) {
      tensor.data.push_back(static_cast<double>(k * 37 % 101) / 50 - 1);
    }
  }
  return interpret(graph, given)[graph.outputs[0]].data;
}

// Exports, imports for another batch and for the same, and compares.
void check_round_trip(const std::string& layers, const std::string& input) {
  const Network before = network(layers, input);
  const Result<std::string> bytes = exported(before);
  INFO((bytes ? "" : render(bytes.diagnostics())));
  REQUIRE(bytes.ok());
  const Result<OnnxModel> model = OnnxModel::parse(*bytes, "net.onnx");
  INFO((model ? "" : render(model.diagnostics())));
  REQUIRE(model.ok());
  for (const int64_t batch : {int64_t{5}, kBatch}) {
    OnnxImportOptions options;
    options.batch = batch;
    const Result<OnnxImport> after = model->import(options);
    INFO((after ? "" : render(after.diagnostics())));
    REQUIRE(after.ok());
    Shape shape = before.graph.type(before.graph.outputs[0]).shape;
    shape[0] = batch;
    CHECK(after->graph.type(after->graph.outputs[0]).shape == shape);
    if (batch != kBatch) continue;
    std::map<std::string, std::vector<float>> parameters;
    for (const auto& [name, tensor] : after->parameters) parameters[name] = tensor->floats();
    for (const auto& [name, elements] : before.parameters) {
      if (parameters.count(name) > 0) CHECK(parameters.at(name) == elements);
    }
    const std::vector<double> expected = computed(before.graph, before.parameters);
    const std::vector<double> found = computed(after->graph, parameters);
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i] == Approx(expected[i]).epsilon(1e-5).margin(1e-6));
    }
  }
}

constexpr const char* kImage = R"({"shape": [4, 8, 8]})";

TEST_CASE("layers come back from ONNX as they were", "[onnx]") {
  const char* const layers[] = {
      R"({"type": "Conv2d", "out_channels": 6, "kernel_size": [3, 2], "stride": 2,
          "padding": [1, 0, 2, 1], "groups": 2})",
      R"({"type": "Conv2d", "out_channels": 6, "kernel_size": 3, "dilation": 2, "bias": false})",
      R"({"type": "ConvTranspose2d", "out_channels": 3, "kernel_size": 3, "stride": 2,
          "padding": 1, "output_padding": 1})",
      R"({"type": "MaxPool2d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": true})",
      R"({"type": "AvgPool2d", "kernel_size": 3, "stride": 2, "padding": 1})",
      R"({"type": "AvgPool2d", "kernel_size": 3, "padding": 1, "count_include_pad": false})",
      R"({"type": "AdaptiveAvgPool2d", "output_size": 1})",
      R"({"type": "AdaptiveMaxPool2d", "output_size": 4})",
      R"({"type": "Softmax"})",
      R"({"type": "LogSoftmax"})",
      R"({"type": "Dropout", "p": 0.25})",
      R"({"type": "Flatten"}, {"type": "Linear", "out_features": 5})",
      R"({"type": "Flatten"}, {"type": "Linear", "out_features": 5, "bias": false})",
      R"({"type": "ReLU", "name": "a"}, {"type": "Add", "inputs": ["a", "input"]})",
  };
  for (const char* each : layers) {
    INFO(each);
    check_round_trip(each, kImage);
  }
}

TEST_CASE("a normalised input becomes a subtraction and a division", "[onnx]") {
  check_round_trip(R"({"type": "ReLU"})",
                   R"({"shape": [2, 3, 3], "mean": [0.5, 0.25], "std": [0.5, 2]})");
}

TEST_CASE("what ONNX lacks is named", "[onnx]") {
  const Network net = network(
      R"({"type": "AvgPool2d", "name": "mean", "kernel_size": 2, "divisor_override": 3},
         {"type": "AdaptiveAvgPool2d", "name": "some", "output_size": 3})",
      kImage);
  const Result<std::string> bytes = exported(net);
  REQUIRE_FALSE(bytes.ok());
  REQUIRE(bytes.diagnostics().size() == 2);
  CHECK(bytes.diagnostics()[0].message ==
        "AvgPool2d \"mean\" cannot be exported: ONNX has no divisor_override");
  CHECK(bytes.diagnostics()[1].message ==
        "AdaptiveAvgPool2d \"some\" cannot be exported: its windows have different sizes");
}

}  // namespace
}  // namespace cnnc::test
