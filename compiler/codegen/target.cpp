// Tested by tests/codegen/target_test.cpp.
#include <algorithm>
#include <sstream>

#include <Halide.h>

#include "compiler/codegen/kernel.h"

namespace cnnc {
namespace {

constexpr const char* kPortableX86 = "x86-64-v2,x86-64-v3,x86-64-v4";

// Vector registers that a tile may fill.
int usable_registers(const Halide::Target& target) {
  if (target.arch == Halide::Target::X86) {
    return target.has_feature(Halide::Target::AVX512) ? 32 : 16;
  }
  // Of NEON's 32, tiles over 27 spill.
  if (target.arch == Halide::Target::ARM) return target.bits == 64 ? 27 : 15;
  return target.arch == Halide::Target::RISCV ? 32 : 16;
}

// The second-level cache of a core, as small as processors with those vectors commonly have it.
int64_t second_level_bytes(const Halide::Target& target) {
  const bool is_large =
      target.arch != Halide::Target::X86 || target.has_feature(Halide::Target::AVX512);
  return is_large ? 1 << 20 : 512 << 10;
}

// A name of ours for a machine. It may end with a system, "arm-64-android"; alone it means the
// first of its systems.
struct Alias {
  const char* name;
  const char* processor;  // as Halide says it
  const char* features;
  const char* cpu;  // LLVM's name; empty: as Halide has it
  std::vector<const char*> systems;
};

const std::vector<Alias>& aliases() {
  // Levels of x86-64 are those of its psABI.
  constexpr const char* kV2 = "-sse41";
  constexpr const char* kV3 = "-sse41-avx-avx2-f16c-fma";
  constexpr const char* kV4 = "-sse41-avx-avx2-f16c-fma-avx512-avx512_skylake";
  static const std::vector<const char*> kDesktops = {"linux", "windows", "osx", "android", "noos"};
  static const std::vector<Alias> kAliases = {
      {"x86-64", "x86-64", "", "x86-64", kDesktops},
      {"x86-64-v2", "x86-64", kV2, "x86-64-v2", kDesktops},
      {"x86-64-v3", "x86-64", kV3, "x86-64-v3", kDesktops},
      {"x86-64-v4", "x86-64", kV4, "x86-64-v4", kDesktops},
      {"sse41", "x86-64", kV2, "", {"linux"}},
      {"avx2", "x86-64", kV3, "", {"linux"}},
      {"avx512", "x86-64", kV4, "", {"linux"}},
      {"arm-64", "arm-64", "", "", {"linux", "windows", "osx", "ios", "android", "noos"}},
      {"riscv-64", "riscv-64", "-rvv-vector_bits_128", "", {"linux", "noos"}},
      {"wasm-32", "wasm-32", "-wasm_simd128", "", {"wasmrt"}},
  };
  return kAliases;
}

std::string meaning_of(const Alias& alias, const std::string& system) {
  return std::string(alias.processor) + "-" + system + alias.features;
}

// The number of features that Halide knows of the target: what needs more comes first.
int feature_count(const KernelTarget& target) {
  const Halide::Target parsed(target.halide);
  int count = 0;
  for (int i = 0; i < Halide::Target::FeatureEnd; ++i) {
    count += parsed.has_feature(static_cast<Halide::Target::Feature>(i)) ? 1 : 0;
  }
  return count;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text + ",");
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> target_aliases() {
  std::vector<std::pair<std::string, std::string>> result;
  for (const Alias& alias : aliases()) {
    result.emplace_back(alias.name, meaning_of(alias, alias.systems.front()));
  }
  return result;
}

Result<KernelTarget> parse_target(const std::string& text) {
  KernelTarget result;
  result.halide = text;
  std::vector<std::string> names = {"host", "portable"};
  for (const Alias& alias : aliases()) {
    names.emplace_back(alias.name);
    for (const char* system : alias.systems) {
      const std::string with_system = std::string(alias.name) + "-" + system;
      if (alias.systems.size() > 1) names.push_back(with_system);
      const bool is_first = system == alias.systems.front();
      if (text != with_system && !(is_first && text == alias.name)) continue;
      result.halide = meaning_of(alias, system);
      result.cpu = alias.cpu;
    }
  }
  if (text == "host") result.halide = Halide::get_host_target().to_string();
  if (!Halide::Target::validate_target_string(result.halide)) {
    Diagnostic diagnostic = error("unknown target \"" + text + "\"");
    diagnostic.suggestion = nearest(text, names);
    return diagnostic;
  }
  result.name = text;
  try {
    const Halide::Target target(result.halide);
    result.halide = target.to_string();
    result.machine.lanes = target.natural_vector_size<float>();
    // Halide 21 cannot generate code of Winograd's schedule for vectors of unknown length.
    result.winograd = !target.has_feature(Halide::Target::RVV);
    result.machine.registers = usable_registers(target);
    result.machine.l2_bytes = second_level_bytes(target);
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

Result<std::vector<KernelTarget>> parse_targets(const std::string& text) {
  const Halide::Target host = Halide::get_host_target();
  const bool is_x86 = host.arch == Halide::Target::X86 && host.bits == 64;
  const std::string portable = is_x86                             ? kPortableX86
                               : host.arch == Halide::Target::ARM ? "arm-64"
                                                                  : "host";
  std::vector<KernelTarget> result;
  for (const std::string& part : split_at_commas(text == "portable" ? portable : text)) {
    Result<KernelTarget> target = parse_target(part);
    if (!target) return target.diagnostics();
    for (const KernelTarget& other : result) {
      if (other.halide == target->halide && other.cpu == target->cpu) {
        std::string message = "target \"" + text;
        message += "\" has \"" + part + "\" twice";
        return error(std::move(message));
      }
    }
    result.push_back(std::move(*target));
  }
  if (result.size() == 1) return result;
  const Halide::Target first(result.front().halide);
  for (const KernelTarget& target : result) {
    const Halide::Target other(target.halide);
    if (other.arch != first.arch || other.bits != first.bits || other.os != first.os) {
      return error("targets of one object have one processor and one system, but \"" +
                   result.front().name + "\" and \"" + target.name + "\" do not");
    }
  }
  if (first.arch != Halide::Target::X86) {
    return error(
        "only x86 processors tell an object at run time what they can: give one target, "
        "not \"" +
        text + "\"");
  }
  std::stable_sort(result.begin(), result.end(), [](const KernelTarget& a, const KernelTarget& b) {
    if (a.machine.lanes != b.machine.lanes) return a.machine.lanes > b.machine.lanes;
    return feature_count(a) > feature_count(b);
  });
  return result;
}

}  // namespace cnnc
