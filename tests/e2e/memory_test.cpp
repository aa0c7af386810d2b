// What an object says of memory: it keeps to its buffers to the byte, it needs no more stack than
// the header states, and the workspace is packed as well as it can be told.
#include <pthread.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <sys/mman.h>

#include "tests/e2e/networks.h"
#include "tests/e2e/random_network.h"
#include "tests/schedules/guarded_memory.h"

namespace cnnc::test {
namespace {

using Side = GuardedMemory::Side;

Object compiled(const Model& model, const std::string& target, int64_t batch) {
  CompileOptions options;
  options.target = target;
  options.batches = {batch};
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

// Whether an entry computes `expected` with its memory between forbidden pages, the input
// read-only, and leaves what is around its buffers alone.
void check_within_pages(const LoadedNetwork& network, const std::vector<float>& input,
                        const std::vector<float>& expected) {
  for (const Side side : {Side::begin, Side::end}) {
    INFO((side == Side::begin ? "pages before" : "pages behind"));
    GuardedMemory in(static_cast<int64_t>(input.size() * sizeof(float)), sizeof(float), side);
    const GuardedMemory out(static_cast<int64_t>(expected.size() * sizeof(float)), sizeof(float),
                            side);
    const GuardedMemory workspace(network.workspace_bytes(), 64, side);
    std::memcpy(in.data(), input.data(), input.size() * sizeof(float));
    in.forbid_writes();
    REQUIRE(network.run(nullptr, in.data(), out.data(),
                        input.size() / static_cast<size_t>(network.input_size()), workspace.data(),
                        static_cast<size_t>(network.workspace_bytes())) == CNNC_OK);
    CHECK(std::memcmp(out.data(), expected.data(), expected.size() * sizeof(float)) == 0);
    CHECK(in.is_intact());
    CHECK(out.is_intact());
    CHECK(workspace.is_intact());
  }
}

TEST_CASE("objects keep to their memory") {
  use_own_cache();
  const Model models[] = {repo_model("mnist_cnn"), repo_model("residual")};
  for (const Model& model : models) {
    for (const char* target : {"host", "avx2", "sse41"}) {
      for (const int64_t batch : {1, 3}) {
        INFO(model.name() << " for " << target << ", batch " << batch);
        const LoadedNetwork network(compiled(model, target, batch));
        const std::vector<float> input =
            random_floats(element_count(model.input_shape()) * batch, 21);
        check_within_pages(network, input, network.outputs(input));
      }
    }
  }
}

TEST_CASE("objects of random networks keep to their memory") {
  constexpr int kNetworks = 12;
  use_own_cache();
  const uint32_t seed = std::random_device()();
  std::cout << "random networks between forbidden pages: seed " << seed << std::endl;
  std::mt19937 random(seed);
  for (int i = 0; i < kNetworks; ++i) {
    const RandomNetwork drawn = random_network(random);
    INFO("seed " << seed << ", network " << i << "\n" << drawn.json);
    const Model model = model_of(drawn.json);
    const int64_t batch = 1 + i % 3;
    const LoadedNetwork network(compiled(model, "host", batch));
    const std::vector<float> input = random_floats(element_count(model.input_shape()) * batch, 22);
    check_within_pages(network, input, network.outputs(input));
  }
}

// The bytes of stack that a call of the entry uses, on a thread whose stack was painted before.
class PaintedStack {
 public:
  PaintedStack()
      : memory_(static_cast<uint8_t*>(
            ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(memory_ != MAP_FAILED);
    std::memset(memory_, kPaint, kBytes);
  }
  PaintedStack(const PaintedStack&) = delete;
  PaintedStack& operator=(const PaintedStack&) = delete;
  ~PaintedStack() { ::munmap(memory_, kBytes); }

  int64_t used_by(const LoadedNetwork& network, const std::vector<float>& input,
                  std::vector<float>& output, uint8_t* workspace) {
    call_ = {&network,
             input.data(),
             input.size() / static_cast<size_t>(network.input_size()),
             output.data(),
             workspace,
             nullptr,
             -1};
    pthread_attr_t attributes;
    pthread_t thread;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstack(&attributes, memory_, kBytes) == 0);
    REQUIRE(pthread_create(&thread, &attributes, &PaintedStack::work, &call_) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    pthread_attr_destroy(&attributes);
    REQUIRE(call_.status == CNNC_OK);
    const uint8_t* lowest =
        std::find_if(memory_, memory_ + kBytes, [](uint8_t byte) { return byte != kPaint; });
    REQUIRE(lowest < call_.frame);
    return call_.frame - lowest;
  }

 private:
  static constexpr size_t kBytes = size_t{8} << 20;
  static constexpr uint8_t kPaint = 0xa5;

  struct Call {
    const LoadedNetwork* network;
    const float* input;
    size_t images;
    float* output;
    uint8_t* workspace;
    const uint8_t* frame;  // where the call starts
    int status;
  };

  static void* work(void* argument) {
    auto& call = *static_cast<Call*>(argument);
    call.frame = static_cast<const uint8_t*>(__builtin_frame_address(0));
    call.status = call.network->run(nullptr, call.input, call.output, call.images, call.workspace,
                                    static_cast<size_t>(call.network->workspace_bytes()));
    return nullptr;
  }

  uint8_t* memory_;
  Call call_{};
};

TEST_CASE("a call needs no more stack than the header states") {
  use_own_cache();
  const Model models[] = {repo_model("mnist_cnn"), repo_model("residual")};
  for (const Model& model : models) {
    for (const char* target : {"host", "avx2", "sse41"}) {
      for (const int64_t batch : {1, 16}) {
        const Object object = compiled(model, target, batch);
        const LoadedNetwork network(object);
        const std::vector<float> input =
            random_floats(element_count(model.input_shape()) * batch, 23);
        std::vector<float> output(static_cast<size_t>(network.output_size() * batch));
        const GuardedMemory workspace(network.workspace_bytes(), 64, Side::end);
        PaintedStack stack;
        const int64_t used = stack.used_by(network, input, output, workspace.data());
        const int64_t stated = number_in_header(object, "STACK_BYTES");
        INFO(model.name() << " for " << target << ", batch " << batch << ": " << used
                          << " bytes used, " << stated << " stated");
        CHECK(used > 0);
        CHECK(used <= stated);
        // The statement is of use: what is added for other people's code is little.
        CHECK(stated <= used + 12 * 1024);
      }
    }
  }
}

TEST_CASE("a plan states how well its workspace is packed") {
  for (const char* name : {"mnist_cnn", "residual", "resnet18_convs"}) {
    const Model model = repo_model(name);
    const Result<std::string> plan = inspect(model, *initial_weights(model, 0), {}, Stage::plan);
    REQUIRE(plan.ok());
    const std::string before = "workspace: packed ";
    const size_t at = plan->find(before);
    REQUIRE(at != std::string::npos);
    std::istringstream text(plan->substr(at + before.size()));
    int64_t packed = 0, bound = 0;
    std::string words[3];
    text >> packed >> words[0] >> words[1] >> words[2] >> bound;
    INFO(name << ": packed " << packed << ", lower bound " << bound);
    CHECK(bound > 0);
    CHECK(packed == bound);
  }
}

}  // namespace
}  // namespace cnnc::test
