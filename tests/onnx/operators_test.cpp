// What single operators become.
#include "compiler/onnx/operators.h"

#include <catch2/catch.hpp>
#include <set>

#include "compiler/onnx/importer.h"
#include "tests/onnx/models.h"

namespace cnnc::test {
namespace {

using ::onnx::ModelProto;
using ::onnx::NodeProto;

Result<OnnxImport> imported(const ModelProto& model) {
  const Result<OnnxModel> parsed = OnnxModel::parse(bytes_of(model), "net.onnx");
  REQUIRE(parsed.ok());
  OnnxImportOptions options;
  options.batch = 2;
  return parsed->import(options);
}

OnnxImport import_of(const ModelProto& model) {
  Result<OnnxImport> result = imported(model);
  INFO((result ? "" : render(result.diagnostics())));
  REQUIRE(result.ok());
  return *std::move(result);
}

// x f32[batch, 4, 6, 6] through one node.
ModelProto with_node(const std::string& type, int64_t opset, NodeProto*& node) {
  ModelProto model = empty_model(opset);
  add_input(model, "x", {-1, 4, 6, 6});
  add_output(model, "y");
  node = &add_node(model, type, {"x"}, {"y"});
  return model;
}

TEST_CASE("operators are listed once, and found by domain", "[onnx]") {
  std::set<std::string> names;
  for (const OnnxOperator& each : onnx_operators()) CHECK(names.insert(each.name).second);
  CHECK(find_onnx_operator("", "Conv") != nullptr);
  CHECK(find_onnx_operator("ai.onnx", "Conv") != nullptr);
  CHECK(find_onnx_operator("com.example", "Conv") == nullptr);
  CHECK(find_onnx_operator("", "Adam") == nullptr);
  CHECK(find_onnx_operator("ai.onnx.preview.training", "Adam") != nullptr);
}

TEST_CASE("auto_pad becomes padding in numbers", "[onnx]") {
  for (const auto& [word, padding] :
       {std::pair<const char*, std::vector<int64_t>>{"SAME_UPPER", {0, 0, 1, 1}},
        {"SAME_LOWER", {1, 1, 0, 0}},
        {"VALID", {0, 0, 0, 0}}}) {
    NodeProto* node = nullptr;
    ModelProto model = with_node("MaxPool", 13, node);
    set_attribute(*node, "kernel_shape", std::vector<int64_t>{3, 3});
    set_attribute(*node, "strides", std::vector<int64_t>{2, 2});
    set_attribute(*node, "auto_pad", std::string(word));
    const OnnxImport result = import_of(model);
    CHECK(result.graph.nodes[0].attrs.integers("padding") == padding);
  }
}

TEST_CASE("where padding counts, what ceiled windows reach behind it is padding", "[onnx]") {
  NodeProto* node = nullptr;
  ModelProto model = with_node("AveragePool", 19, node);
  set_attribute(*node, "kernel_shape", std::vector<int64_t>{3, 4});
  set_attribute(*node, "strides", std::vector<int64_t>{2, 4});
  set_attribute(*node, "ceil_mode", int64_t{1});
  const OnnxImport input_only = import_of(model);
  CHECK(input_only.graph.nodes[0].attrs.boolean("ceil_mode"));
  CHECK(input_only.graph.nodes[0].attrs.integers("padding") == std::vector<int64_t>(4));
  set_attribute(*node, "count_include_pad", int64_t{1});
  const OnnxImport padded = import_of(model);
  CHECK_FALSE(padded.graph.nodes[0].attrs.boolean("ceil_mode"));
  CHECK(padded.graph.nodes[0].attrs.integers("padding") == std::vector<int64_t>{0, 0, 1, 2});
  CHECK(padded.graph.type(padded.outputs[0].id).shape == Shape{2, 4, 3, 2});
}

TEST_CASE("LayerNormalization gives its means and inverse deviations", "[onnx]") {
  NodeProto* node = nullptr;
  ModelProto model = with_node("LayerNormalization", 17, node);
  add_floats(model, "w", {6}, std::vector<float>(6, 1));
  node->add_input("w");
  node->add_output("mean");
  node->add_output("inverse");
  add_output(model, "mean");
  add_output(model, "inverse");
  const OnnxImport result = import_of(model);
  REQUIRE(result.outputs.size() == 3);
  CHECK(result.graph.type(result.outputs[0].id).shape == Shape{2, 4, 6, 6});
  for (int i = 1; i < 3; ++i) {
    CHECK(result.graph.type(result.outputs[i].id).shape == Shape{2, 4, 6, 1});
  }
}

TEST_CASE("Softmax joins dimensions up to opset 12", "[onnx]") {
  NodeProto* node = nullptr;
  const OnnxImport old = import_of(with_node("Softmax", 12, node));
  CHECK(old.graph.nodes[0].op->name == "Flatten");
  const OnnxImport recent = import_of(with_node("Softmax", 13, node));
  REQUIRE(recent.graph.nodes.size() == 1);
  CHECK(recent.graph.nodes[0].attrs.integer("dim") == 3);
}

TEST_CASE("Gemm is a Linear, with its weights turned and scaled", "[onnx]") {
  ModelProto model = empty_model(13);
  add_input(model, "x", {-1, 2});
  add_floats(model, "w", {2, 3}, {1, 2, 3, 4, 5, 6});
  add_floats(model, "c", {1}, {7});
  NodeProto& node = add_node(model, "Gemm", {"x", "w", "c"}, {"y"});
  auto& alpha = *node.add_attribute();
  alpha.set_name("alpha");
  alpha.set_type(::onnx::AttributeProto::FLOAT);
  alpha.set_f(2);
  add_output(model, "y");
  const OnnxImport result = import_of(model);
  REQUIRE(result.graph.nodes.size() == 1);
  CHECK(result.graph.nodes[0].op->name == "Linear");
  CHECK(result.parameters.at("w.transposed.scaled")->floats() ==
        std::vector<float>{2, 8, 4, 10, 6, 12});
  CHECK(result.parameters.at("c.bias")->floats() == std::vector<float>{7, 7, 7});
}

TEST_CASE("a weight that two nodes read is one parameter", "[onnx]") {
  ModelProto model = empty_model(13);
  add_input(model, "x", {-1, 2});
  add_floats(model, "w", {2, 2}, {1, 2, 3, 4});
  set_attribute(add_node(model, "Gemm", {"x", "w"}, {"a"}), "transB", int64_t{1});
  set_attribute(add_node(model, "Gemm", {"a", "w"}, {"y"}), "transB", int64_t{1});
  add_output(model, "y");
  CHECK(import_of(model).parameters.size() == 1);
}

TEST_CASE("Dropout stays for training, and its mask is known", "[onnx]") {
  ModelProto model = empty_model(13);
  add_input(model, "x", {-1, 3});
  add_node(model, "Dropout", {"x"}, {"y", "mask"});
  add_output(model, "y");
  add_output(model, "mask");
  const OnnxImport result = import_of(model);
  REQUIRE(result.graph.nodes.size() == 1);
  CHECK(result.graph.nodes[0].attrs.real("p") == Approx(0.5));
  CHECK(result.outputs[1].constant->as_integers() == std::vector<int64_t>(6, 1));
}

TEST_CASE("what of an operator is not supported is said", "[onnx]") {
  NodeProto* node = nullptr;
  ModelProto model = with_node("MaxPool", 13, node);
  set_attribute(*node, "kernel_shape", std::vector<int64_t>{2, 2});
  node->add_output("places");
  add_output(model, "places");
  const Result<OnnxImport> places = imported(model);
  REQUIRE_FALSE(places.ok());
  CHECK_THAT(places.diagnostics()[0].message, Catch::Contains("the places of the maxima"));

  model = with_node("MaxPool", 13, node);
  set_attribute(*node, "kernel_shape", std::vector<int64_t>{2});
  const Result<OnnxImport> kernel = imported(model);
  REQUIRE_FALSE(kernel.ok());
  CHECK_THAT(kernel.diagnostics()[0].message,
             Catch::Contains("its attribute kernel_shape has 1 numbers, not 2"));

  model = empty_model(13);
  add_input(model, "x", {-1, 4, 6, 6});
  add_floats(model, "w", {4, 4, 1, 1}, std::vector<float>(16));
  set_attribute(add_node(model, "Conv", {"x", "w"}, {"y"}), "group", int64_t{0});
  add_output(model, "y");
  const Result<OnnxImport> groups = imported(model);
  REQUIRE_FALSE(groups.ok());
  CHECK_THAT(groups.diagnostics()[0].message, Catch::Contains("Conv2d takes no groups of 0"));
}

}  // namespace
}  // namespace cnnc::test
