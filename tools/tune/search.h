// The search for Params that are faster than the rules', kernel by kernel.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/tune/kernel_trial.h"

namespace cnnc {

// Of a time: less is faster, more is noise.
inline constexpr double kNoise = 0.98;

struct SearchOptions {
  std::chrono::steady_clock::time_point end;  // when the budget is spent
  int compile_threads = 1;
  int threads = 1;  // that run the kernels
  uint64_t seed = 0;
  std::function<bool()> stop;  // asked after every candidate
};

// What became of a kernel.
struct KernelResult {
  std::string kernel;
  Problem problem;
  Params rule, best;
  double rule_ms = 0, best_ms = 0;
  int64_t tried = 0;     // candidates that were compiled
  int64_t rejected = 0;  // of them: not compiled, or wrong
  std::string note;      // why it was not searched, or ""

  // By more than the noise of measurements.
  [[nodiscard]] bool is_better() const { return best_ms < kNoise * rule_ms; }
};

// Goes through the distinct kernels of the workload that have neighbours, those that take most time
// first, until the budget is spent or stop() asks to. A candidate becomes the best if its results
// agree with those of the generic schedule and two comparisons, in turn with the best so far, find
// it faster by more than the noise. `earlier` has entries to start from. `on_result` is told of
// every improvement and, with is_final, of every kernel.
void search(const Workload& workload, const KernelTarget& target, const TunedTable& earlier,
            const SearchOptions& options,
            const std::function<void(const KernelResult&, bool is_final)>& on_result);

}  // namespace cnnc
