// Objects: the bytes that the JIT loads are the bytes that a C program links.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <cstring>
#include <memory>
#include <regex>
#include <thread>
#include <vector>

#include "compiler/codegen/object.h"
#include "compiler/support/files.h"
#include "tests/codegen/command.h"
#include "tests/e2e/networks.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

// Odd sizes, a residual, and channels that fill no vector.
constexpr const char* kSmall = R"({
  "cnnc": 1, "name": "small",
  "input": {"shape": [2, 11, 9], "mean": [0.5, 0.4], "std": [0.5, 0.3]},
  "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 5, "kernel_size": 3, "padding": 1},
    {"type": "ReLU", "name": "relu1"},
    {"type": "Conv2d", "name": "conv2", "out_channels": 5, "kernel_size": 3, "padding": 1},
    {"type": "Add", "inputs": ["conv2", "relu1"]},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Conv2d", "name": "conv3", "out_channels": 17, "kernel_size": [3, 2], "stride": 2},
    {"type": "ReLU"},
    {"type": "Flatten"},
    {"type": "Linear", "name": "fc", "out_features": 7}],
  "loss": {"type": "CrossEntropyLoss"},
  "optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9},
  "training": {"batch_size": 20}})";

constexpr const char* kRows = R"({
  "cnnc": 1, "name": "rows",
  "input": {"shape": [13]},
  "layers": [
    {"type": "Linear", "name": "fc1", "out_features": 33},
    {"type": "ReLU"},
    {"type": "Linear", "name": "fc2", "out_features": 3},
    {"type": "Softmax"}]})";

Object compiled(const Model& model, CompileOptions options) {
  options.use_cache = false;
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

CompileOptions options_with(int64_t batch, const std::string& prefix) {
  CompileOptions options;
  options.target = "host";
  options.batches = {batch};
  options.prefix = prefix;
  return options;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// The text for one network: net and NET stand for its prefix.
std::string for_prefix(const std::string& text, const std::string& prefix) {
  const std::string with_names = std::regex_replace(text, std::regex("net_"), prefix + "_");
  return std::regex_replace(with_names, std::regex("NET_"), upper(prefix) + "_");
}

// A program that turns floats on its standard input into floats on its standard output: one batch
// through each network in turn.
std::string application(const std::vector<std::string>& prefixes) {
  std::string text = "#include <stdio.h>\n";
  std::string body;
  for (const std::string& prefix : prefixes) {
    text.append("#include \"").append(prefix).append(".h\"\n");
    text += for_prefix(R"(
static float net_input[NET_BATCH * NET_INPUT_SIZE];
static float net_output[NET_BATCH * NET_OUTPUT_SIZE];
static _Alignas(NET_ALIGNMENT) unsigned char net_workspace[NET_WORKSPACE_BYTES + 1];
)",
                       prefix);
    body += for_prefix(R"(
  if (fread(net_input, sizeof net_input, 1, stdin) != 1) return 1;
  if (net_run(NULL, net_input, net_output, NET_BATCH, net_workspace, sizeof net_workspace)) return 2;
  if (fwrite(net_output, sizeof net_output, 1, stdout) != 1) return 3;
)",
                       prefix);
  }
  text += "int main(void) {" + body + "  return 0;\n}\n";
  return text;
}

std::vector<float> floats_in(const std::string& bytes) {
  std::vector<float> result(bytes.size() / sizeof(float));
  std::memcpy(result.data(), bytes.data(), result.size() * sizeof(float));
  return result;
}

// Builds the application as an application's author does, and runs it on `input`.
std::vector<float> run_application(const std::vector<Object>& objects,
                                   const std::vector<float>& input) {
  const TempFolder folder;
  std::vector<std::string> prefixes;
  std::string files;
  for (const Object& object : objects) {
    prefixes.push_back(object.prefix);
    files += " " + object.prefix + ".o";
    REQUIRE(object.write(folder / (object.prefix + ".o")).ok());
  }
  folder.write("app.c", application(prefixes));
  folder.write("input",
               {reinterpret_cast<const char*>(input.data()), input.size() * sizeof(float)});
  const std::string runtime = std::string(CNNC_SOURCE_DIR) + "/runtime";
  REQUIRE(succeeds("cd " + folder.path() + " && cc -std=c11 -Wall -Wextra -Werror -I" + runtime +
                   " app.c" + files + " " + CNNC_RUNTIME_LIBRARY + " -lpthread -lm -o app"));
  REQUIRE(succeeds("cd " + folder.path() + " && ./app < input > output"));
  return floats_in(file_bytes(folder / "output"));
}

TEST_CASE("the JIT and a C program give the same bits") {
  use_own_cache();
  struct {
    Model model;
    int64_t batch;
  } const cases[] = {
      {repo_model("mnist_cnn"), 1}, {repo_model("residual"), 2}, {model_of(kSmall), 3}};
  cnnc_pool* raw_pool = nullptr;
  REQUIRE(cnnc_pool_create(3, &raw_pool) == CNNC_OK);
  const std::unique_ptr<cnnc_pool, decltype(&cnnc_pool_destroy)> pool(raw_pool, cnnc_pool_destroy);
  cnnc_context context;
  cnnc_context_init(&context);
  cnnc_context_use_pool(&context, pool.get());
  for (const auto& [model, batch] : cases) {
    INFO(model.name());
    const Object object = compiled(model, options_with(batch, ""));
    const std::vector<float> input = random_floats(element_count(model.input_shape()) * batch, 1);
    const LoadedNetwork network(object);
    const std::vector<float> expected = network.outputs(input);
    CHECK(run_application({object}, input) == expected);
    CHECK(network.outputs(input, &context) == expected);
  }
}

TEST_CASE("two compilations give the same bytes") {
  const Model mnist = repo_model("mnist_cnn");
  for (const Model& model : {mnist, model_of(kSmall)}) {
    CompileOptions options = options_with(1, "");
    options.threads = 1;
    const Object first = compiled(model, options);
    const Object again = compiled(model, options);
    options.threads = 2;
    const Object parallel = compiled(model, options);
    CHECK((first.bytes == again.bytes));
    CHECK((first.bytes == parallel.bytes));
    CHECK(first.header == parallel.header);
  }
}

TEST_CASE("objects need nothing but what is documented") {
  const Model models[] = {repo_model("mnist_cnn"), repo_model("residual"), model_of(kRows)};
  for (const char* target : {"host", "avx2", "sse41", "arm-64"}) {
    for (const Model& model : models) {
      CompileOptions options;
      options.target = target;
      INFO(model.name() << " for " << target);
      for (const std::string& symbol : undefined_symbols(compiled(model, options).bytes)) {
        INFO(symbol);
        CHECK(may_stay_undefined(symbol));
      }
    }
  }
}

TEST_CASE("a program links two networks") {
  const Model small = model_of(kSmall), rows = model_of(kRows);
  const Object a = compiled(small, options_with(2, "a")), b = compiled(rows, options_with(5, "b"));
  const std::vector<float> first = random_floats(2 * element_count(small.input_shape()), 2);
  const std::vector<float> second = random_floats(5 * element_count(rows.input_shape()), 3);
  std::vector<float> input = first;
  input.insert(input.end(), second.begin(), second.end());
  std::vector<float> expected = LoadedNetwork(a).outputs(first);
  const std::vector<float> rest = LoadedNetwork(b).outputs(second);
  expected.insert(expected.end(), rest.begin(), rest.end());
  CHECK(run_application({a, b}, input) == expected);
}

TEST_CASE("eight threads share one network") {
  constexpr size_t kThreads = 8;
  const Model model = model_of(kSmall);
  const LoadedNetwork network(compiled(model, options_with(1, "")));
  const int64_t images = 40;
  std::vector<std::vector<float>> inputs, expected, found(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    inputs.push_back(random_floats(images * element_count(model.input_shape()), 10 + t));
    expected.push_back(network.outputs(inputs.back()));
  }
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { found[t] = network.outputs(inputs[t]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < kThreads; ++t) CHECK(found[t] == expected[t]);
}

TEST_CASE("calls with wrong pointers are refused") {
  const Model model = model_of(kSmall);
  const LoadedNetwork network(compiled(model, options_with(1, "")));
  REQUIRE(network.workspace_bytes() > 0);
  std::vector<float> input = random_floats(element_count(model.input_shape()) + 1, 1);
  std::vector<float> output(static_cast<size_t>(network.output_size()) + 1);
  std::vector<uint8_t> storage(static_cast<size_t>(network.workspace_bytes()) + 128);
  uint8_t* workspace = storage.data();
  while (reinterpret_cast<uintptr_t>(workspace) % 64 != 0) ++workspace;
  // No multiple of the size of a float.
  auto* odd_input = reinterpret_cast<float*>(reinterpret_cast<char*>(input.data()) + 1);
  auto* odd_output = reinterpret_cast<float*>(reinterpret_cast<char*>(output.data()) + 2);

  const auto bytes = static_cast<size_t>(network.workspace_bytes());
  const auto run = [&](const float* in, float* out, void* scratch, size_t scratch_bytes) {
    return network.run(nullptr, in, out, 1, scratch, scratch_bytes);
  };
  CHECK(run(nullptr, output.data(), workspace, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(run(input.data(), nullptr, workspace, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(run(input.data(), output.data(), nullptr, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(run(odd_input, output.data(), workspace, bytes) == CNNC_MISALIGNED);
  CHECK(run(input.data(), odd_output, workspace, bytes) == CNNC_MISALIGNED);
  CHECK(run(input.data(), output.data(), workspace + 32, bytes) == CNNC_MISALIGNED);
  CHECK(run(input.data(), output.data(), workspace, bytes - 1) == CNNC_WORKSPACE_TOO_SMALL);
  CHECK(run(input.data(), output.data(), workspace, 0) == CNNC_WORKSPACE_TOO_SMALL);
  CHECK(output == std::vector<float>(output.size()));
  CHECK(run(input.data(), output.data(), workspace, bytes) == CNNC_OK);
  // Floats need no more than the alignment of floats.
  CHECK(run(input.data() + 1, output.data() + 1, workspace, bytes + 1) == CNNC_OK);
}

TEST_CASE("what does not belong together is refused") {
  const Model model = model_of(kSmall);
  const LoadedNetwork network(compiled(model, options_with(1, "")));
  const std::vector<float> input = random_floats(network.input_size(), 1);
  std::vector<float> output(static_cast<size_t>(network.output_size()));
  std::vector<uint8_t> storage(static_cast<size_t>(network.workspace_bytes()) + 64);
  uint8_t* workspace = storage.data();
  while (reinterpret_cast<uintptr_t>(workspace) % 64 != 0) ++workspace;
  const auto bytes = static_cast<size_t>(network.workspace_bytes());
  cnnc_context context;
  cnnc_context_init(&context);
  const auto run = [&](uint64_t build_id) {
    return network.run_as(build_id, &context, input.data(), output.data(), 1, workspace, bytes);
  };
  CHECK(run(network.build_id()) == CNNC_OK);
  output.assign(output.size(), 0);
  CHECK(run(network.build_id() + 1) == CNNC_VERSION_MISMATCH);
  context.abi_version = CNNC_ABI_VERSION + 1;
  CHECK(run(network.build_id()) == CNNC_VERSION_MISMATCH);
  CHECK(output == std::vector<float>(output.size()));

  // Trained further, a network keeps its id; with another batch, it has another.
  const Object again = *compile(model, *initial_weights(model, 2), options_with(1, ""));
  CHECK(LoadedNetwork(again).build_id() == network.build_id());
  CHECK(again.header == compiled(model, options_with(1, "")).header);
  CHECK(LoadedNetwork(compiled(model, options_with(2, ""))).build_id() != network.build_id());
}

TEST_CASE("every batch size and target computes the same network") {
  use_own_cache();
  constexpr int64_t kImages = 192;  // a multiple of every batch
  for (const char* text : {kSmall, kRows}) {
    const Model model = model_of(text);
    const std::vector<float> images =
        random_floats(kImages * element_count(model.input_shape()), 4);
    const std::vector<double> expected =
        reference_outputs(model, *initial_weights(model, 1), images, kImages);
    std::vector<float> first;
    for (const char* target : {"host", "avx2", "sse41"}) {
      for (int64_t batch : {1, 3, 64}) {
        CompileOptions options = options_with(batch, "");
        options.target = target;
        INFO(model.name() << ", batch " << batch << ", " << target);
        const LoadedNetwork network(compiled(model, options));
        const std::vector<float> found = network.outputs(images);
        CHECK(distance(found, expected) <= 1e-5);
        if (first.empty()) first = found;
        CHECK(distance(found, first) <= 1e-5);
      }
    }
  }
}

// ResNet-18 on small images: strides, residual sums, and Winograd's algorithm where it is allowed.
TEST_CASE("a deep network computes what plain loops compute") {
  use_own_cache();
  const std::string shape = "[3, 224, 224]";
  std::string text = *read_file(test::source_path("models/resnet18_convs.json"));
  text.replace(text.find(shape), shape.size(), "[3, 64, 64]");
  const Model model = model_of(text);
  const TensorFile weights = *initial_weights(model, 3);
  const std::vector<float> images = random_floats(element_count(model.input_shape()), 5);
  const std::vector<double> expected = reference_outputs(model, weights, images, 1);
  double greatest = 0;
  for (double value : expected) greatest = std::max(greatest, std::abs(value));
  for (const bool winograd : {true, false}) {
    CompileOptions options = options_with(1, "");
    options.winograd = winograd;
    INFO((winograd ? "winograd" : "direct"));
    const Result<Object> object = compile(model, weights, options);
    REQUIRE(object.ok());
    const std::vector<float> found = LoadedNetwork(*object).outputs(images);
    REQUIRE(found.size() == expected.size());
    double error = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      error = std::max(error, std::abs(found[i] - expected[i]));
    }
    CHECK(greatest > 0);
    CHECK(error <= (winograd ? 1e-4 : 1e-5) * greatest);
  }
}

TEST_CASE("the header is C99 and C++") {
  const Model models[] = {repo_model("mnist_cnn"), model_of(kRows)};
  for (const Model& model : models) {
    const TempFolder folder;
    REQUIRE(compiled(model, options_with(1, "")).write(folder / "net.o").ok());
    for (const char* compiler : {"cc -x c -std=c99", "c++ -x c++ -std=c++11"}) {
      CHECK(succeeds(std::string(compiler) + " -pedantic -Wall -Wextra -Werror -fsyntax-only -I" +
                     CNNC_SOURCE_DIR "/runtime " + folder.path() + "/net.h"));
    }
  }
}

TEST_CASE("a trained network's object agrees with the trainer") {
  use_own_cache();
  const Model model = model_of(kSmall);
  TrainerOptions trainer_options;
  trainer_options.seed = 5;
  Result<Trainer> trainer = Trainer::create(model, trainer_options);
  REQUIRE(trainer.ok());
  const int64_t count = 66;  // three full batches and a short one
  const std::vector<float> images = random_floats(count * element_count(model.input_shape()), 6);
  const std::vector<int32_t> labels = random_labels(count, 7, 7);
  const int64_t size = element_count(model.input_shape());
  const double before = trainer->evaluate(images.data(), labels.data(), count).loss;
  for (int epoch = 0; epoch < 10; ++epoch) {
    for (int64_t first = 0; first < count; first += model.batch_size()) {
      trainer->step(images.data() + first * size, labels.data() + first,
                    std::min(model.batch_size(), count - first));
    }
  }
  const Evaluation evaluation = trainer->evaluate(images.data(), labels.data(), count);
  CHECK(evaluation.loss < before);

  CompileOptions options = options_with(3, "trained");
  const Result<Object> object = trainer->compile(options);
  REQUIRE(object.ok());
  const std::vector<float> found = LoadedNetwork(*object).outputs(images);
  const std::vector<double> outputs(found.begin(), found.end());
  CHECK(cross_entropy(outputs, labels) == Approx(evaluation.loss).epsilon(1e-5));
  int64_t correct = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = found.begin() + i * 7;
    correct += std::max_element(row, row + 7) - row == labels[i];
  }
  CHECK(correct == evaluation.correct);
  CHECK(distance(found, reference_outputs(model, trainer->weights(), images, count)) <= 1e-5);
}

}  // namespace
}  // namespace cnnc::test
