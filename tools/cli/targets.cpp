// What options know of targets and schedules. A file of its own, because it alone needs Halide's
// header.
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
  const Result<KernelTarget> parsed = parse_target(target);
  return parsed && cnnc::runs_here(*parsed);
}

}  // namespace cnnc::cli
