// examples/train_digits, built against the objects of the digit network.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/support/files.h"
#include "tests/codegen/command.h"
#include "tests/e2e/networks.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

// An IDX file of bytes; its dimensions in big-endian numbers.
std::string idx_file(const std::vector<int64_t>& shape, const std::string& bytes) {
  std::string file = {0, 0, 8, static_cast<char>(shape.size())};
  for (int64_t extent : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(extent >> shift);
  }
  return file + bytes;
}

}  // namespace

TEST_CASE("the example trains in plain C beside an object for inference", "[training_object]") {
  use_own_cache();
  const Model model = repo_model("mnist_cnn");
  CompileOptions options;
  options.target = "host";
  options.prefix = "mnist_train";
  const Result<Object> trained = compile_training(model, options);
  options.prefix = "mnist";
  const Result<Object> inference = compile(model, *initial_weights(model, 1), options);
  REQUIRE(trained.ok());
  REQUIRE(inference.ok());
  const TempFolder folder;
  REQUIRE(trained->write(folder / "mnist_train.o").ok());
  REQUIRE(inference->write(folder / "mnist.o").ok());
  // Two and a half batches of images that are as bright as their digit.
  constexpr int64_t kCount = 160;
  std::string pixels, labels;
  for (int64_t i = 0; i < kCount; ++i) {
    pixels += std::string(28 * 28, static_cast<char>(i % 10 * 25));
    labels += static_cast<char>(i % 10);
  }
  for (const std::string set : {"train", "t10k"}) {
    folder.write(set + "-images-idx3-ubyte", idx_file({kCount, 28, 28}, pixels));
    folder.write(set + "-labels-idx1-ubyte", idx_file({kCount}, labels));
  }
  folder.write("both.c",
               "#include \"mnist.h\"\n#include \"mnist_train.h\"\n"
               "cnnc_status (*const both)(void*, size_t, uint64_t) = mnist_train_init;\n"
               "cnnc_status run(const float* in, float* out, void* work) {\n"
               "  return mnist_run(NULL, in, out, 1, work, MNIST_WORKSPACE_BYTES);\n}\n");
  const std::string in_folder = "cd " + folder.path() + " && ";
  REQUIRE(succeeds(
      in_folder + "cc -std=c11 -O1 -Wall -Wextra -pedantic -Werror -I. -I" +
      source_path("runtime") + " " + source_path("examples/train_digits/train_digits.c") +
      " both.c mnist_train.o mnist.o " CNNC_RUNTIME_LIBRARY " -lpthread -lm -o train_digits"));
  REQUIRE(succeeds(in_folder + "./train_digits . 2 w.safetensors > printed"));
  const std::string printed = file_bytes(folder / "printed");
  INFO(printed);
  CHECK(printed.find("epoch 2: mean loss ") != std::string::npos);
  CHECK(printed.find(" of 160)") != std::string::npos);
  // What it wrote are weights of the network, and other ones than those that it began with.
  const Result<TensorFile> weights = read_safetensors(folder / "w.safetensors");
  REQUIRE(weights.ok());
  CHECK(compile(model, *weights, options).ok());
  CHECK(weights->find("fc3.bias")->bytes != initial_weights(model, 0)->find("fc3.bias")->bytes);
  CHECK(!succeeds(in_folder + "./train_digits missing 2> /dev/null"));
}

}  // namespace cnnc::test
