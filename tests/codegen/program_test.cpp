// Programs become modules and object bytes: what they compute, what they show to the outside, and
// that nothing but their contents decides their bytes.
#include "compiler/codegen/program.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include <llvm/BinaryFormat/ELF.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/MemoryBufferRef.h>

#include "compiler/codegen/jit.h"
#include "compiler/codegen/object.h"
#include "runtime/cnnc_runtime.h"
#include "tests/codegen/command.h"
#include "tests/codegen/kernels.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;
using test::buffer;
using test::KernelOptions;
using test::wave_program;

constexpr int kRows = 6;
constexpr int kColumns = 33;

using RunFunction = int(const cnnc_context*, const float*, float*, void*);
using BiasFunction = int(const cnnc_context*, float*, void*);

// The first element whose address is a multiple of 64.
float* aligned_start(std::vector<float>& values) {
  float* start = values.data();
  while (reinterpret_cast<uintptr_t>(start) % 64 != 0) ++start;
  return start;
}

// A program in this process, and arguments for its entries.
struct Loaded {
  explicit Loaded(const Program& program)
      : object(*load_object(program.name, *emit(program, Emit::object))),
        run(reinterpret_cast<RunFunction*>(object.find(program.name + "_run"))),
        bias(reinterpret_cast<BiasFunction*>(object.find(program.name + "_bias"))),
        input(kRows * kColumns),
        output(kRows),
        workspace(kRows * kColumns + 16) {
    for (size_t i = 0; i < input.size(); ++i) input[i] = 0.01F * static_cast<float>(i) - 1;
    aligned = aligned_start(workspace);
  }

  int call(const cnnc_context* context) {
    return run(context, input.data(), output.data(), aligned);
  }

  LoadedObject object;
  RunFunction* run;
  BiasFunction* bias;
  std::vector<float> input, output, workspace;
  float* aligned;
};

void check_output(const Loaded& loaded) {
  const std::vector<float> expected = test::wave_rows(loaded.input, kRows, kColumns);
  for (int y = 0; y < kRows; ++y) CHECK(loaded.output[y] == Approx(expected[y]).epsilon(1e-5));
}

// The symbols that an object defines for others.
std::vector<std::string> external_symbols(const std::string& object) {
  auto file = llvm::cantFail(
      llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "object")));
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef& symbol : file->symbols()) {
    const uint32_t flags = llvm::cantFail(symbol.getFlags());
    const bool external = flags & llvm::object::BasicSymbolRef::SF_Global;
    if (external && !(flags & llvm::object::BasicSymbolRef::SF_Undefined)) {
      names.push_back(llvm::cantFail(symbol.getName()).str());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A host's loop that runs backwards and counts.
struct Host {
  int loops = 0;
  int result = 0;
};

int host_loop(const cnnc_context* context, cnnc_task task, int min, int extent, uint8_t* closure) {
  auto* host = static_cast<Host*>(context->host);
  ++host->loops;
  for (int i = min + extent - 1; i >= min; --i) {
    const int result = task(const_cast<cnnc_context*>(context), i, closure);
    if (result != 0) return result;
  }
  return host->result;
}

TEST_CASE("the kernels of a program run in order") {
  Loaded loaded(wave_program("net", kRows, kColumns));
  REQUIRE(loaded.run);
  CHECK(loaded.call(nullptr) == CNNC_OK);
  check_output(loaded);
}

TEST_CASE("constants are inputs of kernels") {
  Program program = wave_program("net", kRows, kColumns);
  const std::vector<float> weights(kRows * kColumns, 0.5F);
  program.constants[0].bytes.assign(reinterpret_cast<const char*>(weights.data()),
                                    weights.size() * sizeof(float));
  Loaded loaded(program);
  std::vector<float> output(weights.size());
  CHECK(loaded.bias(nullptr, output.data(), nullptr) == CNNC_OK);
  for (float value : output) CHECK(value == Approx(std::exp(0.5) + 2 * std::sin(0.5)));
}

TEST_CASE("buffers may lie inside what they are part of") {
  Program program = wave_program("net", kRows, kColumns);
  // Leaves the start of the workspace alone.
  program.entries[0].parameters[2].bytes += 64;
  program.entries[0].bodies[0].calls[0].buffers[1].offset = 64;
  program.entries[0].bodies[0].calls[1].buffers[0].offset = 64;
  Loaded loaded(program);
  std::vector<float> workspace(kRows * kColumns + 32);
  float* aligned = aligned_start(workspace);
  CHECK(loaded.run(nullptr, loaded.input.data(), loaded.output.data(), aligned) == CNNC_OK);
  CHECK(aligned[0] == 0);
  check_output(loaded);
}

TEST_CASE("loops run as the context says") {
  Loaded loaded(wave_program("net", kRows, kColumns));
  cnnc_context context;
  cnnc_context_init(&context);
  CHECK(loaded.call(&context) == CNNC_OK);
  check_output(loaded);
  const std::vector<float> serial = loaded.output;

  Host host;
  context.parallel_for = host_loop;
  context.host = &host;
  loaded.output.assign(kRows, 0);
  CHECK(loaded.call(&context) == CNNC_OK);
  CHECK(host.loops == 1);
  CHECK(loaded.output == serial);

  cnnc_pool* pool = nullptr;
  REQUIRE(cnnc_pool_create(2, &pool) == CNNC_OK);
  cnnc_context_use_pool(&context, pool);
  loaded.output.assign(kRows, 0);
  CHECK(loaded.call(&context) == CNNC_OK);
  CHECK(loaded.output == serial);
  cnnc_pool_destroy(pool);
}

TEST_CASE("entries check what they are given") {
  Loaded loaded(wave_program("net", kRows, kColumns));
  float* input = loaded.input.data();
  float* output = loaded.output.data();
  float* workspace = loaded.aligned;
  CHECK(loaded.run(nullptr, nullptr, output, workspace) == CNNC_INVALID_ARGUMENT);
  CHECK(loaded.run(nullptr, input, nullptr, workspace) == CNNC_INVALID_ARGUMENT);
  CHECK(loaded.run(nullptr, input, output, nullptr) == CNNC_INVALID_ARGUMENT);
  CHECK(loaded.run(nullptr, input, output, workspace + 1) == CNNC_MISALIGNED);
  auto* odd = reinterpret_cast<float*>(reinterpret_cast<char*>(input) + 2);
  CHECK(loaded.run(nullptr, odd, output, workspace) == CNNC_MISALIGNED);
  // A parameter without bytes may be anything.
  std::vector<float> values(kRows * kColumns);
  CHECK(loaded.bias(nullptr, values.data(), nullptr) == CNNC_OK);
  CHECK(loaded.bias(nullptr, values.data(), workspace + 1) == CNNC_OK);

  cnnc_context context;
  cnnc_context_init(&context);
  context.abi_version = CNNC_ABI_VERSION + 1;
  CHECK(loaded.call(&context) == CNNC_VERSION_MISMATCH);
}

TEST_CASE("a failing loop ends the entry") {
  Loaded loaded(wave_program("net", kRows, kColumns));
  Host host;
  host.result = 7;
  cnnc_context context;
  cnnc_context_init(&context);
  context.parallel_for = host_loop;
  context.host = &host;
  CHECK(loaded.call(&context) == CNNC_INTERNAL);
}

TEST_CASE("checked kernels report through the runtime") {
  KernelOptions options;
  options.checked = true;
  Program program = wave_program("net", kRows, kColumns, options);
  {
    Loaded loaded(program);
    CHECK(loaded.call(nullptr) == CNNC_OK);
    check_output(loaded);
  }
  const std::vector<std::string> needed = undefined_symbols(*emit(program, Emit::object));
  CHECK(std::count(needed.begin(), needed.end(), "cnnc_kernel_check_failed") == 1);
  // An extent that the kernel was not compiled for.
  program.entries[0].bodies[0].calls[1].buffers[1].extents[0] = kRows - 1;
  Loaded wrong(program);
  CHECK(wrong.call(nullptr) == CNNC_INTERNAL);
}

TEST_CASE("nothing but the entries is visible, nothing but the listed symbols is needed") {
  const std::string object = *emit(wave_program("net", kRows, kColumns), Emit::object);
  CHECK(external_symbols(object) == std::vector<std::string>{"net_bias", "net_run"});
  for (const std::string& symbol : undefined_symbols(object)) {
    INFO(symbol);
    CHECK(may_stay_undefined(symbol));
  }
  const std::vector<std::string> needed = undefined_symbols(object);
  CHECK(std::count(needed.begin(), needed.end(), "cnnc_parallel_for") == 1);
  for (const char* trace :
       {"halide", "Halide", "clang", "/tmp", "/project", "_argv", "_metadata"}) {
    INFO(trace);
    CHECK(object.find(trace) == std::string::npos);
  }
}

TEST_CASE("the bytes do not depend on what Halide compiled before") {
  const Program first = wave_program("net", kRows, kColumns);
  // Halide's counters get another digit.
  for (int i = 0; i < 10; ++i) test::row_sum_kernel("other", 3, 5);
  // The kernels in the other order, under the names of the first program.
  Program second = first;
  second.kernels[1] = test::row_sum_kernel("net_sum", kRows, kColumns);
  second.kernels[0] = test::wave_kernel("net_wave", kRows * kColumns, 2.0F);
  REQUIRE(second.kernels[1].bitcode != first.kernels[1].bitcode);
  for (Emit kind : {Emit::llvm, Emit::assembly, Emit::object}) {
    CHECK(*emit(first, kind) == *emit(second, kind));
  }
}

TEST_CASE("text shows the program") {
  const Program program = wave_program("net", kRows, kColumns);
  const std::string text = *emit(program, Emit::llvm);
  CHECK_THAT(text, Contains("define dso_local i32 @net_run(ptr %context, ptr %input, ptr %output, "
                            "ptr %workspace)"));
  CHECK_THAT(text, Contains("define internal noundef i32 @net_wave("));
  CHECK_THAT(text,
             Contains("@net_weights = internal constant [792 x i8] zeroinitializer, align 64"));
  CHECK_THAT(*emit(program, Emit::assembly), Contains("net_run:"));
}

TEST_CASE("frame pointers and unwind tables are there where they are wanted") {
  Program program = wave_program("net", kRows, kColumns);
  CHECK(emit(program, Emit::assembly)->find(".cfi_def_cfa") == std::string::npos);
  program.is_unwindable = true;
  CHECK_THAT(*emit(program, Emit::assembly), Contains(".cfi_def_cfa_register"));
  Loaded loaded(program);
  CHECK(loaded.call(nullptr) == CNNC_OK);
  check_output(loaded);
}

TEST_CASE("parts that no entry uses are left out") {
  Program program = wave_program("net", kRows, kColumns);
  program.entries.pop_back();
  const std::string text = *emit(program, Emit::llvm);
  CHECK(text.find("net_weights") == std::string::npos);
  program.entries[0].bodies[0].calls.pop_back();
  CHECK(emit(program, Emit::llvm)->find("net_sum") == std::string::npos);
}

TEST_CASE("kernels that need more than the runtime has are bugs") {
  Program program = wave_program("net", kRows, kColumns);
  program.kernels[0] = test::heap_kernel("greedy", kRows * kColumns);
  CHECK_THROWS_WITH(emit(program, Emit::object), Contains("kernel greedy calls halide_malloc"));
}

TEST_CASE("buffers that do not fit are bugs") {
  const Program good = wave_program("net", kRows, kColumns);
  Program program = good;
  program.entries[0].parameters[0].bytes -= 4;
  CHECK_THROWS_WITH(emit(program, Emit::object),
                    Contains("net_run: argument 0 of net_wave: needs bytes 0 to 792 of 788"));
  program = good;
  program.entries[1].bodies[0].calls[0].buffers[0].offset = 4;
  CHECK_THROWS_AS(emit(program, Emit::object), InternalError);
  program = good;
  program.entries[0].bodies[0].calls[0].buffers.pop_back();
  CHECK_THROWS_WITH(emit(program, Emit::object), Contains("net_wave takes 2 buffers, got 1"));
  program = good;
  program.entries[0].bodies[0].calls[0].buffers[0].index = 9;
  CHECK_THROWS_AS(emit(program, Emit::object), InternalError);
  program = good;
  program.kernels[1].name = program.kernels[0].name;
  CHECK_THROWS_WITH(emit(program, Emit::object), Contains("two symbols net_wave"));
  program = good;
  program.kernels[0].bitcode = "no bitcode";
  CHECK_THROWS_AS(emit(program, Emit::object), InternalError);
}

TEST_CASE("a large constant keeps its bytes and its alignment") {
  constexpr int kCount = 15 << 18;  // 15 MB of floats
  constexpr int kSlice = 1000;
  Program program;
  program.name = "big";
  program.kernels = {test::wave_kernel("big_wave", kSlice, 0.0F)};
  std::vector<float> weights(kCount);
  for (int i = 0; i < kCount; ++i) weights[i] = static_cast<float>(i % 9973) * 0.001F;
  program.constants = {{"big_weights", std::string(reinterpret_cast<const char*>(weights.data()),
                                                   weights.size() * sizeof(float))}};
  Entry entry;
  entry.name = "big_run";
  entry.parameters = {{"output", kSlice * 4, 4, ParameterRole::block}};
  const int64_t offset = int64_t{kCount - kSlice} * 4;
  entry.bodies = {{{{0,
                     {buffer(BufferBase::constant, 0, {kSlice}, offset),
                      buffer(BufferBase::pointer, 0, {kSlice})}}},
                   0,
                   1}};
  program.entries = {entry};
  const LoadedObject object = *load_object("big", *emit(program, Emit::object));
  std::vector<float> output(kSlice);
  auto* run = reinterpret_cast<int (*)(const cnnc_context*, float*)>(object.find("big_run"));
  REQUIRE(run(nullptr, output.data()) == CNNC_OK);
  for (int i = 0; i < kSlice; ++i) {
    CHECK(output[i] == Approx(std::exp(weights[kCount - kSlice + i])));
  }
}

TEST_CASE("objects for other machines") {
  struct Case {
    const char* target;
    uint16_t machine;
    unsigned flags;
  };
  const auto [target, machine, flags] =
      GENERATE(Case{"arm-64-linux", llvm::ELF::EM_AARCH64, 0},
               Case{"arm-32-linux", llvm::ELF::EM_ARM, llvm::ELF::EF_ARM_EABI_VER5},
               Case{"riscv-64-linux-rvv-vector_bits_128", llvm::ELF::EM_RISCV,
                    llvm::ELF::EF_RISCV_FLOAT_ABI_DOUBLE},
               Case{"x86-64-linux-sse41", llvm::ELF::EM_X86_64, 0},
               Case{"x86-64-linux-avx-avx2-fma-f16c", llvm::ELF::EM_X86_64, 0});
  INFO(target);
  KernelOptions options;
  options.target = target;
  const std::string object = *emit(wave_program("net", kRows, kColumns, options), Emit::object);
  auto file = llvm::cantFail(
      llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, target)));
  const auto& elf = llvm::cast<llvm::object::ELFObjectFileBase>(*file);
  CHECK(elf.getEMachine() == machine);
  CHECK((elf.getPlatformFlags() & flags) == flags);
  CHECK(external_symbols(object) == std::vector<std::string>{"net_bias", "net_run"});
}

TEST_CASE("an object for WebAssembly") {
  KernelOptions options;
  options.target = "wasm-32-wasmrt";
  const std::string object = *emit(wave_program("net", kRows, kColumns, options), Emit::object);
  CHECK(object.substr(0, 4) == std::string("\0asm", 4));
}

TEST_CASE("what objects need is given in C's names") {
  KernelOptions options;
  options.target = GENERATE("arm-64-osx", "x86-32-windows", "x86-64-linux");
  const std::string object = *emit(wave_program("net", kRows, kColumns, options), Emit::object);
  const std::vector<std::string> needed = undefined_symbols(object);
  CHECK(std::count(needed.begin(), needed.end(), "cnnc_parallel_for") == 1);
}

TEST_CASE("cc links objects with the runtime into a C program") {
  const test::TempFolder folder;
  (void)folder.write("one.o", *emit(wave_program("one", kRows, kColumns), Emit::object));
  (void)folder.write("two.o", *emit(wave_program("two", kRows, kColumns), Emit::object));
  (void)folder.write("app.c", R"(
#include <math.h>
#include "cnnc_runtime.h"
int one_run(const cnnc_context*, const float*, float*, void*);
int two_run(const cnnc_context*, const float*, float*, void*);
static float input[198], output[6];
static _Alignas(64) float workspace[198];
int main(void) {
  cnnc_context context;
  cnnc_context_init(&context);
  if (one_run(0, input, output, workspace) != CNNC_OK || fabsf(output[5] - 33) > 1e-3f) return 1;
  if (two_run(&context, input, output, workspace) != CNNC_OK) return 2;
  return one_run(0, 0, output, workspace) == CNNC_INVALID_ARGUMENT ? 0 : 3;
}
)");
  const std::string runtime = test::source_path("runtime");
  const std::string command = "cd " + folder.path() + " && cc -std=gnu11 -I" + runtime +
                              " app.c one.o two.o " + runtime +
                              "/*.c -o app -lpthread -lm && ./app";
  CHECK(test::succeeds(command));
}

}  // namespace
}  // namespace cnnc
