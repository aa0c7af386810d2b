// cnnc-tune: searches for schedules that are faster than the rules' on this machine.
// Tested by tests/tools/cnnc_tune_command_test.py.
#include <CLI/CLI.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "cnnc/cnnc.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"
#include "compiler/driver/tuned_file.h"
#include "compiler/frontend/model.h"
#include "compiler/support/files.h"
#include "tools/cli/display.h"
#include "tools/cli/stop_signal.h"
#include "tools/cli/tool.h"
#include "tools/tune/search.h"

namespace cnnc {
namespace {

constexpr const char* kFooter = R"(Examples:
  cnnc-tune mnist.json -o tuned.json                  inference of one image, for a minute
  cnnc-tune mnist.json --train --budget 5m -o tuned.json
  cnnc mnist.json --weights mnist.safetensors --tuned tuned.json -o mnist.o

Each kernel starts with the rule's choice; what lies near is compiled, compared with the generic
schedule's results, and timed in turn with the best so far. Only what is right, and faster by more
than 2 % in two measurements, is kept. FILE is written after each improvement; entries for other
kernels stay as they are. Ctrl-C stops after the current candidate.

Exit codes: 0 done, 1 an input is wrong, 2 the command line is wrong, 3 a bug of cnnc, 130 stopped.)";

struct Options {
  std::string model;
  std::string target = "host";
  std::string output;
  std::string budget = "60s";
  int64_t batch = 0;
  bool training = false;
  int threads = 1;
  int compile_threads = 0;
  uint64_t seed = 0;
};

// "60s", "2m", "1h", "90": seconds. 0: none of these.
double seconds_of(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  const std::string unit(stop, end);
  if (code != std::errc() || value <= 0 || value > 1e6) return 0;
  if (unit.empty() || unit == "s") return value;
  if (unit == "m" || unit == "min") return value * 60;
  return unit == "h" ? value * 3600 : 0;
}

CLI::Validator duration() {
  const auto check = [](std::string& text) -> std::string {
    if (seconds_of(text) > 0) return {};
    return "\"" + text + "\" is no time: expected a number with s, m or h, such as 90s";
  };
  return {check, ""};
}

void declare(CLI::App& app, Options& options) {
  app.add_option("MODEL.json", options.model)->required();
  app.add_flag("--train", options.training, "Tune the training step, not inference")
      ->group("What is tuned");
  app.add_option("--batch", options.batch,
                 "Images of a call. Default: 1, or the\n"
                 "description's for training")
      ->type_name("N")
      ->check(cli::whole_number(1, 65536))
      ->group("What is tuned");
  app.add_option("--target", options.target,
                 "The machine to compile for, which must be able to\n"
                 "run here; see below")
      ->type_name("TARGET")
      ->check(cli::known_target())
      ->group("What is tuned");
  app.add_option("--threads", options.threads, "Threads that run the kernels. Default: 1")
      ->type_name("N")
      ->check(cli::whole_number(1, 1024))
      ->group("What is tuned");

  app.add_option("--budget", options.budget, "How long to search. Default: 60s")
      ->type_name("TIME")
      ->check(duration())
      ->group("Search");
  app.add_option("-j,--compile-threads", options.compile_threads,
                 "Threads that compile. Default: 0, one per\n"
                 "processor")
      ->type_name("N")
      ->check(cli::whole_number(0, 1024))
      ->group("Search");
  app.add_option("--seed", options.seed, "Of the order of candidates and of inputs. Default: 0")
      ->type_name("N")
      ->group("Search");
  app.add_option("-o,--output", options.output,
                 "Where to keep what was found, beside what the\n"
                 "file has. Default: stdout, at the end")
      ->type_name("FILE")
      ->group("Search");
  cli::set_help(
      app, "cnnc-tune [options] MODEL.json",
      "Targets, besides Halide's target strings:\n" + cli::target_help() + "\n" + kFooter);
}

// What the processor calls itself.
std::string machine_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

class Tuning {
 public:
  Tuning(const Options& options, KernelTarget target, TunedTable table)
      : options_(options),
        target_(std::move(target)),
        table_(std::move(table)),
        end_(std::chrono::steady_clock::now() +
             std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds_of(options.budget)))) {}

  int run(const ModelDescription& model) {
    const int64_t batch = std::max<int64_t>(1, options_.batch);
    Result<Workload> workload = options_.training ? Workload::training(model, target_)
                                                  : Workload::inference(model, batch, target_);
    if (!workload) return cli::report(workload.diagnostics());
    SearchOptions search_options;
    search_options.end = end_;
    search_options.compile_threads = thread_count(options_.compile_threads);
    search_options.threads = options_.threads;
    search_options.seed = options_.seed;
    search_options.stop = [this] { return !failures_.empty() || cli::stop_requested(); };
    const Status loaded = workload->load(true, options_.compile_threads, true);
    if (!loaded) return cli::report(loaded.diagnostics());
    say("the rules' choices: " + cli::fixed(entry_ms(*workload), 4) + " ms for all kernels\n");
    const TunedTable earlier = table_;
    search(*workload, target_, earlier, search_options,
           [this](const KernelResult& result, bool is_final) { take(result, is_final); });
    if (!failures_.empty()) return cli::report(failures_);
    if (improved_ > 0 && !cli::stop_requested()) compare(*workload, model);
    if (options_.output.empty()) {
      const Status printed = cli::print_text(tuned_text(table_));
      if (!printed) return cli::report(printed.diagnostics());
    }
    return cli::stop_requested() ? cli::kInterrupted : cli::kDone;
  }

 private:
  // Results go to stdout, unless the file does.
  void say(const std::string& text) const {
    std::FILE* out = options_.output.empty() ? stderr : stdout;
    std::fputs(text.c_str(), out);
    std::fflush(out);
  }

  void take(const KernelResult& result, bool is_final) {
    if (result.is_better()) {
      TunedEntry entry;
      entry.target = target_.halide;
      entry.problem = result.problem;
      entry.params = result.best;
      entry.kernel = result.kernel;
      entry.machine = machine_;
      entry.date = today_;
      entry.threads = options_.threads;
      entry.rule_ms = result.rule_ms;
      entry.ms = result.best_ms;
      table_.set(entry);
    } else if (is_final && result.note.empty()) {
      table_.remove(target_.halide, result.problem);
    }
    if (!options_.output.empty()) {
      const Status written = write_file_atomically(options_.output, tuned_text(table_));
      if (!written) failures_ = written.diagnostics();
    }
    if (!is_final) return;
    std::string line = result.kernel + ": ";
    if (!result.note.empty()) {
      line += "not searched, " + result.note;
    } else {
      line += to_string(result.rule) + " " + cli::fixed(result.rule_ms, 4) + " ms";
      if (result.is_better()) {
        ++improved_;
        line += " -> " + to_string(result.best) + " " + cli::fixed(result.best_ms, 4) + " ms, " +
                cli::fixed(100 * (result.rule_ms / result.best_ms - 1), 1) + " % faster";
      } else {
        line += ", the best";
      }
      line += " (" + std::to_string(result.tried) + " tried, " + std::to_string(result.rejected) +
              " rejected)";
    }
    say(line + "\n");
  }

  [[nodiscard]] double entry_ms(const Workload& workload) const { return times({&workload})[0]; }

  // Medians of the whole entry of each, in turn.
  [[nodiscard]] std::vector<double> times(const std::vector<const Workload*>& workloads) const {
    constexpr int kRounds = 30;
    const Threads threads(options_.threads);
    std::vector<Row> rows(workloads.size());
    std::vector<std::function<void()>> calls;
    calls.reserve(workloads.size());
    for (const Workload* workload : workloads) calls.push_back(workload->function(threads));
    Limits limits(target_.machine, workloads[0]->weight_bytes());
    measure(rows, calls, kRounds, Caches::warm, limits);
    std::vector<double> result;
    result.reserve(rows.size());
    for (const Row& row : rows) result.push_back(row.median_ms());
    return result;
  }

  // The whole with and without the table.
  void compare(const Workload& rules, const ModelDescription& model) const {
    KernelTarget target = target_;
    target.tuned = std::make_shared<const TunedTable>(table_);
    Result<Workload> tuned = options_.training ? Workload::training(model, target)
                                               : Workload::inference(model, rules.batch(), target);
    if (!tuned || !tuned->load(false, options_.compile_threads, true)) return;
    const std::vector<double> ms = times({&rules, &*tuned});
    say("all kernels together: " + cli::fixed(ms[0], 4) + " ms by the rules, " +
        cli::fixed(ms[1], 4) + " ms tuned\n");
  }

  const Options& options_;
  KernelTarget target_;
  TunedTable table_;
  std::chrono::steady_clock::time_point end_;
  std::string machine_ = machine_name(), today_ = today();
  Diagnostics failures_;
  int64_t improved_ = 0;
};

int tune(const Options& options) {
  TunedTable table;
  if (!options.output.empty()) {
    const Status writable = cli::check_writable(options.output);
    if (!writable) return cli::report(writable.diagnostics());
    if (std::filesystem::exists(options.output)) {
      Result<TunedTable> earlier = read_tuned(options.output);
      if (!earlier) return cli::report(earlier.diagnostics());
      table = std::move(*earlier);
    }
  }
  const Result<Model> loaded = Model::load(options.model);
  if (!loaded) return cli::report(loaded.diagnostics());
  std::optional<ModelDescription> model = loaded->description();
  cli::report(model->warnings);
  if (options.batch > 0) model->batch_size = options.batch;
  Result<KernelTarget> target = parse_target(options.target);
  if (!target) return cli::report(target.diagnostics());
  target->winograd = model->winograd;
  if (options.training) *target = training_target(*target, model->batch_size);
  cli::catch_stop_signals();
  return Tuning(options, *target, std::move(table)).run(*model);
}

int run(int argc, const char* const* argv) {
  CLI::App app(
      "Searches for schedules that are faster on this machine than those that rules choose.\n"
      "MODEL.json describes the network; docs/format.md says how.",
      "cnnc-tune");
  Options options;
  declare(app, options);
  if (const std::optional<int> ended = cli::parse_command_line(app, argc, argv)) return *ended;
  if (!cli::runs_here(options.target)) {
    return cli::usage_error(
        app, "kernels are timed here, and this machine does not run " + options.target);
  }
  return tune(options);
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  return cnnc::cli::run_tool("cnnc-tune", [&] { return cnnc::run(argc, argv); });
}
