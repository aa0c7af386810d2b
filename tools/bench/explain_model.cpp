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

}  // namespace

Result<std::string> explain_model(const Model& model, const CompileOptions& compilation,
                                  const ExplainOptions& options) {
  const Result<KernelTarget> target = compile_target(compilation, model.description());
  if (!target) return target.diagnostics();
  Result<Workload> workload =
      options.training ? Workload::training(model.description(), *target)
                       : Workload::inference(model.description(), compilation.batch, *target);
  if (!workload) return workload.diagnostics();
  const Status possible = workload->check();
  if (!possible) return possible.diagnostics();
  if (options.measure) return measured_text(*workload, *target, compilation);
  return explain(workload->calls());
}

}  // namespace cnnc
