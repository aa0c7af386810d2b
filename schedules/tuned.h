// Params that were found by measuring: data that goes before the rules.
#pragma once
#include <string>
#include <vector>

#include "compiler/support/diagnostics.h"
#include "schedules/schedule.h"

namespace cnnc {

// A number of a Problem, by name.
struct ProblemField {
  const char* name;
  bool is_flag;
  int64_t (*get)(const Problem&);
  void (*set)(Problem&, int64_t);
};
// All of a Problem but its family and VectorDimension; what a rule reads is among them.
[[nodiscard]] const std::vector<ProblemField>& problem_fields();
// Text that is the same for equal problems only.
[[nodiscard]] std::string key_of(const Problem& problem);

// A number of Params that a search may set, by name. The others follow from these.
struct ParamField {
  const char* name;
  int64_t Params::* number;
};
[[nodiscard]] const std::vector<ParamField>& param_fields();

// Params for a problem on a target, and where they come from.
struct TunedEntry {
  std::string target;  // Halide's target string
  Problem problem;
  Params params;  // schedule, the numbers of param_fields() and the flags
  Span place;     // in the file

  // For people.
  std::string kernel;   // where the problem was met
  std::string machine;  // on which it was measured
  std::string date;
  int64_t threads = 1;
  double rule_ms = 0, ms = 0;
};

class TunedTable {
 public:
  TunedTable() = default;
  // Of several entries for one problem and target, the last stands.
  explicit TunedTable(const std::vector<TunedEntry>& entries);

  void set(const TunedEntry& entry);
  void remove(const std::string& target, const Problem& problem);
  // Null: there is none.
  [[nodiscard]] const TunedEntry* find(const std::string& target, const Problem& problem) const;
  // By target, then problem.
  [[nodiscard]] std::vector<TunedEntry> entries() const;

 private:
  std::map<std::string, TunedEntry> by_key_;
};

}  // namespace cnnc
