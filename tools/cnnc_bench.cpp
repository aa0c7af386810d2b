// cnnc-bench: how fast the compiled code is, beside the limits of the machine in the same run.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "cnnc/cnnc.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"
#include "compiler/driver/tuned_file.h"
#include "compiler/frontend/model.h"
#include "tools/bench/measure.h"
#include "tools/bench/problem.h"
#include "tools/bench/workload.h"
#include "tools/cli/tool.h"

namespace cnnc {
namespace {

constexpr int64_t kLastLevel = 12 << 20;  // bytes that only the last cache holds
constexpr int kCompilations = 5;

const char* const kFooter =
    "What is measured:\n"
    "  peak     the machine: fused multiply-adds, and reads\n"
    "  train    a training step of the model (the default)\n"
    "  infer    one inference of the model, with random weights\n"
    "  kernels  every kernel of a training step, or of inference with --infer, in their order;\n"
    "           with --problem, single convolutions, repeated\n"
    "  compile  compiling the training step or, with --infer, inference: cold, and with the "
    "object\n"
    "           in the cache on disk, if there is one\n"
    "\n"
    "ms is the median. FLOPs count 2 per tap, padding taps too, as oneDNN and PyTorch do: code "
    "that\n"
    "skips them may exceed the peak. The shares are of what --threads cores can do.\n"
    "\n"
    "Problems are in benchdnn's notation, mb64ic32ih14oc64oh14kh3ph1, or a file with one a line.\n";

struct Options {
  std::string what = "train";
  std::string model = "models/mnist_cnn.json";
  std::string target = "host";
  std::string tuned;
  std::vector<std::string> problems;
  std::vector<std::string> directions = {"fwd"};
  int64_t batch = 0;
  int threads = 1;
  int repeat = 30;
  bool is_inference = false;
  bool json = false;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), threads_(options.threads) {}

  Status run() {
    Result<KernelTarget> target = target_with_tuned(options_.target, options_.tuned);
    if (!target) return target.diagnostics();
    if (!runs_here(*target)) {
      return error("target \"" + options_.target + "\" is not one that this machine runs");
    }
    target_ = *target;
    if (options_.what == "peak") return peak();
    if (!options_.problems.empty()) return problems();
    const Result<Model> loaded = Model::load(options_.model);
    if (!loaded) return loaded.diagnostics();
    std::optional<ModelDescription> model = loaded->description();
    model_name_ = std::filesystem::path(options_.model).stem().string();
    if (options_.batch > 0) model->batch_size = options_.batch;
    target_.winograd = model->winograd;
    const bool inference = options_.what == "infer" || options_.is_inference;
    if (options_.what == "compile")
      return inference ? compile_infer(*model) : compile_train(*model);
    return time(inference
                    ? Workload::inference(*model, std::max<int64_t>(1, options_.batch), target_)
                    : Workload::training(*model, target_));
  }

 private:
  [[nodiscard]] int rounds() const { return std::max(30, options_.repeat); }

  void print_rows(const std::vector<Row>& rows, const Limits& limits) const {
    print(rows, limits, options_.threads, target_.halide, options_.json ? Form::json : Form::table);
  }

  Status peak() {
    Limits limits(target_.machine, kLastLevel);
    for (int i = 0; i < rounds(); ++i) limits.sample();
    print_rows({}, limits);
    return success();
  }

  // ---- models ----------------------------------------------------------------------------------

  // Times the entry, or each of its kernels.
  Status time(Result<Workload> workload) {
    if (!workload) return workload.diagnostics();
    const bool each = options_.what == "kernels";
    const Status loaded = workload->load(each, 0, true);
    if (!loaded) return loaded.diagnostics();
    const std::vector<Blueprint::Call> calls = workload->calls();
    const int64_t batch = workload->batch(), weight_bytes = workload->weight_bytes();
    std::vector<Row> rows;
    std::vector<std::function<void()>> functions;
    if (each) {
      for (size_t i = 0; i < calls.size(); ++i) {
        const Blueprint::Call& c = calls[i];
        rows.push_back(
            {"kernel", model_name_, c.kernel, to_string(c.params), batch, c.flops, c.bytes, {}});
        functions.push_back(workload->function(threads_, i));
      }
    } else {
      rows.push_back({options_.what, model_name_, "", "", batch, 0, weight_bytes, {}});
      for (const Blueprint::Call& c : calls) rows.back().flops += c.flops;
      functions.push_back(workload->function(threads_));
    }
    Limits limits(target_.machine, weight_bytes);
    measure(rows, functions, rounds(), each ? Caches::as_in_order : Caches::warm, limits);
    print_rows(rows, limits);
    return success();
  }

  // ---- single convolutions ---------------------------------------------------------------------

  Status problems() {
    std::vector<ConvProblem> problems;
    for (const std::string& text : options_.problems) {
      const Result<std::vector<ConvProblem>> some = problems_of(text);
      if (!some) return some.diagnostics();
      problems.insert(problems.end(), some->begin(), some->end());
    }
    std::vector<Row> rows;
    Limits limits(target_.machine, kLastLevel);
    for (ConvProblem& problem : problems) {
      if (options_.batch > 0) problem.batch = options_.batch;
      for (const std::string& name : options_.directions) {
        const Result<Direction> direction = parse_direction(name);
        if (!direction) return direction.diagnostics();
        Result<Row> row = time_problem(problem, *direction, limits);
        if (!row) return row.diagnostics();
        rows.push_back(std::move(*row));
      }
    }
    print_rows(rows, limits);
    return success();
  }

  Result<Row> time_problem(const ConvProblem& problem, Direction direction, Limits& limits) {
    Result<Workload> workload = Workload::convolution(problem, direction, target_);
    if (!workload) return workload.diagnostics();
    const Status loaded = workload->load(false, 0, true);
    if (!loaded) return loaded.diagnostics();
    const std::vector<Blueprint::Call> calls = workload->calls();
    std::vector<Row> rows = {{to_string(direction),
                              to_string(problem),
                              "",
                              to_string(calls.back().params),
                              problem.batch,
                              0,
                              0,
                              {}}};
    for (const Blueprint::Call& c : calls) {
      rows[0].flops += c.flops;
      rows[0].bytes += c.bytes;
    }
    measure(rows, {workload->function(threads_)}, rounds(), Caches::warm, limits);
    return rows[0];
  }

  // ---- compilation -----------------------------------------------------------------------------

  // `make` gives the blueprint; it is part of what is timed, and loading into the process is not.
  Status compile_time(const std::string& what, int64_t batch,
                      const std::function<Result<Blueprint>()>& make) {
    constexpr int kFromCache = 30;
    Limits limits(target_.machine, kLastLevel);
    std::vector<Row> rows = {{what, model_name_, "cold", "", batch, 0, 0, {}},
                             {what, model_name_, "from the cache", "", batch, 0, 0, {}}};
    const auto compile = [&](Row* row) -> Status {
      limits.sample();
      const auto begin = std::chrono::steady_clock::now();
      const Result<Blueprint> blueprint = make();
      if (!blueprint) return blueprint.diagnostics();
      const bool is_cold = row == rows.data();
      const Result<std::string> bytes = object_bytes(*blueprint, options_.threads, !is_cold);
      if (!bytes) return bytes.diagnostics();
      const std::chrono::duration<double, std::milli> spent =
          std::chrono::steady_clock::now() - begin;
      if (row != nullptr) row->ms.push_back(spent.count());
      return success();
    };
    for (int i = 0; i < std::max(kCompilations, options_.repeat / 6); ++i) {
      const Status done = compile(&rows[0]);
      if (!done) return done.diagnostics();
    }
    if (ObjectCache::from_environment().enabled()) {
      Status done = compile(nullptr);  // fills it
      for (int i = 0; done && i < kFromCache; ++i) done = compile(&rows[1]);
      if (!done) return done.diagnostics();
    } else {
      rows.pop_back();
    }
    print_rows(rows, limits);
    return success();
  }

  Status compile_train(const ModelDescription& model) {
    return compile_time("compile_train", model.batch_size, [&]() -> Result<Blueprint> {
      Result<TrainingProgram> program = training_program(model, "train", {target_});
      if (!program) return program.diagnostics();
      return program->blueprint;
    });
  }

  Status compile_infer(const ModelDescription& model) {
    const int64_t batch = std::max<int64_t>(1, options_.batch);
    const Result<Workload> weights = Workload::inference(model, batch, target_);
    if (!weights) return weights.diagnostics();
    return compile_time("compile_infer", batch, [&]() -> Result<Blueprint> {
      const Result<Plan> plan = Workload::inference_plan(model, batch);
      if (!plan) return plan.diagnostics();
      return weights->blueprint(*plan, target_);
    });
  }

  Options options_;
  KernelTarget target_;
  std::string model_name_;
  Threads threads_;
};

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Measures compiled networks beside the limits of the machine.", "cnnc-bench");
  const std::vector<std::string> benches = {"peak", "train", "infer", "kernels", "compile"};
  app.add_option("what", options.what, "peak, train, infer, kernels or compile")
      ->check(CLI::IsMember(benches))
      ->option_text(" ");
  app.add_option("--model", options.model,
                 "network, a description or .onnx (models/mnist_cnn.json)")
      ->option_text("FILE");
  app.add_option("--batch", options.batch,
                 "images of a call (the description's or the problem's; 1 for inference)")
      ->check(cli::whole_number(1, 65536))
      ->option_text("N");
  app.add_option("--threads", options.threads, "threads (1)")
      ->check(cli::whole_number(1, 1024))
      ->option_text("N");
  app.add_option("--repeat", options.repeat, "rounds, at least 30 (30)")
      ->check(cli::whole_number(1, 1000000))
      ->option_text("N");
  app.add_flag("--infer", options.is_inference, "kernels and compile: of inference");
  app.add_option("--problem", options.problems, "kernels: convolutions, or files of them")
      ->option_text("TEXT|FILE...");
  app.add_option("--dir", options.directions, "of the problems: fwd, bwd_d, bwd_w (fwd)")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>{"fwd", "bwd_d", "bwd_w"}))
      ->option_text("DIR,...");
  app.add_option("--target", options.target,
                 "the machine to compile for, which must be able to run here (host)")
      ->check(cli::known_target())
      ->option_text("TARGET");
  app.add_option("--tuned", options.tuned, "schedules that cnnc-tune found")->option_text("FILE");
  app.add_flag("--json", options.json, "one JSON object per line");
  cli::set_help(app, "cnnc-bench [options] [peak|train|infer|kernels|compile]", kFooter);
  if (const std::optional<int> code = cli::parse_command_line(app, argc, argv)) return *code;
  if (!options.problems.empty() && options.what != "kernels") {
    return cli::usage_error(app, "--problem goes with kernels");
  }
  const Status status = Bench(options).run();
  return status ? cli::kDone : cli::report(status.diagnostics());
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  return cnnc::cli::run_tool("cnnc-bench", [&] { return cnnc::run(argc, argv); });
}
