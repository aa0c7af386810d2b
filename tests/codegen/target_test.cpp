// Names of targets, alone and several together.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/codegen/kernel.h"

namespace cnnc {
namespace {

std::string problem(const std::string& text) {
  const Result<std::vector<KernelTarget>> targets = parse_targets(text);
  if (targets) return "";
  const Diagnostic& diagnostic = targets.diagnostics().front();
  return diagnostic.message + (diagnostic.suggestion.empty() ? "" : "; " + diagnostic.suggestion);
}

std::vector<std::string> names(const std::string& text) {
  const std::vector<KernelTarget> targets = *parse_targets(text);
  std::vector<std::string> result;
  for (const KernelTarget& target : targets) result.push_back(target.name);
  return result;
}

}  // namespace

TEST_CASE("every alias is a target", "[target]") {
  for (const auto& [alias, meaning] : target_aliases()) {
    INFO(alias << " means " << meaning);
    REQUIRE(parse_target(alias).ok());
    CHECK(parse_target(alias)->machine.lanes >= 4);
    CHECK(parse_target(meaning).ok());
  }
  CHECK(parse_target("x86-64-v4")->machine.lanes == 16);
  CHECK(parse_target("x86-64-v3")->cpu == "x86-64-v3");
  CHECK(parse_target("x86-64-v3-windows")->halide == "x86-64-windows-avx-avx2-f16c-fma-sse41");
  CHECK(parse_target("arm-64-osx")->halide == "arm-64-osx");
  CHECK(parse_target("wasm-32")->halide == "wasm-32-wasmrt-wasm_simd128");
}

TEST_CASE("several targets are ordered by what they need", "[target]") {
  CHECK(names("x86-64-v2,x86-64-v4,x86-64-v3,x86-64") ==
        std::vector<std::string>{"x86-64-v4", "x86-64-v3", "x86-64-v2", "x86-64"});
  CHECK(names("arm-64") == std::vector<std::string>{"arm-64"});
  CHECK(names("host") == std::vector<std::string>{"host"});
#ifdef __x86_64__
  CHECK(names("portable") == std::vector<std::string>{"x86-64-v4", "x86-64-v3", "x86-64-v2"});
#endif
}

TEST_CASE("targets that do not go together are refused", "[target]") {
  CHECK(problem("x86-64-v2,x86-64-v5") == "unknown target \"x86-64-v5\"; x86-64-v2");
  CHECK(problem("") == "unknown target \"\"");
  CHECK(problem("x86-64-v2,") == "unknown target \"\"");
  CHECK(problem("avx2,avx2") == "target \"avx2,avx2\" has \"avx2\" twice");
  CHECK(problem("x86-64-v2,arm-64") ==
        "targets of one object have one processor and one system, but \"x86-64-v2\" and \"arm-64\" "
        "do not");
  CHECK(problem("x86-64-v2,x86-64-v3-windows").find("one system") != std::string::npos);
  CHECK(problem("arm-64,arm-64-linux-sve2-vector_bits_128").find("only x86") != std::string::npos);
}

}  // namespace cnnc
