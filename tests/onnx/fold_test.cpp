// Shape arithmetic, through the importer.
#include <catch2/catch.hpp>

#include "compiler/onnx/importer.h"
#include "tests/onnx/models.h"

namespace cnnc::test {
namespace {

using ::onnx::ModelProto;

KnownTensor output_of(const ModelProto& model, int64_t batch = 2) {
  const Result<OnnxModel> parsed = OnnxModel::parse(bytes_of(model), "net.onnx");
  REQUIRE(parsed.ok());
  OnnxImportOptions options;
  options.batch = batch;
  const Result<OnnxImport> result = parsed->import(options);
  INFO((result ? "" : render(result.diagnostics())));
  REQUIRE(result.ok());
  REQUIRE(result->outputs.size() == 1);
  REQUIRE(result->outputs[0].constant);
  return *result->outputs[0].constant;
}

// The shape of f32[batch, 3, 4, 5] in `shape`.
ModelProto with_shape(int64_t opset) {
  ModelProto model = empty_model(opset);
  add_input(model, "x", {-1, 3, 4, 5});
  add_node(model, "Shape", {"x"}, {"shape"});
  add_output(model, "y");
  return model;
}

TEST_CASE("a shape is known, with the batch that is asked for", "[onnx]") {
  ModelProto model = with_shape(13);
  add_node(model, "Identity", {"shape"}, {"y"});
  CHECK(output_of(model, 7).as_integers() == std::vector<int64_t>{7, 3, 4, 5});
}

TEST_CASE("parts of a shape", "[onnx]") {
  ModelProto model = empty_model(15);
  add_input(model, "x", {-1, 3, 4, 5});
  auto& node = add_node(model, "Shape", {"x"}, {"y"});
  set_attribute(node, "start", int64_t{-2});
  set_attribute(node, "end", int64_t{9});
  add_output(model, "y");
  CHECK(output_of(model).as_integers() == std::vector<int64_t>{4, 5});
}

TEST_CASE("the shape of a flattened tensor, as exporters write it", "[onnx]") {
  ModelProto model = with_shape(13);
  add_integers(model, "zero", {0});
  add_integers(model, "rest", {-1});
  add_node(model, "Gather", {"shape", "zero"}, {"n"});
  set_attribute(add_node(model, "Concat", {"n", "rest"}, {"y"}), "axis", int64_t{0});
  CHECK(output_of(model, 6).as_integers() == std::vector<int64_t>{6, -1});
}

TEST_CASE("integers are divided towards zero, and Mod has the divisor's sign", "[onnx]") {
  const auto computed = [](const std::string& type) {
    ModelProto model = empty_model(13);
    add_integers(model, "a", {-7, 7, 7, -8});
    add_integers(model, "b", {3, 3, -4, -3});
    add_node(model, type, {"a", "b"}, {"y"});
    add_output(model, "y");
    return output_of(model).as_integers();
  };
  CHECK(computed("Div") == std::vector<int64_t>{-2, 2, -1, 2});
  CHECK(computed("Mod") == std::vector<int64_t>{2, 1, -1, -2});
}

TEST_CASE("slices backwards and beyond the ends", "[onnx]") {
  ModelProto model = with_shape(13);
  add_integers(model, "starts", {-1});
  add_integers(model, "ends", {INT64_MIN});
  add_integers(model, "axes", {0});
  add_integers(model, "steps", {-2});
  add_node(model, "Slice", {"shape", "starts", "ends", "axes", "steps"}, {"y"});
  CHECK(output_of(model).as_integers() == std::vector<int64_t>{5, 3});
}

TEST_CASE("axes are attributes before opset 13 and inputs since", "[onnx]") {
  ModelProto old = with_shape(11);
  set_attribute(add_node(old, "Unsqueeze", {"shape"}, {"y"}), "axes", std::vector<int64_t>{0});
  CHECK(output_of(old).shape() == Shape{1, 4});
  ModelProto recent = with_shape(13);
  add_integers(recent, "axes", {-1});
  add_node(recent, "Unsqueeze", {"shape", "axes"}, {"y"});
  CHECK(output_of(recent).shape() == Shape{4, 1});
}

TEST_CASE("casts round towards zero", "[onnx]") {
  ModelProto model = empty_model(13);
  add_floats(model, "a", {3}, {1.9f, -1.9f, 1e20f});
  set_attribute(add_node(model, "Cast", {"a"}, {"y"}), "to", int64_t{::onnx::TensorProto::INT64});
  add_output(model, "y");
  CHECK(output_of(model).as_integers()[0] == 1);
  CHECK(output_of(model).as_integers()[1] == -1);
}

TEST_CASE("ConstantOfShape is zero, or its value", "[onnx]") {
  ModelProto model = empty_model(13);
  add_integers(model, "s", {2, 3});
  add_node(model, "ConstantOfShape", {"s"}, {"y"});
  add_output(model, "y");
  CHECK(output_of(model).shape() == Shape{2, 3});
  CHECK(output_of(model).type() == ElementType::f32);
}

}  // namespace
}  // namespace cnnc::test
