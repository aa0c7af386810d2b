// cnnc-bench: how fast the compiled code is, beside the limits of the machine in the same run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <random>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cnnc/cnnc.h"
#include "cnnc_runtime.h"
#include "compiler/codegen/jit.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"
#include "compiler/frontend/model.h"
#include "compiler/weights/safetensors.h"
#include "tools/bench/peak.h"

namespace cnnc {
namespace {

struct Options {
  std::string what = "train";
  std::string model = "models/mnist_cnn.json";
  std::string target = "host";
  int64_t batch = 0;
  int threads = 1;
  int repeat = 30;
  bool json = false;
};

struct Row {
  std::string bench;
  std::string kernel;
  std::string schedule;
  int64_t batch = 0;
  int64_t flops = 0;
  int64_t bytes = 0;
  std::vector<double> ms;
};

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Entries take pointers only, so that any of them can be called with a list.
using Arguments = std::vector<void*>;
int call(void* entry, const cnnc_context* context, const Arguments& a) {
  using P = void*;
  switch (a.size()) {
    case 3:
      return reinterpret_cast<int (*)(const cnnc_context*, P, P, P)>(entry)(context, a[0], a[1],
                                                                            a[2]);
    case 7:
      return reinterpret_cast<int (*)(const cnnc_context*, P, P, P, P, P, P, P)>(entry)(
          context, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    case 8:
      return reinterpret_cast<int (*)(const cnnc_context*, P, P, P, P, P, P, P, P)>(entry)(
          context, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    case 9:
      return reinterpret_cast<int (*)(const cnnc_context*, P, P, P, P, P, P, P, P, P)>(entry)(
          context, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
    default:
      CNNC_CHECK(false, "an entry with " + std::to_string(a.size()) + " parameters");
      return 0;
  }
}

class Memory {
 public:
  // Zero, aligned to 64 bytes.
  void* block(int64_t bytes) {
    blocks_.emplace_back(static_cast<size_t>(bytes + kAlignment));
    const auto address = reinterpret_cast<uintptr_t>(blocks_.back().data());
    return blocks_.back().data() + (kAlignment - address % kAlignment) % kAlignment;
  }
  float* random(int64_t count, float low, float high) {
    auto* values = static_cast<float*>(block(count * 4));
    std::uniform_real_distribution<float> draw(low, high);
    for (int64_t i = 0; i < count; ++i) values[i] = draw(generator_);
    return values;
  }

 private:
  std::vector<std::vector<uint8_t>> blocks_;
  std::mt19937 generator_{1};
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    cnnc_pool* pool = nullptr;
    CNNC_CHECK(cnnc_pool_create(options.threads, &pool) == CNNC_OK, "no pool");
    pool_.reset(pool);
    cnnc_context_init(&context_);
    cnnc_context_use_pool(&context_, pool);
  }

  Status run() {
    Result<KernelTarget> target = parse_target(options_.target);
    if (!target) return target.diagnostics();
    target_ = *target;
    if (options_.what == "peak") {
      for (int i = 0; i < options_.repeat; ++i) sample_limits();
      report({});
      return success();
    }
    Result<ModelDescription> model = load_model(options_.model);
    if (!model) return model.diagnostics();
    if (options_.batch > 0) model->batch_size = options_.batch;
    if (options_.what == "infer" || options_.what == "kernels-infer") return infer(*model);
    if (options_.what == "compile") return compile_time(*model);
    return train(*model);
  }

 private:
  struct PoolDeleter {
    void operator()(cnnc_pool* pool) const { cnnc_pool_destroy(pool); }
  };

  void sample_limits() {
    peaks_.push_back(sample_peak_gflops(target_.machine.lanes));
    if (read_block_.empty()) read_block_.resize(3 << 20);  // 12 MiB: of the last-level cache
    reads_.push_back(
        sample_read_gbytes(read_block_.data(), static_cast<int64_t>(read_block_.size()) * 4));
  }

  // Times `rows` of calls in turn, round by round, with the limits between them.
  void measure(std::vector<Row>& rows, const std::vector<std::function<void()>>& calls) {
    const int rounds = std::max(30, options_.repeat);
    for (int round = -2; round < rounds; ++round) {
      sample_limits();
      for (size_t i = 0; i < calls.size(); ++i) {
        const double begin = now_ms();
        calls[i]();
        if (round >= 0) rows[i].ms.push_back(now_ms() - begin);
      }
    }
  }

  Status train(const ModelDescription& model) {
    Result<TrainingProgram> program = training_program(model, target_);
    if (!program) return program.diagnostics();
    program->blueprint.add_entry_per_call("step");
    Result<std::string> bytes = object_bytes(program->blueprint, 0, true);
    if (!bytes) return bytes.diagnostics();
    Result<LoadedObject> object = load_object("bench", *bytes);
    if (!object) return object.diagnostics();
    const Graph& graph = program->step.graph;
    Arguments arguments;
    auto* count = static_cast<int32_t*>(memory_.block(4));
    auto* lr = static_cast<float*>(memory_.block(4));
    *count = static_cast<int32_t>(model.batch_size);
    *lr = 1e-3f;
    for (ValueId id : graph.inputs) {
      const Value& value = graph.values[id];
      if (value.name == kImages)
        arguments.push_back(memory_.random(element_count(value.type.shape), 0, 1));
      else if (value.name == kCount)
        arguments.push_back(count);
      else if (value.name == kLearningRate)
        arguments.push_back(lr);
      else
        arguments.push_back(memory_.block(value.type.bytes()));
    }
    arguments.push_back(memory_.block(4));  // loss
    auto* state = static_cast<uint8_t*>(memory_.block(program->step.state_bytes));
    for (size_t id = 0; id < graph.values.size(); ++id) {
      const Value& value = graph.values[id];
      if (value.kind != ValueKind::parameter) continue;
      auto* w = reinterpret_cast<float*>(state + program->step.placements[id].offset);
      const float* values = memory_.random(element_count(value.type.shape), -0.02f, 0.02f);
      std::copy_n(values, element_count(value.type.shape), w);
    }
    arguments.push_back(state);
    arguments.push_back(memory_.block(program->workspace_bytes()));
    return time_entry(program->blueprint, *object, "step", arguments, model.batch_size);
  }

  Status infer(const ModelDescription& model) {
    const int64_t batch = options_.batch > 0 ? options_.batch : 1;
    Result<Graph> graph = inference_graph(model, batch);
    if (!graph) return graph.diagnostics();
    const Plan plan = make_plan(std::move(*graph), {});
    Blueprint blueprint("bench", target_);
    std::map<std::string, const float*> weights;
    for (const Value& value : plan.graph.values) {
      if (value.kind != ValueKind::parameter) continue;
      weights[value.name] = memory_.random(element_count(value.type.shape), -0.05f, 0.05f);
    }
    blueprint.add_entry("run", plan, Layout::channels_last,
                        [&](const std::string& name) { return weights.at(name); });
    blueprint.add_entry_per_call("run");
    Result<std::string> bytes = object_bytes(blueprint, 0, true);
    if (!bytes) return bytes.diagnostics();
    Result<LoadedObject> object = load_object("bench", *bytes);
    if (!object) return object.diagnostics();
    const Arguments arguments = {
        memory_.random(element_count(plan.graph.type(plan.graph.inputs[0]).shape), 0, 1),
        memory_.block(plan.graph.type(plan.outputs[0]).bytes()),
        memory_.block(std::max<int64_t>(64, blueprint.workspace_bytes("run")))};
    return time_entry(blueprint, *object, "run", arguments, batch);
  }

  Status time_entry(const Blueprint& blueprint, const LoadedObject& object,
                    const std::string& entry, const Arguments& arguments, int64_t batch) {
    const std::vector<Blueprint::Call> calls = blueprint.calls(entry);
    Row whole{entry == "step" ? "train" : "infer", "", "", batch, 0, 0, {}};
    for (const Blueprint::Call& c : calls) whole.flops += c.flops;
    std::vector<Row> rows;
    std::vector<std::function<void()>> functions;
    const auto add = [&](Row row, const std::string& symbol) {
      void* function = object.find(symbol);
      CNNC_CHECK(function != nullptr, "no entry " + symbol);
      rows.push_back(std::move(row));
      functions.emplace_back([this, function, &arguments] {
        const int status = call(function, &context_, arguments);
        CNNC_CHECK(status == CNNC_OK, "status " + std::to_string(status));
      });
    };
    if (options_.what == "kernels" || options_.what == "kernels-infer") {
      for (size_t i = 0; i < calls.size(); ++i) {
        add({whole.bench + " kernel",
             calls[i].kernel,
             calls[i].params.schedule + " " + std::to_string(calls[i].params.a) + "x" +
                 std::to_string(calls[i].params.b),
             batch,
             calls[i].flops,
             calls[i].bytes,
             {}},
            entry + "_" + std::to_string(i));
      }
    } else {
      add(whole, entry);
    }
    measure(rows, functions);
    report(rows);
    return success();
  }

  Status compile_time(const ModelDescription& model) {
    std::vector<Row> rows(1);
    rows[0] = {"compile train", "", "", model.batch_size, 0, 0, {}};
    for (int i = 0; i < std::min(options_.repeat, 5); ++i) {
      sample_limits();
      const double begin = now_ms();
      Result<TrainingProgram> program = training_program(model, target_);
      if (!program) return program.diagnostics();
      Result<std::string> bytes = object_bytes(program->blueprint, options_.threads, false);
      if (!bytes) return bytes.diagnostics();
      rows[0].ms.push_back(now_ms() - begin);
    }
    report(rows);
    return success();
  }

  void report(const std::vector<Row>& rows) const {
    const double peak = median(peaks_);
    if (options_.json) {
      for (const Row& row : rows) {
        const double ms = median(row.ms);
        nlohmann::ordered_json line;
        line["bench"] = row.bench;
        line["model"] = options_.model;
        line["kernel"] =
            row.kernel.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(row.kernel);
        line["batch"] = row.batch;
        line["threads"] = options_.threads;
        line["ms"] = ms;
        line["ms_min"] = *std::min_element(row.ms.begin(), row.ms.end());
        line["gflops"] = static_cast<double>(row.flops) / ms / 1e6;
        line["peak_gflops"] = peak;
        line["of_peak"] = static_cast<double>(row.flops) / ms / 1e6 / (peak * options_.threads);
        line["gbytes_s"] = static_cast<double>(row.bytes) / ms / 1e6;
        std::cout << line.dump() << "\n";
      }
      return;
    }
    std::printf("peak %.1f GFLOP/s a core (best %.1f), reads %.1f GB/s, %d threads, target %s\n",
                peak, peaks_.empty() ? 0 : *std::max_element(peaks_.begin(), peaks_.end()),
                median(reads_), options_.threads, target_.halide.c_str());
    double sum = 0;
    for (const Row& row : rows) {
      const double ms = median(row.ms);
      const double least = *std::min_element(row.ms.begin(), row.ms.end());
      sum += ms;
      std::printf("%-14s %-58s %-24s %9.4f ms (min %9.4f)", row.bench.c_str(), row.kernel.c_str(),
                  row.schedule.c_str(), ms, least);
      if (row.flops > 0) {
        const double gflops = static_cast<double>(row.flops) / ms / 1e6;
        std::printf(" %7.1f GFLOP/s %5.1f %%", gflops, 100 * gflops / (peak * options_.threads));
      }
      std::printf("\n");
    }
    if (rows.size() > 1) std::printf("%-14s %.4f ms\n", "sum", sum);
  }

  Options options_;
  KernelTarget target_;
  std::unique_ptr<cnnc_pool, PoolDeleter> pool_;
  cnnc_context context_{};
  Memory memory_;
  std::vector<float> read_block_;
  std::vector<double> peaks_, reads_;
};

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Measures compiled networks beside the limits of the machine.", "cnnc-bench");
  app.add_option("what", options.what,
                 "peak, train, infer, kernels (of a training step), kernels-infer or compile")
      ->check(CLI::IsMember({"peak", "train", "infer", "kernels", "kernels-infer", "compile"}));
  app.add_option("--model", options.model, "description of the network")->capture_default_str();
  app.add_option("--batch", options.batch,
                 "images of a call (default: the description's; 1 for infer)");
  app.add_option("--threads", options.threads, "threads")->capture_default_str();
  app.add_option("--repeat", options.repeat, "samples, at least 30")->capture_default_str();
  app.add_option("--target", options.target, "target")->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object per line");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const Status status = Bench(options).run();
  if (!status) {
    std::cerr << render(status.diagnostics());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  try {
    return cnnc::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "cnnc-bench: " << e.what() << "\nThis is a bug of cnnc; please report it.\n";
    return 3;
  }
}
