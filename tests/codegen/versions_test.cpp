// Entries that take any number of images, and programs with several versions of their code.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/codegen/jit.h"
#include "compiler/codegen/program.h"
#include "compiler/support/check.h"
#include "runtime/cnnc_runtime.h"
#include "tests/codegen/kernels.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;
using test::network_program;

constexpr int kRows = 2;
constexpr int kColumns = 7;

using RunFunction = int(uint64_t, const cnnc_context*, const float*, float*, size_t, void*, size_t);

// A program in this process.
class Network {
 public:
  explicit Network(const Program& program)
      : object_(*load_object(program.name, *emit(program, Emit::object))),
        run_(reinterpret_cast<RunFunction*>(object_.find(program.name + "_run_images"))),
        build_id_(program.build_id),
        workspace_bytes_(static_cast<size_t>(program.entries[0].parameters[2].bytes)),
        storage_(workspace_bytes_ / 4 + 16) {
    workspace_ = storage_.data();
    while (reinterpret_cast<uintptr_t>(workspace_) % 64 != 0) ++workspace_;
  }

  int run(const std::vector<float>& input, std::vector<float>& output) {
    output.assign(input.size() / kColumns, -1);
    return call(build_id_, input.data(), output.data(), output.size() / kRows, workspace_bytes_);
  }
  int call(uint64_t build_id, const float* input, float* output, size_t images, size_t bytes) {
    return run_(build_id, nullptr, input, output, images, workspace_, bytes);
  }
  [[nodiscard]] uint64_t build_id() const { return build_id_; }
  [[nodiscard]] size_t workspace_bytes() const { return workspace_bytes_; }

 private:
  LoadedObject object_;
  RunFunction* run_;
  uint64_t build_id_;
  size_t workspace_bytes_;
  std::vector<float> storage_;
  float* workspace_;
};

std::vector<float> images(int count) {
  std::vector<float> result(static_cast<size_t>(count) * kRows * kColumns);
  for (size_t i = 0; i < result.size(); ++i) result[i] = 0.01F * static_cast<float>(i % 97) - 0.5F;
  return result;
}

void check_counts(Network& network, int most) {
  for (int count = 0; count <= most; ++count) {
    INFO(count << " images");
    // Behind the last image and the last result nothing is touched: the vectors end there.
    std::vector<float> output;
    CHECK(network.run(images(count), output) == CNNC_OK);
    const std::vector<float> expected = test::wave_rows(images(count), count * kRows, kColumns);
    REQUIRE(output.size() == expected.size());
    for (size_t i = 0; i < output.size(); ++i)
      CHECK(output[i] == Approx(expected[i]).epsilon(1e-5));
  }
}

}  // namespace

TEST_CASE("any number of images is right", "[versions]") {
  const std::vector<int> batches =
      GENERATE(std::vector<int>{1}, std::vector<int>{4}, std::vector<int>{1, 3, 8});
  Network network(network_program("net", kRows, kColumns, batches));
  check_counts(network, 20);
}

TEST_CASE("entries that take any count check what they are given", "[versions]") {
  Network network(network_program("net", kRows, kColumns, {1, 4}));
  const std::vector<float> input = images(2);
  std::vector<float> output(2 * kRows, -1);
  const size_t bytes = network.workspace_bytes();
  const uint64_t id = network.build_id();
  CHECK(network.call(id + 1, input.data(), output.data(), 2, bytes) == CNNC_VERSION_MISMATCH);
  CHECK(network.call(id ^ (uint64_t{1} << 63), input.data(), output.data(), 2, bytes) ==
        CNNC_VERSION_MISMATCH);
  CHECK(network.call(id, nullptr, output.data(), 2, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(network.call(id, input.data(), nullptr, 2, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(network.call(id, input.data(), output.data(), 2, bytes - 1) == CNNC_WORKSPACE_TOO_SMALL);
  CHECK(output == std::vector<float>(output.size(), -1));
  CHECK(network.call(id, input.data(), output.data(), 2, bytes) == CNNC_OK);
}

TEST_CASE("the best version that the processor can run is taken", "[versions]") {
  const std::vector<std::string> targets = {"x86-64-linux-avx512-avx512_skylake",
                                            "x86-64-linux-avx", "x86-64-linux"};
  const Program program = network_program("net", kRows, kColumns, {1, 4}, targets);
  Network network(program);
  check_counts(network, 9);
  const std::string text = *emit(program, Emit::llvm);
  CHECK_THAT(text, Contains("cpuid"));
  CHECK_THAT(text, Contains("xgetbv"));
  // The entry and what asks the processor must run on any.
  CHECK_THAT(text, Contains("\"target-cpu\"=\"x86-64\""));
}

TEST_CASE("code for the least processor asks nothing", "[versions]") {
  const std::string text =
      *emit(network_program("net", kRows, kColumns, {1}, {"x86-64-linux"}), Emit::llvm);
  CHECK(text.find("cpuid") == std::string::npos);
  const std::string other =
      *emit(network_program("net", kRows, kColumns, {1}, {"arm-64-linux"}), Emit::llvm);
  CHECK(other.find("cpuid") == std::string::npos);
}

TEST_CASE("bodies that are missing or of another version are bugs", "[versions]") {
  const Program good =
      network_program("net", kRows, kColumns, {1, 4}, {"x86-64-linux-sse41", "x86-64-linux"});
  Program program = good;
  program.entries[0].bodies.pop_back();
  CHECK_THROWS_WITH(emit(program, Emit::llvm), Contains("no body for 4 images"));
  program = good;
  std::swap(program.entries[0].bodies[0].version, program.entries[0].bodies[2].version);
  CHECK_THROWS_WITH(emit(program, Emit::llvm), Contains("is of another version"));
  program = good;
  program.entries[0].parameters[2].bytes -= 64;
  CHECK_THROWS_WITH(emit(program, Emit::llvm), Contains("no place for a batch"));
  program = good;
  program.entries[0].bodies.clear();
  CHECK_THROWS_AS(emit(program, Emit::llvm), InternalError);
}

}  // namespace cnnc
