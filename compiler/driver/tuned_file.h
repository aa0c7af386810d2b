// Files of tuned entries, which cnnc-tune writes:
//
//   {"cnnc_tuned": 1,
//    "entries": [
//      {"target": "x86-64-linux-avx-avx2-...", "kernel": "mnist_fc1", "machine": "...",
//       "date": "2026-01-31", "threads": 1, "rule_ms": 0.25, "ms": 0.23,
//       "problem": {"family": "conv", "vectors": "channel", "n": 1, "c": 1024, ...},
//       "params": {"schedule": "conv_channel", "a": 1, "b": 4}}]}
//
// Numbers of a problem or of params that are left out have the values of a new Problem and Params.
// "target", "problem" and "params" are required.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/kernel.h"
#include "compiler/support/result.h"
#include "schedules/tuned.h"

namespace cnnc {

// Diagnostics have the place in the file. Whether an entry's params suit its problem is known where
// that problem is met.
Result<TunedTable> read_tuned(const std::string& path);
[[nodiscard]] std::string tuned_text(const TunedTable& table);

// The target of that name, with the entries of the file; "": without.
Result<KernelTarget> target_with_tuned(const std::string& target, const std::string& tuned_path);
// The same for parse_targets().
Result<std::vector<KernelTarget>> targets_with_tuned(const std::string& targets,
                                                     const std::string& tuned_path);

}  // namespace cnnc
