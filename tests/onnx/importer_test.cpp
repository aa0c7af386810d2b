#include "compiler/onnx/importer.h"

#include <catch2/catch.hpp>

#include "tests/onnx/models.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

using ::onnx::ModelProto;
using ::onnx::TensorProto;

OnnxModel parsed(const ModelProto& model) {
  Result<OnnxModel> result = OnnxModel::parse(bytes_of(model), "net.onnx");
  INFO((result ? "" : render(result.diagnostics())));
  REQUIRE(result.ok());
  return *std::move(result);
}

OnnxImport imported(const ModelProto& model, int64_t batch = 1) {
  OnnxImportOptions options;
  options.batch = batch;
  Result<OnnxImport> result = parsed(model).import(options);
  INFO((result ? "" : render(result.diagnostics())));
  REQUIRE(result.ok());
  return *std::move(result);
}

// The messages, without the file's name.
std::vector<std::string> refusals(const ModelProto& model, int64_t batch = 1) {
  OnnxImportOptions options;
  options.batch = batch;
  const Result<OnnxImport> result = parsed(model).import(options);
  std::vector<std::string> messages;
  for (const Diagnostic& each : result.diagnostics()) {
    REQUIRE(each.message.rfind("net.onnx: ", 0) == 0);
    messages.push_back(each.message.substr(10));
  }
  return messages;
}

std::string parse_error(const std::string& bytes) {
  const Result<OnnxModel> result = OnnxModel::parse(bytes, "net.onnx");
  REQUIRE_FALSE(result.ok());
  return result.diagnostics()[0].message;
}

TEST_CASE("a model becomes a graph with the names of its tensors", "[onnx]") {
  const OnnxImport result = imported(small_model(13), 3);
  const Graph& graph = result.graph;
  CHECK(verify(graph).empty());
  REQUIRE(graph.nodes.size() == 2);
  CHECK(graph.nodes[0].op->name == "Conv2d");
  CHECK(graph.nodes[0].name == "c");
  CHECK(graph.nodes[1].op->name == "ReLU");
  REQUIRE(graph.outputs.size() == 1);
  CHECK(graph.values[graph.outputs[0]].name == "y");
  CHECK(graph.type(graph.outputs[0]).shape == Shape{3, 2, 2, 2});
  REQUIRE(result.parameters.size() == 2);
  CHECK(result.parameters.at("b")->floats() == std::vector<float>{1.f, 2.f});
  CHECK(graph.values[graph.nodes[0].inputs[1]].name == "w");
}

TEST_CASE("files that are no models", "[onnx]") {
  CHECK(parse_error("no model") == "net.onnx: is no ONNX model, or a damaged one");
  CHECK(parse_error("") == "net.onnx: is no ONNX model: it has no graph");
  const std::string whole = bytes_of(small_model(13));
  CHECK(parse_error(whole.substr(0, whole.size() / 2)) ==
        "net.onnx: is no ONNX model, or a damaged one");
  CHECK_FALSE(OnnxModel::load("/nowhere/net.onnx").ok());
}

TEST_CASE("any damage is an error, not a crash", "[onnx]") {
  const std::string whole = bytes_of(small_model(13));
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {1, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ change);
      const Result<OnnxModel> model = OnnxModel::parse(bytes, "net.onnx");
      if (!model) continue;
      OnnxImportOptions options;
      options.batch = 2;
      const Result<OnnxImport> result = model->import(options);
      CHECK((result.ok() || !result.diagnostics().empty()));
    }
  }
}

TEST_CASE("opsets that are too old or too new", "[onnx]") {
  CHECK(parse_error(bytes_of(small_model(5))) ==
        "net.onnx: is of opset 5; cnnc reads opsets 6 to 22");
  CHECK(parse_error(bytes_of(small_model(23))) ==
        "net.onnx: is of opset 23; cnnc reads opsets 6 to 22");
}

TEST_CASE("every node that is not supported is named", "[onnx]") {
  ModelProto model = empty_model(13);
  add_input(model, "x", {-1, 2, 4, 4});
  add_node(model, "Det", {"x"}, {"a"});
  add_node(model, "Relu", {"a"}, {"b"});
  add_node(model, "NoSuchThing", {"b"}, {"c"}).set_name("n");
  set_attribute(add_node(model, "Relu", {"x"}, {"d"}), "slope", int64_t{1});
  auto& own = add_node(model, "Fancy", {"d"}, {"e"});
  own.set_domain("com.example");
  for (const char* output : {"c", "e"}) add_output(model, output);
  CHECK(refusals(model) ==
        std::vector<std::string>{
            "node \"a\" (Det, opset 13): cnnc does not have this operator",
            "node \"n\" (NoSuchThing, opset 13): cnnc does not have this operator",
            "node \"d\" (Relu, opset 13): cnnc does not have its attribute slope",
            "node \"e\" (com.example.Fancy, opset 0): cnnc does not have this operator"});
}

TEST_CASE("nodes that no output needs are left out", "[onnx]") {
  ModelProto model = small_model(13);
  add_node(model, "NoSuchThing", {"x"}, {"unused"});
  CHECK(imported(model).graph.nodes.size() == 2);
}

TEST_CASE("symbolic extents", "[onnx]") {
  CHECK(refusals(small_model(13), 0) ==
        std::vector<std::string>{"input \"x\" has the symbolic extent \"batch\" as dimension 0: "
                                 "only the batch, dimension 0, may be left open"});
  ModelProto model = empty_model(13);
  add_input(model, "x", {1, 3, -1, 4});
  add_node(model, "Relu", {"x"}, {"y"});
  add_output(model, "y");
  CHECK(refusals(model) ==
        std::vector<std::string>{"input \"x\" has the symbolic extent \"batch\" as dimension 2: "
                                 "only the batch, dimension 0, may be left open"});
}

TEST_CASE("inputs that are no floats", "[onnx]") {
  ModelProto model = empty_model(13);
  add_input(model, "x", {2, 3}, TensorProto::INT64);
  add_node(model, "Neg", {"x"}, {"y"});
  add_output(model, "y");
  CHECK(refusals(model) ==
        std::vector<std::string>{"input \"x\" is of type int64; the network's inputs are float"});
  // Handed over when the network is compiled, they are fine.
  OnnxImportOptions options;
  options.known_inputs["x"] = std::make_shared<const KnownTensor>(KnownTensor::integers({4, -5}));
  const Result<OnnxImport> result = parsed(model).import(options);
  REQUIRE(result.ok());
  REQUIRE(result->outputs[0].constant);
  CHECK(result->outputs[0].constant->as_integers() == std::vector<int64_t>{-4, 5});
}

TEST_CASE("a weight must be known, and the importer says which input that is", "[onnx]") {
  ModelProto model = empty_model(13);
  add_input(model, "x", {1, 1, 4, 4});
  add_input(model, "w", {1, 1, 3, 3});
  add_node(model, "Conv", {"x", "w"}, {"y"});
  add_output(model, "y");
  std::set<std::string> wanted;
  const Result<OnnxImport> result = parsed(model).import({}, &wanted);
  REQUIRE_FALSE(result.ok());
  CHECK(result.diagnostics()[0].message ==
        "net.onnx: node \"y\" (Conv, opset 13): its input \"w\" (number 1) is not known when the "
        "network is compiled");
  CHECK(wanted == std::set<std::string>{"w"});
}

TEST_CASE("wrong shapes are the op's own errors", "[onnx]") {
  ModelProto model = small_model(13);
  (*model.mutable_graph()->mutable_initializer(1)).set_dims(0, 3);
  (*model.mutable_graph()->mutable_initializer(1)).add_float_data(3.f);
  CHECK(refusals(model) ==
        std::vector<std::string>{
            "node \"c\" (Conv, opset 13): \"b\" has the shape [3], but must be [2]"});
}

TEST_CASE("initializers of a wrong size or type", "[onnx]") {
  ModelProto model = small_model(13);
  model.mutable_graph()->mutable_initializer(0)->mutable_float_data()->RemoveLast();
  model.mutable_graph()->mutable_initializer(1)->set_data_type(TensorProto::FLOAT16);
  const Result<OnnxModel> result = OnnxModel::parse(bytes_of(model), "net.onnx");
  REQUIRE_FALSE(result.ok());
  REQUIRE(result.diagnostics().size() == 2);
  CHECK(result.diagnostics()[0].message ==
        "net.onnx: initializer \"w\" has 17 elements, but its shape is [2, 1, 3, 3]");
  CHECK(result.diagnostics()[1].message ==
        "net.onnx: initializer \"b\" is of type float16, which cnnc does not compute with");
}

ModelProto with_external_weight(const std::string& location, int64_t offset, int64_t length) {
  ModelProto model = small_model(13);
  TensorProto& weight = *model.mutable_graph()->mutable_initializer(0);
  weight.clear_float_data();
  weight.set_data_location(TensorProto::EXTERNAL);
  const auto set = [&](const char* key, const std::string& value) {
    auto& entry = *weight.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  set("location", location);
  set("offset", std::to_string(offset));
  set("length", std::to_string(length));
  return model;
}

TEST_CASE("external data", "[onnx]") {
  const TempFolder folder;
  const std::vector<float> elements(20, 3.f);
  folder.write("w.bin", {reinterpret_cast<const char*>(elements.data()), 80});
  const auto load = [&](const ModelProto& model) {
    return OnnxModel::load(folder.write("net.onnx", bytes_of(model)));
  };
  const Result<OnnxModel> model = load(with_external_weight("w.bin", 8, 72));
  REQUIRE(model.ok());
  OnnxImportOptions options;
  options.batch = 1;
  const Result<OnnxImport> result = model->import(options);
  REQUIRE(result.ok());
  CHECK(result->parameters.at("w")->floats() == std::vector<float>(18, 3.f));

  const auto message = [&](const std::string& location, int64_t offset, int64_t length) {
    const Result<OnnxModel> wrong = load(with_external_weight(location, offset, length));
    REQUIRE_FALSE(wrong.ok());
    return wrong.diagnostics()[0].message;
  };
  CHECK_THAT(message("w.bin", 12, 72), Catch::Contains("ends behind the end of"));
  CHECK_THAT(message("w.bin", 0, 68), Catch::Contains("has 68 bytes of external data"));
  CHECK_THAT(message("other.bin", 0, 72), Catch::Contains("No such file"));
  for (const char* outside : {"../w.bin", "/etc/passwd", ""}) {
    CHECK_THAT(message(outside, 0, 72), Catch::Contains("no file beside the model or below"));
  }
}

}  // namespace
}  // namespace cnnc::test
