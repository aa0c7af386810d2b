// The MNIST network against PyTorch's recorded run: tests/data/mnist_parity, whose README derives
// the tolerances.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/networks.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"
#include "tools/data/batches.h"
#include "tools/data/idx.h"

namespace cnnc::test {
namespace {

constexpr int64_t kClasses = 10;
constexpr size_t kSteps = 200;
constexpr double kStatisticTolerance = 1e-3;  // of the value, for sums over a tensor

std::string parity_path(const std::string& file) {
  return source_path("tests/data/mnist_parity/" + file);
}

const ImageSet& images_of(Split split) {
  static std::map<Split, ImageSet> sets;
  if (sets.count(split) == 0) sets[split] = *load_mnist_folder(source_path("models/mnist"), split);
  return sets[split];
}

// The first `count` images and labels of a split.
Batch first_images(Split split, int64_t count) {
  Batches batches(images_of(split), count);
  Batch batch;
  REQUIRE(batches.next(batch));
  return batch;
}

// Numbers separated by commas or ends of lines.
std::vector<double> numbers_in(const std::string& file) {
  std::string text = file_bytes(parity_path(file));
  std::replace(text.begin(), text.end(), ',', '\n');
  std::istringstream words(text);
  std::vector<double> result;
  for (double number = 0; words >> number;) result.push_back(number);
  return result;
}

// The losses and the checkpoints of a run of 200 steps.
struct Training {
  explicit Training(int threads) {
    use_own_cache();
    const Model model = repo_model("mnist_cnn");
    TrainerOptions options;
    options.threads = threads;
    Result<Trainer> trainer = Trainer::create(model, options);
    REQUIRE(trainer.ok());
    {
      const Batch test = first_images(Split::test, 100);
      initial = trainer->evaluate(test.images.data(), test.labels.data(), test.count);
    }
    const TempFolder folder;
    Batches batches(images_of(Split::train), model.batch_size());
    Batch batch;
    while (losses.size() < kSteps && batches.next(batch)) {
      losses.push_back(trainer->step(batch.images.data(), batch.labels.data(), batch.count));
      if (losses.size() == 1) {
        REQUIRE(trainer->save_checkpoint(folder / "first", "").ok());
        after_first = *read_safetensors(folder / "first");
      }
    }
    REQUIRE(trainer->save_checkpoint(folder / "last", "").ok());
    bytes = file_bytes(folder / "last");
    after_last = *read_safetensors(folder / "last");
  }

  Evaluation initial;  // of the first 100 test images
  std::vector<double> losses;
  TensorFile after_first;
  TensorFile after_last;
  std::string bytes;  // of the last checkpoint
};

const Training& training(int threads) {
  static std::map<int, Training> runs;
  const auto found = runs.find(threads);
  return found != runs.end() ? found->second : runs.emplace(threads, threads).first->second;
}

// One tensor of a file of statistics and samples.
void check_tensor(const nlohmann::json& expected, const Tensor& tensor, double tolerance) {
  const std::vector<float> values = f32_values(tensor);
  REQUIRE(expected.at("shape").get<Shape>() == tensor.shape);
  double sum = 0, abs_sum = 0, squares = 0;
  for (const double value : values) {
    sum += value;
    abs_sum += std::abs(value);
    squares += value * value;
  }
  const auto is_near = [&](const char* name, double found, double margin) {
    INFO(name);
    CHECK(found == Approx(expected.at(name).get<double>()).epsilon(0).margin(margin));
  };
  const double wanted_sum = expected.at("abs_sum").get<double>();
  is_near("sum", sum, kStatisticTolerance * wanted_sum);
  is_near("abs_sum", abs_sum, kStatisticTolerance * wanted_sum);
  is_near("l2", std::sqrt(squares), kStatisticTolerance * expected.at("l2").get<double>());
  is_near("min", *std::min_element(values.begin(), values.end()), tolerance);
  is_near("max", *std::max_element(values.begin(), values.end()), tolerance);
  const auto indices = expected.at("indices").get<std::vector<size_t>>();
  const auto samples = expected.at("values").get<std::vector<float>>();
  REQUIRE(indices.size() == samples.size());
  double greatest = 0;
  for (size_t i = 0; i < indices.size(); ++i) {
    greatest = std::max(greatest, static_cast<double>(std::abs(values[indices[i]] - samples[i])));
  }
  CHECK(greatest <= tolerance);
}

void check_file(const std::string& file, const TensorFile& found, const std::string& ending,
                double tolerance) {
  std::ifstream stream(parity_path(file));
  const nlohmann::json expected = nlohmann::json::parse(stream);
  REQUIRE(expected.size() == kClasses);  // tensors: weights and biases of five layers
  for (const auto& [name, values] : expected.items()) {
    INFO(file << " " << name);
    const Tensor* tensor = found.find(name + ending);
    REQUIRE(tensor != nullptr);
    check_tensor(values, *tensor, tolerance);
  }
}

TEST_CASE("200 losses are PyTorch's, with 1 and 2 threads") {
  const std::vector<double> expected = numbers_in("losses_200.txt");
  REQUIRE(expected.size() == kSteps);
  for (int threads : {1, 2}) {
    const std::vector<double>& losses = training(threads).losses;
    REQUIRE(losses.size() == kSteps);
    double early = 0, all = 0;
    for (size_t i = 0; i < kSteps; ++i) {
      const double error = std::abs(losses[i] - expected[i]);
      all = std::max(all, error);
      if (i < 30) early = std::max(early, error);
    }
    INFO(threads << " threads");
    CHECK(early <= 2e-6);
    CHECK(all <= 1e-3);
  }
}

TEST_CASE("200 steps with 1 and 2 threads give the same bits") {
  CHECK(training(1).losses == training(2).losses);
  CHECK((training(1).bytes == training(2).bytes));  // megabytes: not to be printed
}

TEST_CASE("the gradients of the first step are PyTorch's") {
  // From zero, the momentum buffer after one step is the gradient.
  check_file("grads_step0.json", training(1).after_first, ".momentum_buffer", 1e-7);
}

TEST_CASE("the weights after 200 steps are PyTorch's") {
  check_file("after200.json", training(1).after_last, "", 1e-3);
}

TEST_CASE("the untrained network's logits are PyTorch's") {
  const std::vector<double> expected = numbers_in("logits_init_test100.csv");
  REQUIRE(expected.size() == 100 * kClasses);
  const Batch test = first_images(Split::test, 100);
  use_own_cache();
  const Model model = repo_model("mnist_cnn");
  const TensorFile weights = *initial_weights(model, 0);
  for (int64_t batch : {1, 100}) {
    CompileOptions options;
    options.target = "host";
    options.batches = {batch};
    const Result<Object> object = compile(model, weights, options);
    REQUIRE(object.ok());
    CHECK(distance(LoadedNetwork(*object).outputs(test.images), expected) <= 1e-6);
  }

  const Evaluation& evaluation = training(1).initial;
  int64_t correct = 0;
  for (int64_t i = 0; i < 100; ++i) {
    const auto row = expected.begin() + i * kClasses;
    correct += std::max_element(row, row + kClasses) - row == test.labels[i];
  }
  CHECK(evaluation.count == 100);
  CHECK(evaluation.correct == correct);
  CHECK(evaluation.loss == Approx(cross_entropy(expected, test.labels)).epsilon(0).margin(1e-6));
}

}  // namespace
}  // namespace cnnc::test
