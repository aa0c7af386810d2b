// One kernel of a network, computed and timed with one choice of Params after another.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tools/bench/workload.h"

namespace cnnc {

// The kernel as compiled with some Params.
struct Variant {
  Params params;
  std::unique_ptr<LoadedObject> object;
  void* entry = nullptr;
};

// Medians of two variants that were timed in turn.
struct TimesInTurn {
  double first_ms = 0, second_ms = 0;
};

// All variants run on the same memory. Inputs are drawn at random, from the seed.
class KernelTrial {
 public:
  // Kernel number `call` of the workload, which must outlive this, as must `threads`.
  KernelTrial(const Workload& workload, size_t call, const KernelTarget& target,
              const Threads& threads, uint64_t seed);

  // Safe to call on several threads. Nothing where the compiler refuses the Params.
  [[nodiscard]] std::optional<Variant> compile(const Params& params) const;
  // Computes the outputs to which verify() compares. What is wrong, or "".
  [[nodiscard]] std::string set_reference(const Params& params);
  // Runs the variant, and the same Params with run-time checks of every access. What is wrong, or
  // "": results may differ from the reference's by rounding errors of sums of that length.
  [[nodiscard]] std::string verify(const Variant& variant);
  // Times both in turn, `rounds` times. Gives up early where the second is much slower.
  [[nodiscard]] TimesInTurn compare(const Variant& first, const Variant& second, int rounds);

  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  [[nodiscard]] Blueprint blueprint(const Params& params, bool checked) const;
  [[nodiscard]] std::optional<Variant> compile(const Params& params, bool checked) const;
  [[nodiscard]] uint8_t* address(ValueId id) const;
  void reset();  // the inputs
  int run(const Variant& variant);
  [[nodiscard]] std::string difference() const;

  const Workload& workload_;
  KernelTarget target_;
  const Threads& threads_;
  Plan plan_;  // of the one kernel
  Problem problem_;
  int64_t workspace_bytes_;
  AlignedMemory workspace_;
  std::vector<void*> arguments_;
  struct Content {
    ValueId id = kNoValue;
    std::vector<uint8_t> bytes;
  };
  std::vector<Content> inputs_, outputs_;  // the outputs are the reference's
};

}  // namespace cnnc
