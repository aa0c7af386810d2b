// The networks of models/: each plans as it is; its shrunken copy compiles, and computes and learns
// what PyTorch has recorded.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/codegen/kernel.h"
#include "compiler/driver/graphs.h"
#include "compiler/plan/plan.h"
#include "tests/e2e/networks.h"
#include "tests/models/shrunken.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

// Shares of the greatest output, of the loss, and of what a step adds to a tensor. MobileNetV2, the
// deepest one, is up to 3e-6, 2e-6 and 5e-5 away, the others are nearer.
constexpr double kOutputTolerance = 2e-5;
constexpr double kLossTolerance = 1e-5;
constexpr double kStepTolerance = 2e-4;
// What rounding does to a weight, as a share of it, and to a gradient whose terms cancel out: that
// of a bias in front of another norm is 0.
constexpr double kRounding = 6e-8;
constexpr double kCancelled = 2e-6;

void check_plan(const Plan& plan) {
  CHECK_FALSE(plan.kernels.empty());
  CHECK(verify(plan).empty());
}

// As it is described, not shrunken.
void check_plans(const std::string& name, int64_t parameters) {
  const Model model = repo_model(name);
  Result<Graph> inference = inference_graph(model.description(), 1);
  INFO((inference ? "" : render(inference.diagnostics())));
  REQUIRE(inference.ok());
  check_plan(make_plan(std::move(*inference), kInferencePlan));
  Result<Graph> training = training_graph(model.description(), parse_target("host")->machine.lanes);
  INFO((training ? "" : render(training.diagnostics())));
  REQUIRE(training.ok());
  int64_t learned = 0;
  for (const Node& node : training->nodes) {
    if (node.op->role != OpRole::optimizer) continue;
    learned += element_count(training->type(node.inputs[0]).shape);
  }
  CHECK(learned == parameters);
  check_plan(make_plan(std::move(*training), kTrainingPlan));
}

void check_outputs(const Shrunken& network) {
  const Recorded& recorded = network.recorded;
  CompileOptions options;
  options.target = "host";
  options.batches = {recorded.evaluated};
  options.use_cache = false;
  const Result<Object> object = compile(network.model, network.weights, options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  const auto pixels = recorded.evaluated * element_count(network.model.input_shape());
  const std::vector<float> found =
      LoadedNetwork(*object).outputs({network.images.begin(), network.images.begin() + pixels});
  const size_t stride = found.size() / recorded.outputs.size();
  REQUIRE(stride >= 1);
  double greatest = 0, error = 0;
  for (size_t i = 0; i < recorded.outputs.size(); ++i) {
    greatest = std::max(greatest, std::abs(recorded.outputs[i]));
    error = std::max(error, std::abs(found[i * stride] - recorded.outputs[i]));
  }
  CHECK(error <= kOutputTolerance * greatest);
}

void check_step(const Shrunken& network) {
  const Recorded& recorded = network.recorded;
  TrainerOptions options;
  options.use_cache = false;
  Result<Trainer> trainer = Trainer::create(network.model, options);
  INFO((trainer ? "" : render(trainer.diagnostics())));
  REQUIRE(trainer.ok());
  const TempFolder folder;
  REQUIRE(write_safetensors(folder / "weights", network.weights.tensors).ok());
  REQUIRE(trainer->load_weights(folder / "weights").ok());
  const double loss =
      trainer->step(network.images.data(), network.labels.data(), trainer->batch_size());
  CHECK(loss == Approx(recorded.loss).epsilon(kLossTolerance));
  const TensorFile after = trainer->weights();
  CHECK(after.tensors.size() == recorded.step.size());
  for (const auto& [name, wanted] : recorded.step) {
    INFO(name);
    const Tensor* old_tensor = network.weights.find(name);
    const Tensor* new_tensor = after.find(name);
    REQUIRE(old_tensor != nullptr);
    REQUIRE(new_tensor != nullptr);
    const std::vector<double> before = reference_tensor(*old_tensor).data;
    std::vector<double> added = reference_tensor(*new_tensor).data;
    for (size_t i = 0; i < added.size(); ++i) added[i] -= before[i];
    const double tolerance =
        kStepTolerance * wanted.norm + kRounding * std::sqrt(squared_norm(before)) + kCancelled;
    const double norm = std::sqrt(squared_norm(added));
    const double along = product(added, direction(name, static_cast<int64_t>(added.size())));
    CHECK(norm == Approx(wanted.norm).epsilon(0).margin(tolerance));
    CHECK(along == Approx(wanted.product).epsilon(0).margin(tolerance));
  }
}

TEST_CASE("the networks are PyTorch's") {
  use_own_cache();
  for (const std::string& name : kNetworks) {
    DYNAMIC_SECTION(name) {
      const Shrunken network = shrunken(name);
      check_plans(name, network.recorded.parameters);
      check_outputs(network);
      check_step(network);
    }
  }
}

}  // namespace
}  // namespace cnnc::test
