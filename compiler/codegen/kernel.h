// Kernels: a group of the plan becomes Halide Funcs, gets its schedule, and is compiled to bitcode.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/packing.h"
#include "compiler/plan/plan.h"
#include "schedules/schedule.h"
#include "schedules/tuned.h"

namespace cnnc {

// See KernelTarget::compile_budget.
inline constexpr int64_t kCompileBudget = 4096;

// The target of kernels and of the program around them.
struct KernelTarget {
  std::string name;    // as it was asked for
  std::string halide;  // Halide's target string, without the features that are ours to choose
  std::string cpu;     // LLVM's name of the least processor; empty: as Halide has it
  Machine machine;
  bool checked = false;                     // asserts that accesses are in bounds: for tests
  bool winograd = true;                     // allows Winograd's algorithm
  std::shared_ptr<const TunedTable> tuned;  // goes before the rules; null: nothing does
  // Vector multiply-adds that a schedule may unroll; a kernel with more gets a simpler schedule. A
  // bound on its code and on the time to compile it that gives the same bytes on every machine.
  int64_t compile_budget = kCompileBudget;
};

// "host", Halide's target strings, and friendly names: "x86-64-v3", "x86-64-v3-windows", "arm-64",
// ...
Result<KernelTarget> parse_target(const std::string& text);
// Several of them, separated by commas, whose code goes into one object: the one that needs most of
// the processor comes first. "portable" stands for those of this machine's architecture.
Result<std::vector<KernelTarget>> parse_targets(const std::string& text);
// Whether this machine can run code for it.
[[nodiscard]] bool runs_here(const KernelTarget& target);
// The names parse_target knows besides Halide's, with what they stand for; for --help.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> target_aliases();

// A buffer that a kernel's function takes, in the order of its parameters.
struct KernelArgument {
  ValueId value = kNoValue;  // kNoValue: scratch memory of the kernel
  WeightPacking packing;     // of a constant
  DType dtype = DType::f32;
  int64_t alignment = kAlignment;  // bytes; the caller's buffers are aligned as their elements only
  std::vector<int64_t> extents;    // Halide's dimensions, innermost argument first
  std::vector<int64_t> strides;
};

struct KernelSpec {
  Problem problem;
  Params params;
  std::vector<KernelArgument> arguments;  // inputs, outputs, scratch
  std::string signature;                  // kernels with the same signature are the same code
  Diagnostics diagnostics;                // errors: a tuned entry is impossible; notes
  Span tuned;                             // the entry that the params are from; no source: a rule's
};

// What the kernels of several versions and batches agree on, so that they read the same constants.
struct SharedPacking {
  // Channels of a panel, a multiple of every version's lanes; 0: each kernel's own choice.
  int64_t panel = 0;
  // Parameters by name: for which tiles of Winograd's algorithm the first kernel that reads them
  // takes them transformed; 0: for none. See WeightPacking.
  std::map<std::string, int64_t> winograd;
};

// What is to be computed and how, without compiling anything. Constants that the kernel's schedule
// wants packed say so in their argument.
[[nodiscard]] KernelSpec describe_kernel(const Graph& graph, const Kernel& kernel,
                                         const std::vector<Placement>& placements, Layout layout,
                                         const KernelTarget& target,
                                         const SharedPacking& shared = {});

enum class KernelForm { bitcode, statement };  // LLVM bitcode, or Halide's lowered loops as text

// The code of a kernel, as a function called `function`. Throws InternalError where Halide refuses:
// the schedule is wrong.
[[nodiscard]] std::string compile_kernel(const Graph& graph, const Kernel& kernel,
                                         const KernelSpec& spec, const KernelTarget& target,
                                         const std::string& function, KernelForm form);

}  // namespace cnnc
