// Tested by tests/driver/tuned_file_test.cpp.
#include "compiler/codegen/choice.h"

#include <cstdio>

namespace cnnc {
namespace {

// For people.
std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g ms", value);
  return text;
}

}  // namespace

Params choose_params(const KernelTarget& target, const std::string& kernel, KernelSpec& spec) {
  const Problem& problem = spec.problem;
  Params params = choose(problem);
  const TunedEntry* entry =
      target.tuned == nullptr ? nullptr : target.tuned->find(target.halide, problem);
  if (entry != nullptr) {
    const std::string why_not = obstacle(problem, entry->params);
    if (why_not.empty()) {
      params = completed(problem, entry->params);
      spec.tuned = entry->place;
      params.why = "tuned: " + milliseconds(entry->ms) + " where the rule's choice takes " +
                   milliseconds(entry->rule_ms) + " (" + entry->machine + ", " + entry->date + ")";
    } else {
      spec.diagnostics.push_back({Severity::error,
                                  "this entry cannot compute kernel " + kernel + ", " +
                                      to_string(problem) + ": " + entry->params.schedule + ": " +
                                      why_not,
                                  entry->place, "", ""});
    }
  }
  const int64_t needed = unrolled(problem, params);
  if (needed <= target.compile_budget) return params;
  for (const Params& other : simpler(problem, params)) {
    if (unrolled(problem, other) > target.compile_budget) continue;
    Diagnostic note =
        error("kernel " + kernel + ": " + to_string(params) + " would unroll " +
              std::to_string(needed) + " vector operations, more than the compile budget of " +
              std::to_string(target.compile_budget) + "; it gets " + to_string(other) +
              " instead, which may be slower");
    note.severity = Severity::note;
    spec.diagnostics.push_back(std::move(note));
    spec.tuned = {};
    params = other;
    params.why = "over the compile budget: " + other.why;
    break;
  }
  return params;
}

}  // namespace cnnc
