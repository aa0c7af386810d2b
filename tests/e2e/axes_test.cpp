// Networks of sequences and volumes: compiled inference and training steps against plain loops.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/codegen/kernel.h"
#include "compiler/driver/graphs.h"
#include "tests/e2e/networks.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

std::string network(const std::string& shape, const std::string& layers) {
  return R"({"cnnc": 1, "name": "small", "input": {"shape": )" + shape + R"(}, "layers": [)" +
         layers + R"(, {"type": "Flatten"},
    {"type": "Linear", "name": "fc", "out_features": 3}],
    "loss": {"type": "CrossEntropyLoss"},
    "optimizer": {"type": "SGD", "lr": 0.5, "momentum": 0.9},
    "training": {"batch_size": 6}})";
}

std::vector<std::string> networks() {
  return {
      network("[3, 20]", R"(
    {"type": "Conv1d", "name": "conv1", "out_channels": 8, "kernel_size": 3, "padding": "same"},
    {"type": "ReLU"},
    {"type": "MaxPool1d", "kernel_size": 2},
    {"type": "Conv1d", "name": "conv2", "out_channels": 8, "kernel_size": 3, "stride": 2,
     "groups": 2, "bias": false},
    {"type": "ConvTranspose1d", "name": "up", "out_channels": 5, "kernel_size": 4, "stride": 2},
    {"type": "AvgPool1d", "kernel_size": 2},
    {"type": "Linear", "name": "rows", "out_features": 4})"),
      network("[2, 4, 6, 5]", R"(
    {"type": "Conv3d", "name": "conv1", "out_channels": 4, "kernel_size": 3, "padding": 1},
    {"type": "ReLU"},
    {"type": "MaxPool3d", "kernel_size": 2},
    {"type": "ConvTranspose3d", "name": "up", "out_channels": 4, "kernel_size": 2, "stride": 2},
    {"type": "AdaptiveAvgPool3d", "output_size": [2, 2, 3]})"),
  };
}

TensorFile checkpoint_of(const Trainer& trainer) {
  const TempFolder folder;
  REQUIRE(trainer.save_checkpoint(folder / "checkpoint", "").ok());
  return *read_safetensors(folder / "checkpoint");
}

// Compares the step with its graph, interpreted.
void check_step(const Model& model, const TensorFile& before, const TensorFile& after,
                const std::vector<float>& images, const std::vector<int32_t>& labels) {
  const Result<Graph> graph =
      training_graph(model.description(), parse_target("host")->machine.lanes);
  REQUIRE(graph.ok());
  GivenValues given;
  for (size_t i = 0; i < graph->values.size(); ++i) {
    const Value& value = graph->values[i];
    if (value.kind == ValueKind::result) continue;
    ReferenceTensor& tensor = given[static_cast<ValueId>(i)];
    tensor = zeros(value.type.shape);
    if (const Tensor* found = before.find(value.name)) {
      CHECK(found->shape == value.init.shape);  // files have PyTorch's shapes
      tensor.data = reference_tensor(*found).data;
    }
    if (value.name == kImages) std::copy(images.begin(), images.end(), tensor.data.begin());
    if (value.name == kTarget) std::copy(labels.begin(), labels.end(), tensor.data.begin());
    if (value.name == kCount) tensor.data = {static_cast<double>(labels.size())};
    if (value.name == kLearningRate) tensor.data = {model.learning_rate()};
  }
  const std::vector<ReferenceTensor> values = interpret(*graph, given);
  int updates = 0;
  for (const Node& node : graph->nodes) {
    for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
      const std::string& name = graph->values[node.inputs[k]].name;
      INFO(name);
      const Tensor* tensor = after.find(name);
      REQUIRE(tensor != nullptr);
      const std::vector<double> found = reference_tensor(*tensor).data;
      const std::vector<double>& wanted = values[node.outputs[k]].data;
      double greatest = 0, error = 0;
      for (size_t i = 0; i < found.size(); ++i) {
        greatest = std::max(greatest, std::abs(wanted[i]));
        error = std::max(error, std::abs(found[i] - wanted[i]));
      }
      CHECK(error <= 5e-5 * greatest + 1e-7);
      ++updates;
    }
  }
  CHECK(updates > 0);
}

TEST_CASE("sequences and volumes train and run as plain loops do") {
  use_own_cache();
  for (const std::string& json : networks()) {
    INFO(json);
    const Model model = model_of(json);
    TrainerOptions options;
    options.use_cache = false;
    options.checked_kernels = true;
    Result<Trainer> trainer = Trainer::create(model, options);
    INFO((trainer ? "" : render(trainer.diagnostics())));
    REQUIRE(trainer.ok());
    const int64_t count = 5;
    const std::vector<float> images = random_floats(count * element_count(model.input_shape()), 1);
    const std::vector<int32_t> labels = random_labels(count, 3, 2);
    const TensorFile before = checkpoint_of(*trainer);
    const double loss = trainer->step(images.data(), labels.data(), count);
    CHECK(loss == Approx(cross_entropy(reference_outputs(model, before, images, count), labels))
                      .epsilon(1e-5));
    check_step(model, before, checkpoint_of(*trainer), images, labels);

    const TensorFile weights = trainer->weights();
    for (const int64_t batch : {int64_t{1}, count}) {
      CompileOptions inference;
      inference.target = "host";
      inference.batches = {batch};
      inference.use_cache = false;
      const Result<Object> object = compile(model, weights, inference);
      INFO((object ? "" : render(object.diagnostics())));
      REQUIRE(object.ok());
      CHECK(distance(LoadedNetwork(*object).outputs(images),
                     reference_outputs(model, weights, images, count)) <= 2e-5);
    }
  }
}

}  // namespace
}  // namespace cnnc::test
