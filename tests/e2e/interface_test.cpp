// What an application hands over and gets: any number of images, bytes, channels last,
// probabilities, classes.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/codegen/command.h"
#include "tests/e2e/networks.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

constexpr int64_t kImages = 11;
constexpr int64_t kClasses = 6;

constexpr const char* kColours = R"({
  "cnnc": 1, "name": "colours",
  "input": {"shape": [3, 10, 7], "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.3]},
  "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 9, "kernel_size": 3, "padding": 1},
    {"type": "ReLU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Flatten"},
    {"type": "Linear", "name": "fc", "out_features": 6}]})";

// A map of classes, one for each pixel.
constexpr const char* kMap = R"({
  "cnnc": 1, "name": "map",
  "input": {"shape": [3, 10, 7]},
  "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 6, "kernel_size": 3, "padding": 1}]})";

Object compiled(const Model& model, CompileOptions options) {
  options.target = "host";
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

// Calls the network with elements of any types, guarded on both sides.
template <class Out, class In>
std::vector<Out> run(const LoadedNetwork& network, const std::vector<In>& input, int64_t images) {
  std::vector<uint8_t> storage(static_cast<size_t>(network.workspace_bytes()) + 64, 0xff);
  uint8_t* workspace = storage.data();
  while (reinterpret_cast<uintptr_t>(workspace) % 64 != 0) ++workspace;
  constexpr size_t kGuard = 16;
  const size_t count = static_cast<size_t>(network.output_size() * images);
  std::vector<Out> output(count + 2 * kGuard, Out(77));
  REQUIRE(network.run(nullptr, input.data(), output.data() + kGuard, static_cast<size_t>(images),
                      workspace, static_cast<size_t>(network.workspace_bytes())) == CNNC_OK);
  for (size_t i = 0; i < kGuard; ++i) {
    CHECK(output[i] == Out(77));
    CHECK(output[count + kGuard + i] == Out(77));
  }
  return {output.begin() + kGuard, output.begin() + kGuard + static_cast<int64_t>(count)};
}

std::vector<uint8_t> random_bytes(int64_t count) {
  std::vector<uint8_t> result;
  for (float value : random_floats(count, 3)) result.push_back(static_cast<uint8_t>(value * 256));
  return result;
}

// [N, C, H, W] to [N, H, W, C].
template <class T>
std::vector<T> channels_last(const std::vector<T>& images, const Shape& shape) {
  std::vector<T> result(images.size());
  const int64_t c = shape[0], pixels = shape[1] * shape[2];
  for (int64_t i = 0; i < static_cast<int64_t>(images.size()); ++i) {
    const int64_t n = i / (c * pixels), channel = i / pixels % c, pixel = i % pixels;
    result[(n * pixels + pixel) * c + channel] = images[i];
  }
  return result;
}

// Of [N, C, pixels].
std::vector<int32_t> greatest(const std::vector<float>& values, int64_t channels, int64_t pixels) {
  std::vector<int32_t> result;
  for (size_t n = 0; n < values.size() / static_cast<size_t>(channels * pixels); ++n) {
    for (int64_t i = 0; i < pixels; ++i) {
      const float* first = values.data() + static_cast<int64_t>(n) * channels * pixels + i;
      int32_t best = 0;
      for (int32_t c = 1; c < channels; ++c) {
        if (first[c * pixels] > first[best * pixels]) best = c;
      }
      result.push_back(best);
    }
  }
  return result;
}

}  // namespace

TEST_CASE("bytes and their order change nothing", "[interface]") {
  use_own_cache();
  const Model model = model_of(kColours);
  const std::vector<uint8_t> bytes = random_bytes(kImages * element_count(model.input_shape()));
  std::vector<float> pixels;
  for (uint8_t byte : bytes) pixels.push_back(static_cast<float>(byte) / 255.0F);
  CompileOptions options;
  options.batches = {1, 4};
  const auto expected = run<float>(LoadedNetwork(compiled(model, options)), pixels, kImages);

  options.input_dtype = InputDType::u8;
  CHECK(run<float>(LoadedNetwork(compiled(model, options)), bytes, kImages) == expected);
  options.input_layout = InputLayout::nhwc;
  CHECK(run<float>(LoadedNetwork(compiled(model, options)),
                   channels_last(bytes, model.input_shape()), kImages) == expected);
  options.input_dtype = InputDType::f32;
  CHECK(run<float>(LoadedNetwork(compiled(model, options)),
                   channels_last(pixels, model.input_shape()), kImages) == expected);
}

TEST_CASE("probabilities and classes", "[interface]") {
  use_own_cache();
  struct Case {
    const char* text;
    int64_t pixels;
  };
  const auto [text, pixels] = GENERATE(Case{kColours, 1}, Case{kMap, 70});
  const Model model = model_of(text);
  INFO(model.name());
  const std::vector<float> images = random_floats(kImages * element_count(model.input_shape()), 5);
  CompileOptions options;
  options.batches = {4};
  const auto logits = run<float>(LoadedNetwork(compiled(model, options)), images, kImages);

  options.output = OutputForm::argmax;
  CHECK(run<int32_t>(LoadedNetwork(compiled(model, options)), images, kImages) ==
        greatest(logits, kClasses, pixels));

  options.output = OutputForm::probabilities;
  const auto found = run<float>(LoadedNetwork(compiled(model, options)), images, kImages);
  std::vector<double> expected(logits.size());
  for (size_t n = 0; n < static_cast<size_t>(kImages); ++n) {
    for (int64_t i = 0; i < pixels; ++i) {
      double sum = 0;
      const auto at = [&](int64_t c) {
        return (static_cast<int64_t>(n) * kClasses + c) * pixels + i;
      };
      for (int64_t c = 0; c < kClasses; ++c) sum += std::exp(static_cast<double>(logits[at(c)]));
      for (int64_t c = 0; c < kClasses; ++c) {
        expected[at(c)] = std::exp(static_cast<double>(logits[at(c)])) / sum;
      }
    }
  }
  CHECK(distance(found, expected) <= 1e-6);
}

TEST_CASE("any number of images is right in any batches", "[interface]") {
  use_own_cache();
  const Model model = model_of(kColours);
  constexpr int64_t kMost = 70;
  const std::vector<float> images = random_floats(kMost * element_count(model.input_shape()), 6);
  const std::vector<double> expected =
      reference_outputs(model, *initial_weights(model, 1), images, kMost);
  CompileOptions options;
  options.batches = {64, 1, 8, 8};
  const LoadedNetwork network(compiled(model, options));
  for (int64_t count : {0, 1, 2, 7, 8, 9, 15, 16, 63, 64, 65, 70}) {
    INFO(count << " images");
    // The input ends behind the last image.
    const std::vector<float> input(images.begin(),
                                   images.begin() + count * element_count(model.input_shape()));
    const auto found = run<float>(network, input, count);
    const std::vector<double> wanted(expected.begin(), expected.begin() + count * kClasses);
    CHECK(distance(found, wanted) <= 1e-5);
  }
}

TEST_CASE("weights in a file of their own", "[interface]") {
  use_own_cache();
  const Model model = model_of(kColours);
  const std::vector<float> images = random_floats(kImages * element_count(model.input_shape()), 8);
  CompileOptions options;
  options.target = "host";
  options.batches = {1, 4};
  std::vector<std::vector<float>> expected;
  for (uint64_t seed : {1, 2}) {
    const Object embedded = *compile(model, *initial_weights(model, seed), options);
    CHECK(embedded.weights.empty());
    expected.push_back(LoadedNetwork(embedded).outputs(images));
  }
  options.external_weights = true;
  const Object first = *compile(model, *initial_weights(model, 1), options);
  const Object second = *compile(model, *initial_weights(model, 2), options);
  CHECK((first.bytes == second.bytes));
  CHECK(first.header == second.header);
  CHECK(first.weights != second.weights);

  // The application's view: read the file, check it, run, exchange it.
  const TempFolder folder;
  REQUIRE(first.write(folder / "net.o").ok());
  CHECK(file_bytes(folder / "net.bin") == first.weights);
  folder.write("second.bin", second.weights);
  std::string damaged = first.weights;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  folder.write("damaged.bin", damaged);
  std::string foreign = first.weights;
  foreign[8] = static_cast<char>(foreign[8] ^ 1);
  folder.write("foreign.bin", foreign);
  folder.write("short.bin", first.weights.substr(0, first.weights.size() - 64));
  folder.write("images",
               {reinterpret_cast<const char*>(images.data()), images.size() * sizeof(float)});
  folder.write("app.c", R"(
#include <stdio.h>
static _Alignas(64) unsigned char weights[COLOURS_WEIGHTS_BYTES + 1];
static _Alignas(64) unsigned char workspace[COLOURS_WORKSPACE_BYTES];
static float images[11 * COLOURS_INPUT_SIZE], results[11 * COLOURS_OUTPUT_SIZE];
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    FILE* file = fopen(argv[i], "rb");
    FILE* in = fopen("images", "rb");
    if (!file || !in || fread(images, sizeof images, 1, in) != 1) return 1;
    const size_t bytes = fread(weights, 1, sizeof weights, file);
    const cnnc_status found = colours_check_weights(weights, bytes);
    const cnnc_status ran =
        colours_run(NULL, weights, images, results, 11, workspace, sizeof workspace);
    fprintf(stderr, "%d %d\n", (int)found, (int)ran);
    if (found == CNNC_OK && fwrite(results, sizeof results, 1, stdout) != 1) return 2;
    fclose(file);
    fclose(in);
  }
  if (colours_run(NULL, NULL, images, results, 1, workspace, sizeof workspace) !=
      CNNC_INVALID_ARGUMENT) return 3;
  return colours_run(NULL, weights + 32, images, results, 1, workspace, sizeof workspace) ==
         CNNC_MISALIGNED ? 0 : 4;
}
)");
  const std::string runtime = source_path("runtime");
  REQUIRE(succeeds("cd " + folder.path() + " && cc -std=c11 -Wall -Wextra -Werror -I" + runtime +
                   " -include net.h app.c net.o " CNNC_RUNTIME_LIBRARY " -lpthread -lm -o app"));
  REQUIRE(succeeds(
      "cd " + folder.path() +
      " && ./app net.bin second.bin damaged.bin foreign.bin short.bin > results 2> codes"));
  const std::string ok = std::to_string(CNNC_OK), bad = std::to_string(CNNC_BAD_WEIGHTS);
  CHECK(file_bytes(folder / "codes") == ok + " " + ok + "\n" + ok + " " + ok + "\n" + bad + " " +
                                            ok + "\n" + bad + " " + bad + "\n" + bad + " " + ok +
                                            "\n");
  const std::string bytes = file_bytes(folder / "results");
  std::vector<float> found(bytes.size() / sizeof(float));
  std::memcpy(found.data(), bytes.data(), bytes.size());
  std::vector<float> wanted = expected[0];
  wanted.insert(wanted.end(), expected[1].begin(), expected[1].end());
  CHECK(found == wanted);
}

TEST_CASE("what a network cannot hand over or get is an error", "[interface]") {
  const Model rows = model_of(R"({"cnnc": 1, "name": "rows", "input": {"shape": [13]},
    "layers": [{"type": "Linear", "name": "fc", "out_features": 3}]})");
  CompileOptions options;
  options.input_layout = InputLayout::nhwc;
  const Result<Object> object = compile(rows, *initial_weights(rows, 1), options);
  REQUIRE_FALSE(object.ok());
  CHECK(render(object.diagnostics()).find("channels cannot come last") != std::string::npos);
  options.input_layout = InputLayout::nchw;
  options.batches = {};
  CHECK_FALSE(compile(rows, *initial_weights(rows, 1), options).ok());
  options.batches = {0, 1};
  CHECK_FALSE(compile(rows, *initial_weights(rows, 1), options).ok());
}

TEST_CASE("objects do not depend on the folder, the time or the threads", "[interface]") {
  const Model model = model_of(kColours);
  const TensorFile weights = *initial_weights(model, 1);
  CompileOptions options;
  options.use_cache = false;
  options.batches = {1, 8};
  options.threads = 1;
  const Object first = *compile(model, weights, options);
  options.threads = 3;
  const Object again = *compile(model, weights, options);
  CHECK((first.bytes == again.bytes));
  CHECK(first.header == again.header);
  for (const char* trace : {"/tmp", "/home", "/root", "/build", "halide", "Halide", "colours.json",
                            "2024", "2025", "2026", "clang", "LLVM"}) {
    INFO(trace);
    CHECK(first.bytes.find(trace) == std::string::npos);
  }
  CHECK(first.bytes.find(CNNC_SOURCE_DIR) == std::string::npos);
}

}  // namespace cnnc::test
