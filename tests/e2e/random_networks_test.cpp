// Random small networks: inference and one training step against the reference functions of the
// ops in double, and gradients against finite differences of the loss.
//
// CNNC_TEST_SEED draws other networks, CNNC_TEST_CASES more of them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "compiler/codegen/kernel.h"
#include "compiler/driver/graphs.h"
#include "tests/e2e/networks.h"
#include "tests/e2e/random_network.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

constexpr double kMostSeconds = 60;
constexpr double kOutputTolerance = 2e-5;    // relative to the larger of 1 and the value
constexpr double kGradientTolerance = 5e-5;  // relative to the greatest value of the tensor
constexpr double kSlopeTolerance = 1e-3;     // likewise
constexpr int kSlopes = 6;                   // finite differences of a network

int number_from(const char* variable, int fallback) {
  const char* text = std::getenv(variable);
  return text ? static_cast<int>(std::strtol(text, nullptr, 10)) : fallback;
}

double greatest(const std::vector<double>& values) {
  double result = 0;
  for (double value : values) result = std::max(result, std::abs(value));
  return result;
}

// One step of training, compiled.
struct Step {
  double loss_before = 0;  // by evaluation
  double loss = 0;
  TensorFile weights;     // before
  TensorFile checkpoint;  // after
};

Step compiled_step(const Model& model, const TrainerOptions& options,
                   const std::vector<float>& images, const std::vector<int32_t>& labels) {
  Result<Trainer> trainer = Trainer::create(model, options);
  INFO((trainer ? "" : render(trainer.diagnostics())));
  REQUIRE(trainer.ok());
  Step step;
  step.weights = trainer->weights();
  const auto count = static_cast<int64_t>(labels.size());
  step.loss_before = trainer->evaluate(images.data(), labels.data(), count).loss;
  step.loss = trainer->step(images.data(), labels.data(), count);
  const TempFolder folder;
  REQUIRE(trainer->save_checkpoint(folder / "checkpoint", "").ok());
  step.checkpoint = *read_safetensors(folder / "checkpoint");
  return step;
}

ReferenceTensor single(double value) { return {{1}, {value}}; }

// Compares the step with the same graph, interpreted.
void check_step(const Model& model, const Step& step, int64_t lanes,
                const std::vector<float>& images, const std::vector<int32_t>& labels) {
  const Result<Graph> graph = training_graph(model.description(), lanes);
  REQUIRE(graph.ok());
  GivenValues given;
  for (size_t i = 0; i < graph->values.size(); ++i) {
    const Value& value = graph->values[i];
    const auto id = static_cast<ValueId>(i);
    if (value.kind == ValueKind::parameter) {
      given[id] = reference_tensor(*step.weights.find(value.name));
    }
    if (value.kind != ValueKind::input) continue;
    given[id] = zeros(value.type.shape);
    std::vector<double>& data = given[id].data;
    if (value.name == kImages) std::copy(images.begin(), images.end(), data.begin());
    if (value.name == kTarget) std::copy(labels.begin(), labels.end(), data.begin());
    if (value.name == kCount) given[id] = single(static_cast<double>(labels.size()));
    if (value.name == kLearningRate) given[id] = single(model.learning_rate());
  }
  const std::vector<ReferenceTensor> values = interpret(*graph, given);
  CHECK(step.loss == Approx(values[graph->outputs[0]].data[0]).epsilon(1e-5));
  int updates = 0;
  for (const Node& node : graph->nodes) {
    for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
      const std::string& name = graph->values[node.inputs[k]].name;
      INFO(name);
      const Tensor* tensor = step.checkpoint.find(name);
      REQUIRE(tensor != nullptr);
      const std::vector<double> found = reference_tensor(*tensor).data;
      const std::vector<double>& wanted = values[node.outputs[k]].data;
      std::vector<double> errors(found.size());
      for (size_t i = 0; i < found.size(); ++i) errors[i] = found[i] - wanted[i];
      CHECK(greatest(errors) <= kGradientTolerance * greatest(wanted) + 1e-7);
      ++updates;
    }
  }
  CHECK(updates > 0);
}

// Compares a few gradients with differences of the loss, which no pass has touched.
void check_slopes(const Model& model, const RandomNetwork& network, const Step& step,
                  const std::vector<float>& images, const std::vector<int32_t>& labels,
                  std::mt19937& random) {
  constexpr float kWidth = 1.F / (1 << 14);
  const auto loss = [&](const TensorFile& weights) {
    const auto count = static_cast<int64_t>(labels.size());
    return cross_entropy(reference_outputs(model, weights, images, count), labels);
  };
  const double here = loss(step.weights);
  CHECK(step.loss == Approx(here).epsilon(1e-5));
  CHECK(step.loss_before == Approx(here).epsilon(1e-5));
  for (int i = 0; i < kSlopes; ++i) {
    const size_t t = random() % step.weights.tensors.size();
    const Tensor& tensor = step.weights.tensors[t];
    const Tensor* buffer = step.checkpoint.find(tensor.name + ".momentum_buffer");
    const std::vector<float> values = f32_values(tensor);
    const size_t k = random() % values.size();
    TensorFile moved = step.weights;
    std::vector<float> at = values;
    double sides[2], places[2];
    for (int side : {0, 1}) {
      at[k] = values[k] + (side == 0 ? -kWidth : kWidth);
      places[side] = at[k];
      moved.tensors[t] = f32_tensor(tensor.name, tensor.shape, at.data());
      sides[side] = loss(moved);
    }
    const double left = (here - sides[0]) / (values[k] - places[0]);
    const double right = (sides[1] - here) / (places[1] - values[k]);
    std::vector<double> gradient(values.size());  // zero for what is dead
    if (buffer) {
      gradient = reference_tensor(*buffer).data;
      for (size_t e = 0; e < gradient.size(); ++e) gradient[e] -= network.weight_decay * values[e];
    }
    const double tolerance = kSlopeTolerance * greatest(gradient) + 1e-6;
    if (std::abs(left - right) > tolerance) continue;  // the loss has a kink here
    INFO(tensor.name << "[" << k << "]");
    CHECK(gradient[k] == Approx((left + right) / 2).epsilon(0).margin(tolerance));
  }
}

void check_inference(const Model& model, const TensorFile& weights, const std::string& target,
                     int64_t batch, const std::vector<float>& images) {
  CompileOptions options;
  options.target = target;
  options.batches = {batch, batch + 2};  // which share weights
  options.use_cache = false;
  const Result<Object> object = compile(model, weights, options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  INFO("inference with a batch of " << batch);
  const auto size = static_cast<size_t>(element_count(model.input_shape()) * batch);
  const std::vector<float> input(images.begin(), images.begin() + size);
  CHECK(distance(LoadedNetwork(*object).outputs(input),
                 reference_outputs(model, weights, input, batch)) <= kOutputTolerance);
}

TEST_CASE("random networks") {
  use_own_cache();
  const int seed = number_from("CNNC_TEST_SEED", 1);
  const int cases = number_from("CNNC_TEST_CASES", 24);
  const char* const targets[] = {"host", "avx2", "sse41"};
  const auto start = std::chrono::steady_clock::now();
  int done = 0;
  for (; done < cases; ++done) {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (taken.count() > kMostSeconds) break;
    // A network depends on the seed and its number alone.
    std::seed_seq sequence{seed, done};
    std::mt19937 random(sequence);
    const RandomNetwork network = random_network(random);
    TrainerOptions options;
    options.target = targets[done % 3];
    options.threads = 1 + static_cast<int>(random() % 2);
    options.seed = random();
    options.use_cache = false;
    options.checked_kernels = random() % 3 == 0;
    const auto count = 1 + static_cast<int64_t>(random()) % network.batch;
    INFO("seed " << seed << ", network " << done << ", " << options.target << ", " << count
                 << " images\n"
                 << network.json);
    const Model model = model_of(network.json);
    const int64_t size = element_count(model.input_shape());
    const std::vector<float> images = random_floats(count * size, options.seed + 1);
    const std::vector<int32_t> labels = random_labels(count, network.classes, options.seed + 2);

    const Step step = compiled_step(model, options, images, labels);
    const int64_t lanes = parse_target(options.target)->machine.lanes;
    check_step(model, step, lanes, images, labels);
    check_slopes(model, network, step, images, labels, random);
    check_inference(model, step.weights, options.target, count, images);
    if (count > 1) check_inference(model, step.weights, options.target, 1, images);
  }
  std::cout << "random networks: " << done << ", seed " << seed << "\n";
}

}  // namespace
}  // namespace cnnc::test
