// Good descriptions: defaults, names, order, places; their graphs; errors of shapes.
#include "compiler/frontend/model.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/golden.h"

namespace cnnc {
namespace {

// A description with these layers, on lines of their own from line 2 on.
std::string with_layers(const std::string& layers, const std::string& more = "") {
  return R"({"cnnc": 1, "name": "net", "input": {"shape": [3, 8, 8]}, "layers": [)"
         "\n" +
         layers + "\n]" + more + "}\n";
}

Result<ModelDescription> parse(const std::string& text, const std::string& path = "m.json") {
  return parse_model(std::make_shared<Source>(Source{path, text}));
}

ModelDescription parsed(const std::string& text, const std::string& path = "m.json") {
  Result<ModelDescription> model = parse(text, path);
  INFO(render(model.diagnostics()));
  REQUIRE(model.ok());
  return *model;
}

std::string names(const ModelDescription& model) {
  std::string text;
  for (const LayerDescription& layer : model.layers) {
    text += layer.name + "(";
    for (const std::string& input : layer.inputs) text += (text.back() == '(' ? "" : ",") + input;
    text += ") ";
  }
  return text;
}

std::string shape_error(const std::string& text) {
  const Result<Graph> graph = build_graph(parsed(text), 2);
  REQUIRE_FALSE(graph.ok());
  return render(graph.diagnostics());
}

TEST_CASE("the graphs of the models in models/", "[frontend]") {
  for (const std::string name : {"mnist_cnn", "residual", "resnet18_convs"}) {
    Result<ModelDescription> model = load_model(test::source_path("models/" + name + ".json"));
    INFO(render(model.diagnostics()));
    REQUIRE(model.ok());
    CHECK(model->warnings.empty());
    const Result<Graph> graph = build_graph(*model, 64);
    INFO(render(graph.diagnostics()));
    REQUIRE(graph.ok());
    CHECK(verify(*graph).empty());
    const std::string text = print(*graph);
    CHECK(test::golden("tests/frontend/golden/" + name + ".graph", text) == text);
  }
}

TEST_CASE("the reference network is described as the issue has it", "[frontend]") {
  const Result<ModelDescription> model = load_model(test::source_path("models/mnist_cnn.json"));
  REQUIRE(model.ok());
  CHECK(model->name == "mnist_cnn");
  CHECK(model->input_shape == Shape{1, 28, 28});
  CHECK(model->mean == std::vector<double>{0.5});
  CHECK(model->std == std::vector<double>{0.5});
  CHECK(model->loss.op->name == "CrossEntropyLoss");
  CHECK(model->optimizer.op->name == "SGD");
  CHECK(model->optimizer.attrs.real("lr") == 0.001);
  CHECK(model->optimizer.attrs.real("momentum") == 0.9);
  CHECK(model->batch_size == 64);
  CHECK(model->epochs == 3);
  CHECK(model->weights.empty());
  CHECK(model->output == "fc3");
  const Result<Graph> graph = build_graph(*model, 1);
  REQUIRE(graph.ok());
  std::string parameters;
  for (const Value& value : graph->values) {
    if (value.kind == ValueKind::parameter) parameters += value.name + " ";
  }
  CHECK(parameters ==
        "conv1.weight conv1.bias conv2.weight conv2.bias fc1.weight fc1.bias fc2.weight fc2.bias "
        "fc3.weight fc3.bias ");
}

TEST_CASE("only four keys are needed; the rest has defaults", "[frontend]") {
  const ModelDescription model = parsed(with_layers(R"({"type": "ReLU"})"));
  CHECK(model.mean.empty());
  CHECK(model.std.empty());
  CHECK(model.loss.op == nullptr);
  CHECK(model.optimizer.op == nullptr);
  CHECK(model.batch_size == 64);
  CHECK(model.epochs == 1);
  CHECK(model.weights.empty());
  CHECK(model.winograd);
  CHECK_FALSE(parsed(with_layers(R"({"type": "ReLU"})", R"(, "winograd": false)")).winograd);
  CHECK(parsed(with_layers(R"({"type": "ReLU"})", R"(, "winograd": "auto")")).winograd);
  CHECK(parsed(with_layers(R"({"type": "ReLU"})", R"(, "training": {"epochs": 5})")).epochs == 5);
}

TEST_CASE("layers without a name get one that nobody has", "[frontend]") {
  CHECK(names(parsed(with_layers(R"(
      {"type": "ReLU"},
      {"type": "ReLU", "name": "mine"},
      {"type": "ReLU"},
      {"type": "Flatten"},
      {"type": "ReLU", "name": "relu_4"},
      {"type": "ReLU"})"))) ==
        "relu_1(input) mine(relu_1) relu_3(mine) flatten_1(relu_3) relu_4(flatten_1) "
        "relu_5(relu_4) ");
  CHECK(names(parsed(with_layers(R"(
      {"type": "ReLU"}, {"type": "ReLU"}, {"type": "ReLU", "name": "relu_1"})"))) ==
        "relu_2(input) relu_3(relu_2) relu_1(relu_3) ");
}

TEST_CASE("layers may be listed in any order; the last one listed gives the output", "[frontend]") {
  const ModelDescription model = parsed(with_layers(R"(
      {"type": "Add", "name": "sum", "inputs": ["b", "a"]},
      {"type": "ReLU", "name": "b", "inputs": ["a"]},
      {"type": "ReLU", "name": "a", "inputs": ["input"]},
      {"type": "ReLU", "name": "end", "inputs": ["sum"]})"));
  CHECK(names(model) == "a(input) b(a) sum(b,a) end(sum) ");
  CHECK(model.output == "end");
  const Result<Graph> graph = build_graph(model, 3);
  REQUIRE(graph.ok());
  CHECK(graph->values[graph->outputs.at(0)].name == "end");
  CHECK(parsed(with_layers(R"(
      {"type": "ReLU", "name": "b", "inputs": ["a"]},
      {"type": "ReLU", "name": "a", "inputs": ["input"]})"))
            .output == "a");
}

TEST_CASE("a layer that nobody reads is worth a warning", "[frontend]") {
  const ModelDescription model = parsed(with_layers(
      "{\"type\": \"ReLU\", \"name\": \"dead\"},\n{\"type\": \"ReLU\", \"inputs\": [\"input\"]}"));
  REQUIRE(model.warnings.size() == 1);
  CHECK(
      render(model.warnings) ==
      "m.json:2:1: warning: nothing reads layer \"dead\", and it is not the last one, which gives "
      "the output [at /layers/0]\n"
      "  {\"type\": \"ReLU\", \"name\": \"dead\"},\n"
      "  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n");
}

TEST_CASE("normalisation has a mean and a deviation for all channels or each", "[frontend]") {
  const auto input = [](const std::string& keys) {
    return parsed(R"({"cnnc": 1, "name": "net", "input": {"shape": [3, 4, 4])" + keys +
                  R"(}, "layers": [{"type": "ReLU"}]})");
  };
  using Reals = std::vector<double>;
  CHECK(input(R"(, "mean": 0.5)").mean == Reals{0.5});
  CHECK(input(R"(, "mean": 0.5)").std == Reals{1});
  CHECK(input(R"(, "std": 2)").mean == Reals{0});
  CHECK(input(R"(, "mean": [1, 2, 3], "std": 0.5)").std == Reals{0.5, 0.5, 0.5});
  CHECK(input(R"(, "mean": [0.5], "std": [1, 2, 3])").mean == Reals{0.5, 0.5, 0.5});
  const Result<Graph> graph = build_graph(input(R"(, "mean": [1, 2, 3])"), 2);
  REQUIRE(graph.ok());
  CHECK(print(*graph).find("%input.normalized: f32[2, 3, 4, 4] = Normalize(%input)") !=
        std::string::npos);
  CHECK(print(*graph).find("ReLU(%input.normalized)") != std::string::npos);
}

TEST_CASE("weights are relative to the folder of the description", "[frontend]") {
  const std::string text = with_layers(R"({"type": "ReLU"})", R"(, "weights": "w/a.safetensors")");
  CHECK(parsed(text, "m.json").weights == "w/a.safetensors");
  CHECK(parsed(text, "dir/m.json").weights == "dir/w/a.safetensors");
  CHECK(parsed(text, "/abs/m.json").weights == "/abs/w/a.safetensors");
  CHECK(parsed(text).weights_place.pointer == "/weights");
  CHECK(
      parsed(with_layers(R"({"type": "ReLU"})", R"(, "weights": "/x/a")"), "dir/m.json").weights ==
      "/x/a");
}

TEST_CASE("every part knows its place", "[frontend]") {
  const ModelDescription model =
      parsed(with_layers(R"(
      {"type": "Conv2d", "kernel_size": 3, "out_channels": 4})",
                         R"(, "optimizer": {"type": "SGD", "lr": 0.1})"));
  const auto text = [&](const Place& place) {
    return model.source->text.substr(place.span.begin, place.span.end - place.span.begin);
  };
  CHECK(text(model.layers[0].place).front() == '{');
  CHECK(text(model.layers[0].place).back() == '}');
  CHECK(model.layers[0].place.pointer == "/layers/0");
  CHECK(text(model.layers[0].attr_places.at("kernel_size")) == "3");
  CHECK(model.layers[0].attr_places.at("kernel_size").pointer == "/layers/0/kernel_size");
  CHECK(model.optimizer.attr_places.at("lr").pointer == "/optimizer/lr");
  const Result<Graph> graph = build_graph(model, 1);
  REQUIRE(graph.ok());
  CHECK(graph->nodes[0].pointer == "/layers/0");
  CHECK(graph->nodes[0].span.begin == model.layers[0].place.span.begin);
}

TEST_CASE("an error of a shape points at the attribute that it speaks of", "[frontend]") {
  CHECK(
      shape_error(
          with_layers(
              R"({"type": "Conv2d", "name": "c", "in_channels": 4, "out_channels": 4, "kernel_size": 1})"))
          .find("m.json:2:48: error: Conv2d \"c\": in_channels is 4, but the input [2, 3, 8, 8] "
                "has 3 "
                "channels [at /layers/0/in_channels]\n") == 0);
}

TEST_CASE("an error of a shape that concerns no attribute points at the layer", "[frontend]") {
  const std::string error = shape_error(with_layers(R"({"type": "ReLU", "name": "a"},
{"type": "MaxPool2d", "name": "p", "kernel_size": 2},
{"type": "Add", "name": "s", "inputs": ["a", "p"]})"));
  CHECK(error.find("m.json:4:1: error: Add \"s\": ") == 0);
  CHECK(error.find("[2, 3, 8, 8]") != std::string::npos);
  CHECK(error.find("[2, 3, 4, 4]") != std::string::npos);
  CHECK(error.find("[at /layers/2]") != std::string::npos);
}

TEST_CASE("the batch is bounded", "[frontend]") {
  const ModelDescription model = parsed(with_layers(R"({"type": "ReLU"})"));
  CHECK(build_graph(model, 1).ok());
  CHECK(build_graph(model, 0).diagnostics().at(0).message ==
        "the batch must have at least 1 and fewer than 2^31 samples, found 0");
  CHECK_FALSE(build_graph(model, INT64_MAX).ok());
  const Result<Graph> graph = build_graph(model, 100000000);
  REQUIRE_FALSE(graph.ok());
  CHECK(
      render(graph.diagnostics())
          .find("m.json:1:37: error: the input for a batch of 100000000 is [100000000, 3, 8, 8]: a "
                "tensor has fewer than 2^31 elements [at /input]\n") == 0);
}

TEST_CASE("a file that cannot be read is an error", "[frontend]") {
  const Result<ModelDescription> model = load_model("/nowhere/m.json");
  REQUIRE_FALSE(model.ok());
  CHECK(model.diagnostics()[0].message ==
        "/nowhere/m.json: cannot open: No such file or directory");
}

TEST_CASE("a network of many layers", "[frontend]") {
  std::string layers = R"({"type": "ReLU"})";
  for (int i = 0; i < 5000; ++i) layers += ",\n{\"type\": \"ReLU\"}";
  const ModelDescription model = parsed(with_layers(layers));
  CHECK(build_graph(model, 1)->nodes.size() == 5001);
}

}  // namespace
}  // namespace cnnc
