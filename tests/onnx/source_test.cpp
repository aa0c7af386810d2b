#include "compiler/onnx/source.h"

#include <catch2/catch.hpp>

#include "tests/onnx/models.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

using ::onnx::ModelProto;

Result<OnnxNetwork> loaded(const ModelProto& model) {
  const TempFolder folder;
  return load_onnx_network(folder.write("net.onnx", bytes_of(model)));
}

std::string message(const ModelProto& model) {
  const Result<OnnxNetwork> network = loaded(model);
  REQUIRE_FALSE(network.ok());
  const std::string text = network.diagnostics()[0].message;
  return text.substr(text.find("net.onnx: ") + 10);
}

TEST_CASE("a network of one input and one output, for any batch", "[onnx]") {
  const Result<OnnxNetwork> network = loaded(small_model(13));
  REQUIRE(network.ok());
  CHECK(network->input_shape == Shape{1, 4, 4});
  CHECK(network->output == "y");
  CHECK(network->source->fixed_batch() == 0);
  for (const int64_t batch : {1, 8}) {
    const Result<SourcedNetwork> built = network->source->network(batch);
    REQUIRE(built.ok());
    CHECK(built->graph.type(built->graph.outputs[0]).shape == Shape{batch, 2, 2, 2});
    CHECK(built->parameters.at("w")->size() == 18);
  }
}

TEST_CASE("a batch that the model fixes", "[onnx]") {
  ModelProto model = small_model(13);
  model.mutable_graph()->clear_input();
  add_input(model, "x", {4, 1, 4, 4});
  const Result<OnnxNetwork> network = loaded(model);
  REQUIRE(network.ok());
  CHECK(network->source->fixed_batch() == 4);
  CHECK(network->source->network(4).ok());
  const Result<SourcedNetwork> other = network->source->network(1);
  REQUIRE_FALSE(other.ok());
  CHECK_THAT(other.diagnostics()[0].message,
             Catch::Contains("computes batches of 4, as its input says, and no others: not of 1"));
}

TEST_CASE("models that are no networks", "[onnx]") {
  ModelProto two_inputs = small_model(13);
  add_input(two_inputs, "z", {-1, 2});
  CHECK(message(two_inputs) == "has 2 inputs (\"x\", \"z\"); a network has one");
  ModelProto two_outputs = small_model(13);
  add_output(two_outputs, "c");
  CHECK(message(two_outputs) == "has 2 outputs (\"y\", \"c\"); a network has one");
  ModelProto scalar = small_model(13);
  scalar.mutable_graph()->clear_input();
  add_input(scalar, "x", {});
  CHECK(message(scalar) == "input \"x\" has no dimensions; the first is that of the batch");
}

TEST_CASE("an output that is no batch", "[onnx]") {
  ModelProto known = small_model(13);
  known.mutable_graph()->mutable_output(0)->set_name("w");
  const Result<OnnxNetwork> network = loaded(known);
  REQUIRE(network.ok());
  const Result<SourcedNetwork> built = network->source->network(1);
  REQUIRE_FALSE(built.ok());
  CHECK_THAT(built.diagnostics()[0].message,
             Catch::Contains("output \"w\" does not depend on the input"));
}

}  // namespace
}  // namespace cnnc::test
