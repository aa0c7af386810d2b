// Optimizers, losses, clipping: compiled steps against the same graphs in plain loops, and training
// that learns.
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/codegen/kernel.h"
#include "compiler/driver/graphs.h"
#include "compiler/plan/plan.h"
#include "tests/e2e/networks.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"
#include "tools/data/batches.h"
#include "tools/data/idx.h"

namespace cnnc::test {
namespace {

constexpr double kTolerance = 5e-5;  // relative to the greatest value of the tensor

// Three outputs, or an image of them; with a further layer behind if it is named.
std::string network(bool of_images, const std::string& rest, const std::string& last = "") {
  const std::string end = last.empty() ? "" : R"(, {"type": ")" + last + R"("})";
  return R"({"cnnc": 1, "name": "small", "input": {"shape": [2, 6, 5]}, "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 4, "kernel_size": 3, "padding": 1},
    {"type": "ReLU"},)" +
         std::string(
             of_images
                 ? R"({"type": "Conv2d", "name": "conv2", "out_channels": 3, "kernel_size": 1})"
                 : R"({"type": "MaxPool2d", "kernel_size": 2}, {"type": "Flatten"},
    {"type": "Linear", "name": "fc", "out_features": 3})") +
         end + "], " + rest + "}";
}

TensorFile checkpoint_of(const Trainer& trainer) {
  const TempFolder folder;
  REQUIRE(trainer.save_checkpoint(folder / "checkpoint", "").ok());
  return *read_safetensors(folder / "checkpoint");
}

ReferenceTensor single(double value) { return {{1}, {value}}; }

// What all values of the step's graph are, interpreted.
struct Interpreted {
  Graph graph;
  std::vector<ReferenceTensor> values;
};
Interpreted interpreted(const Model& model, const TensorFile& before, double rate, int64_t step,
                        const std::vector<float>& images, const std::vector<double>& targets,
                        int64_t count) {
  Result<Graph> graph = training_graph(model.description(), parse_target("host")->machine.lanes);
  REQUIRE(graph.ok());
  GivenValues given;
  for (size_t id = 0; id < graph->values.size(); ++id) {
    const Value& value = graph->values[id];
    ReferenceTensor& data = given[static_cast<ValueId>(id)];
    if (value.kind == ValueKind::result) {
      given.erase(static_cast<ValueId>(id));
    } else if (value.kind != ValueKind::input) {
      const Tensor* tensor = before.find(value.name);
      REQUIRE(tensor != nullptr);
      data = reference_tensor(*tensor);
    } else {
      data = zeros(value.type.shape);
      if (value.name == kImages) std::copy(images.begin(), images.end(), data.data.begin());
      if (value.name == kTarget) std::copy(targets.begin(), targets.end(), data.data.begin());
      if (value.name == kCount) data = single(static_cast<double>(count));
      if (value.name == kLearningRate) data = single(rate);
      if (value.name == kStep) data = single(static_cast<double>(step));
    }
  }
  std::vector<ReferenceTensor> values = interpret(*graph, given);
  return {std::move(*graph), std::move(values)};
}

// Updates are computed where their gradients are: no kernel does nothing else.
void check_kernels(const Model& model) {
  Result<Graph> graph = training_graph(model.description(), parse_target("host")->machine.lanes);
  REQUIRE(graph.ok());
  const Plan plan = make_plan(std::move(*graph), kTrainingPlan);
  int updates = 0;
  for (const Kernel& kernel : plan.kernels) {
    for (const int32_t id : kernel.nodes) {
      if (!plan.graph.nodes[id].has(kInPlace)) continue;
      INFO(kernel.name);
      CHECK(kernel.nodes.size() >= 2);
      ++updates;
    }
  }
  CHECK(updates == 4);
}

enum class Uses { own_images, batch };  // what the network makes of an image depends on

// Three steps with a batch that is not full.
void check_steps(const std::string& json, Uses uses = Uses::own_images) {
  INFO(json);
  use_own_cache();
  const Model model = model_of(json);
  if (uses == Uses::own_images) check_kernels(model);
  TrainerOptions options;
  options.use_cache = false;
  options.checked_kernels = true;
  Result<Trainer> trainer = Trainer::create(model, options);
  INFO((trainer ? "" : render(trainer.diagnostics())));
  REQUIRE(trainer.ok());
  const int64_t count = 7;
  const bool is_values = trainer->target_kind() == TargetKind::values;
  for (int64_t step = 0; step < 3; ++step) {
    INFO("step " << step);
    const auto seed = static_cast<uint32_t>(step);
    const std::vector<float> images = random_floats(count * 60, seed);
    const std::vector<float> values = random_floats(count * trainer->target_size(), seed + 9);
    const std::vector<int32_t> labels = random_labels(count * trainer->target_size(), 3, seed);
    const std::vector<double> targets = is_values
                                            ? std::vector<double>(values.begin(), values.end())
                                            : std::vector<double>(labels.begin(), labels.end());
    const TensorFile before = checkpoint_of(*trainer);
    const Interpreted wanted =
        interpreted(model, before, trainer->learning_rate(), step, images, targets, count);
    const double evaluated = is_values
                                 ? trainer->evaluate(images.data(), values.data(), count).loss
                                 : trainer->evaluate(images.data(), labels.data(), count).loss;
    const double loss = is_values ? trainer->step(images.data(), values.data(), count)
                                  : trainer->step(images.data(), labels.data(), count);
    CHECK(loss == Approx(wanted.values[wanted.graph.outputs[0]].data[0]).epsilon(1e-5));
    if (uses == Uses::own_images) CHECK(evaluated == Approx(loss).epsilon(1e-5));
    const TensorFile after = checkpoint_of(*trainer);
    size_t updates = 0;
    for (const Node& node : wanted.graph.nodes) {
      for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
        const std::string& name = wanted.graph.values[node.inputs[k]].name;
        INFO(name);
        const Tensor* tensor = after.find(name);
        REQUIRE(tensor != nullptr);
        const std::vector<double> found = reference_tensor(*tensor).data;
        const std::vector<double>& right = wanted.values[node.outputs[k]].data;
        double greatest = 0, error = 0;
        for (size_t i = 0; i < found.size(); ++i) {
          greatest = std::max(greatest, std::abs(right[i]));
          error = std::max(error, std::abs(found[i] - right[i]));
        }
        CHECK(error <= kTolerance * greatest + 1e-7);
        ++updates;
      }
    }
    CHECK(updates == after.tensors.size());
  }
}

const char* const kSgd = R"("optimizer": {"type": "SGD", "lr": 0.5, "momentum": 0.9})";
const char* const kClasses = R"("loss": {"type": "CrossEntropyLoss"})";

// With a batch of 10.
std::string with(const std::string& loss, const std::string& optimizer,
                 const std::string& training = "") {
  return loss + ", " + optimizer + R"(, "training": {"batch_size": 10)" + training + "}";
}

TEST_CASE("compiled updates are the optimizers'") {
  for (
      const std::string optimizer :
      {R"("SGD", "lr": 0.1, "weight_decay": 0.1, "maximize": true)",
       R"("Adam", "lr": 0.1, "eps": 0.01, "weight_decay": 0.1, "amsgrad": true)",
       R"("AdamW", "lr": 0.1, "eps": 0.01, "weight_decay": 0.5, "weight_decay_exclude": ["bias"])",
       R"("RMSprop", "lr": 0.1, "eps": 0.01, "centered": true, "momentum": 0.5, "weight_decay": 0.1)",
       R"("Adagrad", "lr": 0.1, "initial_accumulator_value": 0.1, "lr_decay": 0.5)"}) {
    check_steps(network(false, with(kClasses, R"("optimizer": {"type": )" + optimizer + "}")));
  }
}

TEST_CASE("compiled losses of classes") {
  const std::string weighted =
      R"("loss": {"type": "CrossEntropyLoss", "weight": [1, 2, 0.5], "ignore_index": 1, "label_smoothing": 0.1})";
  check_steps(network(false, with(weighted, kSgd)));
  check_steps(network(true, with(weighted, kSgd)));
  check_steps(network(true, with(R"("loss": {"type": "NLLLoss", "weight": [1, 2, 0.5]})", kSgd),
                      "LogSoftmax"));
}

TEST_CASE("compiled losses of values") {
  bool of_images = false;
  for (const std::string loss :
       {R"("MSELoss")", R"("L1Loss", "reduction": "sum")", R"("HuberLoss", "delta": 0.25)",
        R"("BCEWithLogitsLoss", "pos_weight": [1, 2, 3])"}) {
    check_steps(network(of_images, with(R"("loss": {"type": )" + loss + "}",
                                        R"("optimizer": {"type": "SGD", "lr": 0.01})")));
    of_images = !of_images;
  }
}

// A network with the norm behind its convolution and its linear layer.
std::string normed(const std::string& norm, const std::string& rest) {
  return R"({"cnnc": 1, "name": "normed", "input": {"shape": [2, 6, 5]}, "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 4, "kernel_size": 3, "padding": 1,
     "bias": false},)" +
         norm + R"(, {"type": "ReLU"}, {"type": "MaxPool2d", "kernel_size": 2}, {"type": "Flatten"},
    {"type": "Linear", "name": "fc", "out_features": 3}], )" +
         rest + "}";
}

TEST_CASE("compiled statistics of batches") {
  for (const std::string attributes :
       {"", R"(, "momentum": null)", R"(, "affine": false, "eps": 0.1)",
        R"(, "track_running_stats": false)"}) {
    check_steps(
        normed(R"({"type": "BatchNorm2d", "name": "bn1")" + attributes + "}", with(kClasses, kSgd)),
        Uses::batch);
  }
}

TEST_CASE("compiled norms of images") {
  for (const std::string norm : {R"({"type": "GroupNorm", "num_groups": 2})",
                                 R"({"type": "InstanceNorm2d", "affine": true})",
                                 R"({"type": "LocalResponseNorm", "size": 3, "alpha": 0.5})"}) {
    check_steps(normed(norm, with(kClasses, kSgd)), Uses::batch);
  }
}

TEST_CASE("running averages are for evaluation and inference") {
  use_own_cache();
  const Model model =
      model_of(normed(R"({"type": "BatchNorm2d", "name": "bn1"})", with(kClasses, kSgd)));
  TrainerOptions options;
  options.use_cache = false;
  Result<Trainer> trainer = Trainer::create(model, options);
  INFO((trainer ? "" : render(trainer.diagnostics())));
  REQUIRE(trainer.ok());
  const auto names = [](const TensorFile& file) {
    std::string text;
    for (const Tensor& tensor : file.tensors) text += tensor.name + " ";
    return text;
  };
  CHECK(names(trainer->weights()) ==
        "conv1.weight bn1.weight bn1.bias bn1.running_mean bn1.running_var fc.weight fc.bias ");
  CHECK(f32_values(*trainer->weights().find("bn1.running_var")) == std::vector<float>(4, 1.F));
  const std::vector<float> images = random_floats(10 * 60, 1);
  const std::vector<int32_t> labels = random_labels(10, 3, 2);
  double first = 0, last = 0;
  for (int step = 0; step < 40; ++step) {
    last = trainer->step(images.data(), labels.data(), 10);
    if (step == 0) first = last;
  }
  CHECK(last < first / 2);
  CHECK(f32_values(*trainer->weights().find("bn1.running_var")) != std::vector<float>(4, 1.F));
  // What is compiled from the weights has folded the averages into the convolution.
  CompileOptions compile_options;
  compile_options.use_cache = false;
  const Result<Object> object = trainer->compile(compile_options);
  REQUIRE(object.ok());
  const TensorFile weights = trainer->weights();
  const std::vector<double> wanted = reference_outputs(model, weights, images, 10);
  CHECK(distance(LoadedNetwork(*object).outputs(images), wanted) <= 1e-5);
  CHECK(trainer->evaluate(images.data(), labels.data(), 10).loss ==
        Approx(cross_entropy(wanted, labels)).epsilon(1e-5).margin(1e-6));
  const Result<std::string> plan = inspect(model, weights, compile_options, Stage::plan);
  REQUIRE(plan.ok());
  CHECK(plan->find("BatchNorm") == std::string::npos);
  // Weights go to another trainer, with the averages.
  const TempFolder folder;
  REQUIRE(trainer->save_weights(folder / "weights").ok());
  Result<Trainer> other = Trainer::create(model, options);
  REQUIRE(other.ok());
  REQUIRE(other->load_weights(folder / "weights").ok());
  CHECK(other->evaluate(images.data(), labels.data(), 7).loss ==
        trainer->evaluate(images.data(), labels.data(), 7).loss);
}

TEST_CASE("without running averages there is no inference") {
  const Model model =
      model_of(normed(R"({"type": "BatchNorm2d", "name": "bn1", "track_running_stats": false})",
                      with(kClasses, kSgd)));
  const Result<Object> object = compile(model, *initial_weights(model, 1), {});
  REQUIRE_FALSE(object.ok());
  CHECK(object.diagnostics()[0].message ==
        "BatchNorm2d \"bn1\": without track_running_stats there are no averages for inference, "
        "only the statistics of a batch in training");
}

TEST_CASE("compiled clipping") {
  for (const std::string limit :
       {R"(, "clip_grad_norm": 0.05)", R"(, "clip_grad_norm": 0.02, "clip_grad_value": 0.01)"}) {
    check_steps(network(false, with(kClasses, kSgd, limit)));
  }
}

TEST_CASE("a schedule sets the rate of each step") {
  use_own_cache();
  const Model model = model_of(network(
      false, with(kClasses, R"("optimizer": {"type": "SGD", "lr": 0.5})",
                  R"(, "lr_scheduler": {"type": "StepLR", "step_size": 1, "interval": "steps"})")));
  Result<Trainer> trainer = Trainer::create(model, {});
  REQUIRE(trainer.ok());
  const std::vector<float> images = random_floats(600, 1);
  const std::vector<int32_t> labels = random_labels(10, 3, 1);
  const TempFolder folder;
  std::vector<double> moved;
  for (int step = 0; step < 3; ++step) {
    CHECK(trainer->learning_rate() == Approx(0.5 * std::pow(0.1, step)));
    const TensorFile before = checkpoint_of(*trainer);
    const Interpreted wanted = interpreted(model, before, 0.5 * std::pow(0.1, step), step, images,
                                           std::vector<double>(labels.begin(), labels.end()), 10);
    trainer->step(images.data(), labels.data(), 10);
    const TensorFile after = checkpoint_of(*trainer);
    for (const Node& node : wanted.graph.nodes) {
      if (!node.has(kInPlace)) continue;
      const std::string& name = wanted.graph.values[node.inputs[0]].name;
      const std::vector<double> found = reference_tensor(*after.find(name)).data;
      for (size_t i = 0; i < found.size(); ++i) {
        CHECK(found[i] == Approx(wanted.values[node.outputs[0]].data[i]).margin(1e-6));
      }
    }
    // It goes on where it was.
    REQUIRE(trainer->save_checkpoint(folder / "c", "").ok());
    Result<Trainer> resumed = Trainer::create(model, {});
    REQUIRE(resumed.ok());
    REQUIRE(resumed->load_checkpoint(folder / "c").ok());
    CHECK(resumed->learning_rate() == trainer->learning_rate());
  }
}

TEST_CASE("every optimizer learns digits") {
  use_own_cache();
  const ImageSet set = *load_mnist_folder(source_path("models/mnist"), Split::train);
  for (const std::string optimizer :
       {R"("SGD", "lr": 0.1, "momentum": 0.9)", R"("Adam", "lr": 0.01)", R"("AdamW", "lr": 0.01)",
        R"("RMSprop", "lr": 0.003)", R"("Adagrad", "lr": 0.03)"}) {
    INFO(optimizer);
    const Model model = model_of(R"({"cnnc": 1, "name": "digits",
      "input": {"shape": [1, 28, 28], "mean": 0.13, "std": 0.31}, "layers": [
      {"type": "Conv2d", "name": "conv1", "out_channels": 8, "kernel_size": 5, "stride": 2},
      {"type": "ReLU"}, {"type": "MaxPool2d", "kernel_size": 2}, {"type": "Flatten"},
      {"type": "Linear", "name": "fc", "out_features": 10}],
      "loss": {"type": "CrossEntropyLoss"}, "optimizer": {"type": )" +
                                 optimizer + "}}");
    Result<Trainer> trainer = Trainer::create(model, {});
    REQUIRE(trainer.ok());
    Batches batches(set, model.batch_size());
    Batch batch;
    double first = 0, last = 0;
    for (int step = 0; step < 60 && batches.next(batch); ++step) {
      const double loss = trainer->step(batch.images.data(), batch.labels.data(), batch.count);
      if (step < 5) first += loss / 5;
      if (step >= 50) last += loss / 10;
    }
    CHECK(first > 1.5);
    CHECK(last < 1.1);
  }
}

TEST_CASE("patterns that name no parameter are errors") {
  const Model model = model_of(network(
      false,
      with(kClasses, R"("optimizer": {"type": "AdamW", "weight_decay_exclude": ["fc.wieght"]})")));
  const Result<Graph> graph = training_graph(model.description(), 8);
  REQUIRE_FALSE(graph.ok());
  const std::string text = render(graph.diagnostics());
  CHECK(text.find("weight_decay_exclude: no parameter is called \"fc.wieght\"") !=
        std::string::npos);
  CHECK(text.find("did you mean \"fc.weight\"?") != std::string::npos);
}

}  // namespace
}  // namespace cnnc::test
