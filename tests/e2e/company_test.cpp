// Objects among others: two networks, Halide's own runtime and OpenMP in one program; many threads
// on one network, with the thread sanitizer inside the object.
#include <Halide.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "compiler/support/files.h"
#include "tests/codegen/command.h"
#include "tests/e2e/instrument.h"
#include "tests/e2e/networks.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

// A pipeline that another author compiled with Halide: parallel, with Halide's runtime beside it.
// Element (x, y) of its output is 2 x + y + input(x, y).
void write_halide_library(const std::string& path) {
  Halide::ImageParam input(Halide::Float(32), 2, "input");
  const Halide::Var x("x"), y("y");
  Halide::Func other("other");
  other(x, y) = input(x, y) + Halide::cast<float>(2 * x + y);
  other.vectorize(x, 8, Halide::TailStrategy::GuardWithIf).parallel(y);
  other.compile_to_static_library(path, {input}, "other", Halide::get_host_target());
}

// Network a runs on a pool of its own, b on OpenMP's threads through the hook of its context. Then
// OpenMP's threads run both at once, each with its own memory, with a loop of Halide's among them.
constexpr const char* kCompany = R"(
#include <omp.h>
#include <stdio.h>
#include <string.h>

#define NETWORK(net, NET)                                                        \
  static float net##_input[NET##_BATCH * NET##_INPUT_SIZE];                      \
  static float net##_output[NET##_BATCH * NET##_OUTPUT_SIZE];                    \
  static float net##_again[4][NET##_BATCH * NET##_OUTPUT_SIZE];                  \
  static _Alignas(64) unsigned char net##_workspace[4][NET##_WORKSPACE_BYTES + 64];
NETWORK(a, A)
NETWORK(b, B)

static int openmp_loops = 0;

static int on_openmp(const cnnc_context* context, cnnc_task task, int min, int extent,
                     uint8_t* closure) {
  int failed = 0;
  *(int*)context->host += 1;
#pragma omp parallel for schedule(dynamic) reduction(| : failed)
  for (int i = 0; i < extent; ++i) failed |= task((void*)context, min + i, closure);
  return failed;
}

static unsigned char* aligned(unsigned char* memory) {
  return memory + (64 - (uintptr_t)memory % 64) % 64;
}

static int halide_is_right(int seed) {
  enum { width = 37, height = 64 };
  static _Thread_local float in[height][width], out[height][width];
  for (int i = 0; i < width * height; ++i) in[0][i] = (float)(i * seed % 101);
  halide_dimension_t dim[2] = {{0, width, 1, 0}, {0, height, width, 0}};
  halide_buffer_t input = {0}, output = {0};
  input.type.code = halide_type_float;
  input.type.bits = 32;
  input.type.lanes = 1;
  input.dimensions = 2;
  input.dim = dim;
  output = input;
  input.host = (uint8_t*)in;
  output.host = (uint8_t*)out;
  if (other(&input, &output) != 0) return 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      if (out[y][x] != in[y][x] + (float)(2 * x + y)) return 0;
    }
  }
  return 1;
}

static cnnc_status run_a(const cnnc_context* context, float* output, int t) {
  return a_run(context, a_input, output, 1, aligned(a_workspace[t]), A_WORKSPACE_BYTES);
}

static cnnc_status run_b(const cnnc_context* context, float* output, int t) {
  return b_run(context, b_input, output, 1, aligned(b_workspace[t]), B_WORKSPACE_BYTES);
}

int main(void) {
  if (fread(a_input, sizeof a_input, 1, stdin) != 1) return 1;
  if (fread(b_input, sizeof b_input, 1, stdin) != 1) return 2;
  cnnc_pool* pool;
  if (cnnc_pool_create(3, &pool) != CNNC_OK) return 3;
  cnnc_context on_pool, on_omp;
  cnnc_context_init(&on_pool);
  cnnc_context_use_pool(&on_pool, pool);
  cnnc_context_init(&on_omp);
  on_omp.parallel_for = on_openmp;
  on_omp.host = &openmp_loops;
  if (!halide_is_right(1)) return 4;
  if (run_a(&on_pool, a_output, 0) != CNNC_OK) return 5;
  if (run_b(&on_omp, b_output, 0) != CNNC_OK) return 6;
  if (openmp_loops == 0) return 7;

  int failed = 0;
#pragma omp parallel for num_threads(4) schedule(static, 1) reduction(| : failed)
  for (int t = 0; t < 4; ++t) {
    for (int again = 0; again < 3; ++again) {
      failed |= run_a(&on_pool, a_again[t], t) != CNNC_OK;
      failed |= !halide_is_right(2 + t);
      failed |= run_b(&on_pool, b_again[t], t) != CNNC_OK;
      failed |= memcmp(a_again[t], a_output, sizeof a_output) != 0;
      failed |= memcmp(b_again[t], b_output, sizeof b_output) != 0;
    }
  }
  if (failed) return 8;
  cnnc_pool_destroy(pool);
  if (fwrite(a_output, sizeof a_output, 1, stdout) != 1) return 9;
  return fwrite(b_output, sizeof b_output, 1, stdout) == 1 ? 0 : 10;
}
)";

CompileOptions options_for(const std::string& prefix) {
  CompileOptions options;
  options.target = "host";
  options.prefix = prefix;
  return options;
}

Object compiled(const Model& model, const CompileOptions& options) {
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST_CASE("two networks, Halide's runtime and OpenMP share a program") {
  use_own_cache();
  const TempFolder folder;
  const Model first = repo_model("mnist_cnn"), second = repo_model("residual");
  const Object a = compiled(first, options_for("a")), b = compiled(second, options_for("b"));
  REQUIRE(a.write(folder / "a.o").ok());
  REQUIRE(b.write(folder / "b.o").ok());
  write_halide_library(folder / "other");
  folder.write("app.c", kCompany);
  const std::vector<float> first_input = random_floats(element_count(first.input_shape()), 8);
  const std::vector<float> second_input = random_floats(element_count(second.input_shape()), 9);
  folder.write("input", bytes_of(first_input) + bytes_of(second_input));
  const std::string expected = bytes_of(LoadedNetwork(a).outputs(first_input)) +
                               bytes_of(LoadedNetwork(b).outputs(second_input));
  for (const char* objects : {"a.o b.o other.a " CNNC_RUNTIME_LIBRARY,
                              CNNC_RUNTIME_LIBRARY " other.a b.o a.o " CNNC_RUNTIME_LIBRARY}) {
    INFO(objects);
    REQUIRE(succeeds("cd " + folder.path() +
                     " && cc -std=c11 -Wall -Wextra -Werror -fopenmp -I" CNNC_SOURCE_DIR
                     "/runtime -isystem " CNNC_HALIDE_INCLUDE
                     " -include a.h -include b.h -include other.h app.c " +
                     objects + " -ldl -lpthread -lm -o app"));
    CHECK(succeeds("cd " + folder.path() + " && ./app < input > output"));
    CHECK(file_bytes(folder / "output") == expected);
  }
}

// Eight threads run one network, each with an output and a workspace of its own: half of them on
// one pool, half on the calling thread. With SHARE they have one workspace, which is a mistake.
constexpr const char* kManyThreads = R"(
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { threads = 8 };

static float input[NET_BATCH * NET_INPUT_SIZE];
static float output[threads][NET_BATCH * NET_OUTPUT_SIZE];
static _Alignas(64) unsigned char workspace[threads][(NET_WORKSPACE_BYTES + 127) / 64 * 64];
static cnnc_context on_pool;

// What this version of the instrumentation calls and older sanitizers do not have.
void* __tsan_memcpy(void* to, const void* from, size_t bytes) { return memcpy(to, from, bytes); }
void* __tsan_memmove(void* to, const void* from, size_t bytes) { return memmove(to, from, bytes); }
void* __tsan_memset(void* to, int value, size_t bytes) { return memset(to, value, bytes); }

static void* work(void* argument) {
  const intptr_t t = (intptr_t)argument;
#ifdef SHARE
  unsigned char* own = workspace[0];
#else
  unsigned char* own = workspace[t];
#endif
  for (int again = 0; again < 3; ++again) {
    if (net_run(t % 2 ? &on_pool : NULL, input, output[t], 1, own, NET_WORKSPACE_BYTES) != CNNC_OK)
      return "failed";
  }
  return NULL;
}

int main(void) {
  cnnc_pool* pool;
  pthread_t thread[threads];
  if (fread(input, sizeof input, 1, stdin) != 1) return 1;
  if (cnnc_pool_create(3, &pool) != CNNC_OK) return 2;
  cnnc_context_init(&on_pool);
  cnnc_context_use_pool(&on_pool, pool);
  for (intptr_t t = 0; t < threads; ++t) {
    if (pthread_create(&thread[t], NULL, work, (void*)t) != 0) return 3;
  }
  int failed = 0;
  for (int t = 0; t < threads; ++t) {
    void* result;
    failed |= pthread_join(thread[t], &result) != 0 || result != NULL;
  }
  cnnc_pool_destroy(pool);
  for (int t = 0; t < threads; ++t) {
    if (fwrite(output[t], sizeof output[t], 1, stdout) != 1) return 4;
  }
  return failed;
}
)";

TEST_CASE("many threads on one network under the thread sanitizer") {
  use_own_cache();
  const TempFolder folder;
  const Model model = repo_model("residual");
  CompileOptions options = options_for("net");
  options.target = "x86-64-v2";  // whose vectors are as wide as what the sanitizer follows
  const Result<std::string> text = inspect(model, *initial_weights(model, 1), options, Stage::llvm);
  REQUIRE(text.ok());
  const Object object = compiled(model, options);
  const std::vector<float> input = random_floats(element_count(model.input_shape()), 11);
  const std::vector<float> expected = LoadedNetwork(object).outputs(input);
  folder.write("net.o", instrumented_object(*text));
  folder.write("net.h", object.header);
  folder.write("app.c", kManyThreads);
  folder.write("input", bytes_of(input));
  const std::string compile_line =
      "cd " + folder.path() +
      " && cc -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=thread -I" CNNC_SOURCE_DIR
      "/runtime -include net.h app.c net.o " CNNC_SOURCE_DIR "/runtime/*.c -lpthread -lm ";
  // Older sanitizers need the classic layout of addresses, where the system lets us have it.
  const std::string run_line =
      "cd " + folder.path() +
      " && classic='setarch --addr-no-randomize'; $classic true 2>/dev/null || classic=; "
      "TSAN_OPTIONS=halt_on_error=1:exitcode=66 $classic ";

  REQUIRE(succeeds(compile_line + "-o app"));
  CHECK(succeeds(run_line + "./app < input > output"));
  std::string outputs;
  for (int t = 0; t < 8; ++t) outputs += bytes_of(expected);
  CHECK(file_bytes(folder / "output") == outputs);

  // Shows that the sanitizer sees what kernels do.
  REQUIRE(succeeds(compile_line + "-DSHARE -o shared"));
  CHECK(succeeds(run_line + "./shared < input > output 2> races; test $? = 66"));
  CHECK(file_bytes(folder / "races").find("data race") != std::string::npos);
}

}  // namespace
}  // namespace cnnc::test
