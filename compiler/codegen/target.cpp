#include <Halide.h>

#include "compiler/codegen/kernel.h"

namespace cnnc {
namespace {

// Vector registers that a tile may fill.
int usable_registers(const Halide::Target& target) {
  if (target.arch == Halide::Target::X86) {
    return target.has_feature(Halide::Target::AVX512) ? 32 : 16;
  }
  // Of NEON's 32, tiles over 27 spill.
  if (target.arch == Halide::Target::ARM) return target.bits == 64 ? 27 : 15;
  return target.arch == Halide::Target::RISCV ? 32 : 16;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> target_aliases() {
  const std::string v2 = "x86-64-linux-sse41";
  const std::string v3 = v2 + "-avx-avx2-f16c-fma";
  const std::string v4 = v3 + "-avx512-avx512_skylake";
  return {
      {"x86-64", "x86-64-linux"},
      {"x86-64-v2", v2},
      {"x86-64-v3", v3},
      {"x86-64-v4", v4},
      {"sse41", v2},
      {"avx2", v3},
      {"avx512", v4},
      {"arm-64", "arm-64-linux"},
      {"riscv-64", "riscv-64-linux-rvv-vector_bits_128"},
  };
}

Result<KernelTarget> parse_target(const std::string& text) {
  KernelTarget result;
  result.halide = text;
  std::vector<std::string> names = {"host"};
  for (const auto& [alias, meaning] : target_aliases()) {
    names.push_back(alias);
    if (text == alias) result.halide = meaning;
  }
  if (text == "host") result.halide = Halide::get_host_target().to_string();
  if (!Halide::Target::validate_target_string(result.halide)) {
    Diagnostic diagnostic = error("unknown target \"" + text + "\"");
    diagnostic.suggestion = nearest(text, names);
    return diagnostic;
  }
  try {
    const Halide::Target target(result.halide);
    result.halide = target.to_string();
    result.machine.lanes = target.natural_vector_size<float>();
    result.machine.registers = usable_registers(target);
  } catch (const Halide::Error& e) {
    return error("target \"" + text + "\": " + e.what());
  }
  return result;
}

bool runs_here(const KernelTarget& target) {
  const Halide::Target wanted(target.halide);
  const Halide::Target host = Halide::get_host_target();
  if (wanted.os != host.os || wanted.arch != host.arch || wanted.bits != host.bits) return false;
  for (int i = 0; i < Halide::Target::FeatureEnd; ++i) {
    const auto feature = static_cast<Halide::Target::Feature>(i);
    if (wanted.has_feature(feature) && !host.has_feature(feature)) return false;
  }
  return true;
}

}  // namespace cnnc
