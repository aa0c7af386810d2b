// Tested by tests/tools/cnnc_command_test.py.
#include "tools/bench/explain_model.h"

#include <cstdio>

#include "compiler/driver/compile_target.h"
#include "compiler/driver/explain.h"
#include "tools/bench/workload.h"

namespace cnnc {
namespace {

constexpr int kRounds = 30;

Result<std::string> measured_text(Workload& workload, const KernelTarget& target,
                                  const CompileOptions& compilation) {
  const Status loaded = workload.load(true, compilation.threads, compilation.use_cache);
  if (!loaded) return loaded.diagnostics();
  const Threads threads(1);
  const std::vector<Blueprint::Call> calls = workload.calls();
  std::vector<Row> rows(calls.size());
  std::vector<std::function<void()>> functions;
  for (size_t i = 0; i < calls.size(); ++i) {
    rows[i].flops = calls[i].flops;
    functions.push_back(workload.function(threads, i));
  }
  Limits limits(target.machine, workload.weight_bytes());
  measure(rows, functions, kRounds, Caches::as_in_order, limits);
  std::vector<Measured> measured;
  for (const Row& row : rows) {
    const double gflops = static_cast<double>(row.flops) / row.median_ms() / 1e6;
    measured.push_back({row.median_ms(), gflops / limits.peak_gflops()});
  }
  char machine[96];
  std::snprintf(machine, sizeof machine,
                "measured on one thread beside a peak of %.1f GFLOP/s, as the median of %d calls\n",
                limits.peak_gflops(), kRounds);
  return explain(calls, measured) + machine;
}

// The kernels for one target and one number of images.
Result<std::string> explain_one(const Model& model, int64_t batch, const KernelTarget& target,
                                const CompileOptions& compilation, const ExplainOptions& options) {
  Result<Workload> workload = options.training
                                  ? Workload::training(model.description(), target)
                                  : Workload::inference(model.description(), batch, target);
  if (!workload) return workload.diagnostics();
  const Status possible = workload->check();
  if (!possible) return possible.diagnostics();
  if (options.measure && runs_here(target)) return measured_text(*workload, target, compilation);
  return explain(workload->calls());
}

}  // namespace

Result<std::string> explain_model(const Model& model, const CompileOptions& compilation,
                                  const ExplainOptions& options) {
  const Result<std::vector<KernelTarget>> targets =
      compile_targets(compilation, model.description());
  if (!targets) return targets.diagnostics();
  // A training step has the description's batch.
  std::vector<int64_t> batches = compilation.batches;
  if (options.training) batches = {model.batch_size()};
  std::string result;
  for (const KernelTarget& target : *targets) {
    for (int64_t batch : batches) {
      const Result<std::string> text = explain_one(model, batch, target, compilation, options);
      if (!text) return text.diagnostics();
      if (targets->size() * batches.size() > 1) {
        result += (result.empty() ? "" : "\n") + target.name + ", batch " + std::to_string(batch) +
                  "\n\n";
      }
      result += *text;
    }
  }
  return result;
}

}  // namespace cnnc
