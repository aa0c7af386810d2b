// The targets as options know them. A file of its own, because it alone needs Halide's header.
#include "compiler/codegen/kernel.h"
#include "tools/cli/tool.h"

namespace cnnc::cli {

CLI::Validator known_target() {
  const auto check = [](std::string& text) -> std::string {
    const Result<KernelTarget> target = parse_target(text);
    if (target) return {};
    const Diagnostic& problem = target.diagnostics().front();
    if (problem.suggestion.empty()) return problem.message;
    return problem.message + ", did you mean \"" + problem.suggestion + "\"?";
  };
  return {check, ""};
}

std::string target_help() {
  constexpr size_t kNameWidth = 12;
  std::string text = "  host        this machine (the default)\n";
  for (auto [alias, meaning] : target_aliases()) {
    alias.resize(std::max(alias.size() + 1, kNameWidth), ' ');
    text.append("  ").append(alias).append(meaning).append("\n");
  }
  return text;
}

bool runs_here(const std::string& target) {
  const Result<KernelTarget> parsed = parse_target(target);
  return parsed && cnnc::runs_here(*parsed);
}

}  // namespace cnnc::cli
