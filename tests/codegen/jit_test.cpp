// Object bytes run in this process; bytes that cannot are refused with a reason.
#include "compiler/codegen/jit.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <llvm/ExecutionEngine/Orc/TargetProcess/JITLoaderGDB.h>

#include "compiler/codegen/object.h"
#include "compiler/codegen/program.h"
#include "runtime/cnnc_runtime.h"
#include "tests/codegen/kernels.h"
#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

using RunFunction = int(const cnnc_context*, const float*, float*, void*);

std::string problem(const std::string& bytes) {
  const Result<LoadedObject> object = load_object("net", bytes);
  return object ? "" : render(object.diagnostics());
}

// The object with every `from` in its bytes replaced by a `to` of the same length.
std::string with(std::string object, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  size_t at = object.find(from);
  REQUIRE(at != std::string::npos);
  for (; at != std::string::npos; at = object.find(from, at)) object.replace(at, from.size(), to);
  return object;
}

float run_once(const LoadedObject& object) {
  alignas(64) float workspace[8] = {};
  const float input[8] = {};
  float output[2] = {};
  auto* run = reinterpret_cast<RunFunction*>(object.find("net_run"));
  return run(nullptr, input, output, workspace) == CNNC_OK ? output[1] : -1;
}

TEST_CASE("a loaded object finds its entries and nothing else") {
  const std::string bytes = *emit(test::wave_program("net", 2, 4), Emit::object);
  LoadedObject object = *load_object("net", bytes);
  CHECK(object.find("net_run") != nullptr);
  CHECK(object.find("net_wave") == nullptr);
  CHECK(object.find("cnnc_parallel_for") == nullptr);
  CHECK(object.find("memcpy") == nullptr);
  LoadedObject moved = std::move(object);
  CHECK(run_once(moved) == 4);
  moved = *load_object("net", bytes);
  CHECK(run_once(moved) == 4);
}

TEST_CASE("perf learns the names of functions where it is to") {
  const std::string bytes = *emit(test::wave_program("named", 2, 4), Emit::object);
  const std::string map = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
  CHECK(load_object("named", bytes).ok());
  CHECK_THAT(test::file_bytes(map), !Contains("named_wave"));
  {
    const LoadedObject object = *load_object("named", bytes, Announce::functions);
    void* run = object.find("named_run");
    REQUIRE(run != nullptr);
    char address[32];
    std::snprintf(address, sizeof address, "%llx ",
                  static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(run)));
    const std::string lines = test::file_bytes(map);
    INFO(lines);
    CHECK_THAT(lines, Contains(" named_run\n"));
    CHECK_THAT(lines, Contains(" named_wave\n"));
    CHECK_THAT(lines, Contains(address));
  }
  ::unlink(map.c_str());
}

// What gdb reads: LLVM's side of gdb's interface for JITs.
extern "C" jit_descriptor __jit_debug_descriptor;  // NOLINT: gdb names them

// How many objects that gdb knows have a symbol of that name.
int known_to_gdb(const std::string& symbol) {
  int count = 0;
  for (const jit_code_entry* entry = __jit_debug_descriptor.first_entry; entry != nullptr;
       entry = entry->next_entry) {
    const std::string_view object(entry->symfile_addr, entry->symfile_size);
    count += object.find(symbol) != std::string_view::npos;
  }
  return count;
}

TEST_CASE("gdb learns the names of functions where it is to") {
  const std::string bytes = *emit(test::wave_program("debugged", 2, 4), Emit::object);
  const LoadedObject quiet = *load_object("debugged", bytes);
  CHECK(known_to_gdb("debugged_wave") == 0);
  {
    const LoadedObject object = *load_object("debugged", bytes, Announce::functions);
    CHECK(known_to_gdb("debugged_wave") == 1);
  }
  CHECK(known_to_gdb("debugged_wave") == 0);
  ::unlink(("/tmp/perf-" + std::to_string(::getpid()) + ".map").c_str());
}

TEST_CASE("objects of the same name load side by side, on any thread") {
  const std::string bytes = *emit(test::wave_program("net", 2, 4), Emit::object);
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  threads.reserve(right.size());
  for (size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&bytes, &right, t] {
      for (int i = 0; i < 5; ++i) {
        const Result<LoadedObject> object = load_object("net", bytes);
        right[t] += object.ok() && run_once(*object) == 4;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == std::vector<int>(4, 5));
}

TEST_CASE("programs are made on several threads") {
  const Program program = test::wave_program("net", 2, 4);
  const std::string expected = *emit(program, Emit::object);
  std::vector<std::thread> threads;
  std::vector<std::string> made(4);
  threads.reserve(made.size());
  for (std::string& bytes : made) {
    threads.emplace_back([&bytes, &program] { bytes = *emit(program, Emit::object); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& bytes : made) CHECK(bytes == expected);
}

TEST_CASE("symbols come from the runtime, libc and libm alone") {
  const std::string bytes = *emit(test::wave_program("net", 2, 4), Emit::object);
  // The process has both of these, and they are not on the list.
  const std::string other = with(bytes, "cnnc_parallel_for", "cnnc_pool_destroy");
  CHECK_THAT(problem(other),
             Contains("object net needs cnnc_pool_destroy, which is no symbol of the runtime"));
  CHECK_THAT(problem(with(bytes, std::string("\0sinf\0", 6), std::string("\0puts\0", 6))),
             Contains("object net needs puts"));
}

TEST_CASE("bytes that are no object for this machine are refused") {
  const std::string bytes = *emit(test::wave_program("net", 2, 4), Emit::object);
  CHECK_THAT(problem(""), Contains("error: cannot load object net: "));
  CHECK_THAT(problem("mnist"), Contains("cannot load object net: "));
  for (size_t size : {bytes.size() / 4, bytes.size() / 2, bytes.size() - 1}) {
    INFO(size);
    CHECK_THAT(problem(bytes.substr(0, size)), Contains("cannot load object net: "));
  }
  test::KernelOptions options;
  options.target = "arm-64-linux";
  CHECK_THAT(problem(*emit(test::wave_program("net", 2, 4, options), Emit::object)),
             Contains("it is for aarch64, this process runs on "));
}

}  // namespace
}  // namespace cnnc
