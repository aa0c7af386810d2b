// The targets as options know them. A file of its own, because it alone needs Halide's header.
#include <algorithm>

#include "compiler/codegen/kernel.h"
#include "tools/cli/tool.h"

namespace cnnc::cli {

namespace {

std::string message_of(const Diagnostics& diagnostics) {
  const Diagnostic& problem = diagnostics.front();
  if (problem.suggestion.empty()) return problem.message;
  return problem.message + ", did you mean \"" + problem.suggestion + "\"?";
}

}  // namespace

CLI::Validator known_target() {
  const auto check = [](std::string& text) -> std::string {
    const Result<KernelTarget> target = parse_target(text);
    return target ? "" : message_of(target.diagnostics());
  };
  return {check, ""};
}

CLI::Validator known_targets() {
  const auto check = [](std::string& text) -> std::string {
    const Result<std::vector<KernelTarget>> targets = parse_targets(text);
    return targets ? "" : message_of(targets.diagnostics());
  };
  return {check, ""};
}

std::string target_help() {
  constexpr size_t kNameWidth = 12;
  std::string text =
      "  portable    x86-64-v2,x86-64-v3,x86-64-v4 on such a machine: cnnc's default\n"
      "  host        the processor of this machine\n";
  for (auto [alias, meaning] : target_aliases()) {
    alias.resize(std::max(alias.size() + 1, kNameWidth), ' ');
    text.append("  ").append(alias).append(meaning).append("\n");
  }
  return text;
}

bool runs_here(const std::string& target) {
  const Result<std::vector<KernelTarget>> parsed = parse_targets(target);
  return parsed && std::any_of(parsed->begin(), parsed->end(), cnnc::runs_here);
}

}  // namespace cnnc::cli
