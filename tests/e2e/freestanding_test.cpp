// Objects for machines without an operating system: what they need, that they run beside a libc of
// a few lines, and how large they and the runtime are.
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/MemoryBufferRef.h>

#include "compiler/codegen/object.h"
#include "tests/codegen/command.h"
#include "tests/e2e/networks.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

// Ends in a softmax, which needs exponentials.
constexpr const char* kImages = R"({
  "cnnc": 1, "name": "images",
  "input": {"shape": [3, 24, 24], "mean": 0.5, "std": 0.25},
  "layers": [
    {"type": "Conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1},
    {"type": "ReLU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Conv2d", "out_channels": 32, "kernel_size": 3},
    {"type": "ReLU"},
    {"type": "Flatten"},
    {"type": "Linear", "out_features": 10},
    {"type": "Softmax"}]})";

// A program without libc: it reads images from descriptor 0 and writes results to descriptor 1.
constexpr const char* kProgram = R"(
#include <stddef.h>
#include <stdint.h>

static long system_call(long number, long a, long b, long c) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
                x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#endif
}
#if defined(__x86_64__)
enum { sys_read = 0, sys_write = 1, sys_exit = 60 };
__asm__(".globl _start\n_start:\n  and $-16, %rsp\n  call run\n");
#else
enum { sys_read = 63, sys_write = 64, sys_exit = 93 };
__asm__(".globl _start\n_start:\n  bl run\n");
#endif

void* memcpy(void* to, const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((char*)to)[i] = ((const char*)from)[i];
  return to;
}
void* memset(void* to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((char*)to)[i] = (char)value;
  return to;
}

static float input[NET_BATCH * NET_INPUT_SIZE], output[NET_BATCH * NET_OUTPUT_SIZE];
static _Alignas(NET_ALIGNMENT) unsigned char workspace[NET_WORKSPACE_BYTES + 1];

void run(void) {
  size_t have = 0;
  while (have < sizeof input) {
    const long got = system_call(sys_read, 0, (long)((char*)input + have), sizeof input - have);
    if (got <= 0) system_call(sys_exit, 1, 0, 0);
    have += (size_t)got;
  }
  cnnc_context context;
  cnnc_context_init(&context);
  if (net_run(&context, input, output, 1, workspace, NET_WORKSPACE_BYTES) != CNNC_OK) system_call(sys_exit, 2, 0, 0);
  if (system_call(sys_write, 1, (long)output, sizeof output) != sizeof output) {
    system_call(sys_exit, 3, 0, 0);
  }
  system_call(sys_exit, 0, 0, 0);
}
)";

Object compiled(const Model& model, const std::string& target, bool single_threaded = true) {
  CompileOptions options;
  options.target = target;
  options.prefix = "net";
  options.single_threaded = single_threaded;
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

// Everything in the object that a program loads, but the weights.
int64_t code_bytes(const Object& object) {
  auto file = llvm::cantFail(
      llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object.bytes, "object")));
  int64_t bytes = 0;
  for (const llvm::object::SectionRef& section : file->sections()) {
    const auto flags = llvm::object::ELFSectionRef(section).getFlags();
    if (flags & llvm::ELF::SHF_ALLOC) bytes += static_cast<int64_t>(section.getSize());
  }
  for (const llvm::object::SymbolRef& symbol : file->symbols()) {
    const std::string name = llvm::cantFail(symbol.getName()).str();
    const bool is_weight =
        name.find(".weight") != std::string::npos || name.find(".bias") != std::string::npos;
    if (is_weight) bytes -= static_cast<int64_t>(llvm::object::ELFSymbolRef(symbol).getSize());
  }
  return bytes;
}

// The last line of what size(1) prints with -t: text, data and bss together.
int64_t sizes(const TempFolder& folder, const std::string& files, int column) {
  REQUIRE(succeeds("cd " + folder.path() + " && size -t " + files + " | tail -n 1 | awk '{print $" +
                   std::to_string(column) + "}' > size"));
  return std::stoll(file_bytes(folder / "size"));
}

TEST_CASE("objects without threads compute the same bits and need no parallel loop") {
  use_own_cache();
  for (const Model& model : {repo_model("mnist_cnn"), model_of(kImages)}) {
    for (const char* target : {"host", "x86-64-v3", "x86-64-v2"}) {
      INFO(model.name() << " for " << target);
      const Object parallel = compiled(model, target, false), serial = compiled(model, target);
      for (const std::string& symbol : undefined_symbols(serial.bytes)) {
        INFO(symbol);
        CHECK(symbol != "cnnc_parallel_for");
        CHECK(may_stay_undefined(symbol));
      }
      const std::vector<float> input = random_floats(element_count(model.input_shape()), 31);
      CHECK(LoadedNetwork(serial).outputs(input) == LoadedNetwork(parallel).outputs(input));
    }
  }
  const std::vector<std::string> needed =
      undefined_symbols(compiled(repo_model("mnist_cnn"), "host", false).bytes);
  CHECK(std::count(needed.begin(), needed.end(), "cnnc_parallel_for") == 1);
}

TEST_CASE("objects run without an operating system's libraries") {
  use_own_cache();
  const Model model = model_of(kImages);
  const std::vector<float> input = random_floats(element_count(model.input_shape()), 32);
  const std::vector<double> expected =
      reference_outputs(model, *initial_weights(model, 1), input, 1);
  struct {
    const char* target;
    const char* compiler;
    const char* run;
  } const machines[] = {{"x86-64-noos-sse41", "gcc", ""},
                        {"arm-64-noos", "aarch64-linux-gnu-gcc", "qemu-aarch64 "}};
  for (const auto& machine : machines) {
    INFO(machine.target);
    const TempFolder folder;
    REQUIRE(compiled(model, machine.target).write(folder / "net.o").ok());
    folder.write("program.c", kProgram);
    folder.write("input", {reinterpret_cast<const char*>(input.data()), input.size() * 4});
    const std::string runtime = CNNC_SOURCE_DIR "/runtime";
    REQUIRE(succeeds("cd " + folder.path() + " && " + machine.compiler +
                     " -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-builtin "
                     "-fno-stack-protector -fno-tree-loop-distribute-patterns -nostdlib -static "
                     "-I" +
                     runtime + " -include net.h program.c net.o " + runtime + "/context.c " +
                     runtime + "/status.c " + runtime + "/weights.c -o program"));
    CHECK(succeeds("cd " + folder.path() + " && " + machine.run + "./program < input > output"));
    const std::string bytes = file_bytes(folder / "output");
    std::vector<float> found(bytes.size() / sizeof(float));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(found.data()));
    CHECK(distance(found, expected) <= 1e-5);
  }
}

TEST_CASE("objects and the runtime are small") {
  use_own_cache();
  const TempFolder folder;
  // Programs that do not train link none of the three.
  const std::string inference = "context.c.o pool.c.o profile.c.o status.c.o weights.c.o";
  const std::string training = "random.c.o safetensors.c.o training.c.o";
  REQUIRE(succeeds("cd " + folder.path() + " && ar x " CNNC_RUNTIME_LIBRARY));
  const int64_t hosted = sizes(folder, inference, 1), for_training = sizes(folder, training, 1);
  CHECK(hosted + for_training == sizes(folder, "*.o", 1));
  const std::string runtime = CNNC_SOURCE_DIR "/runtime/";
  const auto freestanding = [&](const std::string& name) {
    REQUIRE(succeeds("cd " + folder.path() +
                     " && cc -std=c11 -Os -Wall -Wextra -Wpedantic -Werror -ffreestanding -c " +
                     runtime + name + ".c -o " + name + ".free.o"));
  };
  for (const char* name : {"context", "status", "weights"}) freestanding(name);
  const int64_t least = sizes(folder, "*.free.o", 1);
  for (const char* name : {"random", "safetensors", "training"}) freestanding(name);
  std::cout << "runtime: " << hosted << " bytes of text, freestanding " << least
            << "; for training " << for_training << " more, freestanding "
            << sizes(folder, "*.free.o", 1) - least << "\n";
  CHECK(hosted <= 8 * 1024);
  CHECK(least <= 2 * 1024);
  CHECK(for_training <= 14 * 1024);
  CHECK(sizes(folder, "*.free.o", 2) == 0);
  CHECK(sizes(folder, "*.free.o", 3) == 0);
  for (const char* target : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "arm-64"}) {
    const int64_t code = code_bytes(compiled(repo_model("mnist_cnn"), target, false));
    std::cout << "mnist_cnn for " << target << ": " << code << " bytes without weights\n";
    CHECK(code > 4 * 1024);
    CHECK(code <= 25 * 1024);
  }
}

}  // namespace
}  // namespace cnnc::test
