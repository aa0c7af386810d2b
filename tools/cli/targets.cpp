// What options know of targets and schedules. A file of its own, because it alone needs Halide's
// header.
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

void add_schedule_options(CLI::App& app, std::string& tuned, int64_t& compile_budget) {
  app.add_option("--tuned", tuned,
                 "Schedules that cnnc-tune found; they go before\n"
                 "the rules")
      ->type_name("FILE")
      ->group("Compilation");
  app.add_option("--compile-budget", compile_budget,
                 "Vector operations that a kernel may unroll; one\n"
                 "with more gets a simpler schedule. Default: " +
                     std::to_string(kCompileBudget))
      ->type_name("N")
      ->check(whole_number(1, int64_t{1} << 40))
      ->group("Compilation");
}

bool runs_here(const std::string& target) {
  const Result<std::vector<KernelTarget>> parsed = parse_targets(target);
  return parsed && std::any_of(parsed->begin(), parsed->end(), cnnc::runs_here);
}

}  // namespace cnnc::cli
