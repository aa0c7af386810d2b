// cnnc-bench: how fast the compiled code is, beside the limits of the machine in the same run.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <random>

#include "cnnc_runtime.h"
#include "compiler/codegen/jit.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"
#include "compiler/frontend/model.h"
#include "compiler/support/aligned_memory.h"
#include "tools/bench/measure.h"
#include "tools/bench/problem.h"
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
    "  compile  compiling the training step or, with --infer, inference; nothing is cached\n"
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
  std::vector<std::string> problems;
  std::vector<std::string> directions = {"fwd"};
  int64_t batch = 0;
  int threads = 1;
  int repeat = 30;
  bool is_inference = false;
  bool json = false;
};

class Memory {
 public:
  // Zero, aligned to kAlignment.
  void* block(int64_t bytes) {
    blocks_.emplace_back(bytes);
    return blocks_.back().data();
  }
  float* random(int64_t count, float low, float high) {
    auto* values = static_cast<float*>(block(count * 4));
    std::uniform_real_distribution<float> draw(low, high);
    for (int64_t i = 0; i < count; ++i) values[i] = draw(generator_);
    return values;
  }

 private:
  std::vector<AlignedMemory> blocks_;
  std::mt19937 generator_{1};
};

// A compiled entry with its arguments.
struct Loaded {
  std::unique_ptr<LoadedObject> object;
  std::vector<void*> arguments;
};

int64_t parameter_bytes(const Graph& graph) {
  int64_t bytes = 0;
  for (const Value& value : graph.values) {
    if (value.kind == ValueKind::parameter) bytes += value.type.bytes();
  }
  return bytes;
}

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
    if (options_.what == "peak") return peak();
    if (!options_.problems.empty()) return problems();
    Result<ModelDescription> model = load_model(options_.model);
    if (!model) return model.diagnostics();
    model_name_ = std::filesystem::path(options_.model).stem().string();
    if (options_.batch > 0) model->batch_size = options_.batch;
    target_.winograd = model->winograd;
    const bool inference = options_.what == "infer" || options_.is_inference;
    if (options_.what == "compile")
      return inference ? compile_infer(*model) : compile_train(*model);
    return inference ? infer(*model) : train(*model);
  }

 private:
  struct PoolDeleter {
    void operator()(cnnc_pool* pool) const { cnnc_pool_destroy(pool); }
  };

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

  Result<std::unique_ptr<LoadedObject>> load(const Blueprint& blueprint) const {
    const Result<std::string> bytes = object_bytes(blueprint, 0, true);
    if (!bytes) return bytes.diagnostics();
    Result<LoadedObject> object = load_object("bench", *bytes);
    if (!object) return object.diagnostics();
    return std::make_unique<LoadedObject>(std::move(*object));
  }

  std::function<void()> caller(const Loaded& loaded, const std::string& symbol) const {
    void* function = loaded.object->find(symbol);
    CNNC_CHECK(function != nullptr, "no entry " + symbol);
    return [this, function, &loaded] {
      const int status = call_entry(function, &context_, loaded.arguments);
      CNNC_CHECK(status == CNNC_OK, "status " + std::to_string(status));
    };
  }

  // ---- models ----------------------------------------------------------------------------------

  Status train(const ModelDescription& model) {
    Result<TrainingProgram> program = training_program(model, target_);
    if (!program) return program.diagnostics();
    program->blueprint.add_entry_per_call("step");
    const Graph& graph = program->step.graph;
    Loaded loaded;
    for (ValueId id : graph.inputs) {
      const Value& value = graph.values[id];
      if (value.name == kImages) {
        loaded.arguments.push_back(memory_.random(element_count(value.type.shape), 0, 1));
      } else {
        loaded.arguments.push_back(memory_.block(value.type.bytes()));
      }
      if (value.name == kCount) {
        *static_cast<int32_t*>(loaded.arguments.back()) = static_cast<int32_t>(model.batch_size);
      }
      if (value.name == kLearningRate) *static_cast<float*>(loaded.arguments.back()) = 1e-3F;
    }
    loaded.arguments.push_back(memory_.block(4));  // loss
    auto* state = static_cast<uint8_t*>(memory_.block(program->step.state_bytes));
    for (size_t id = 0; id < graph.values.size(); ++id) {
      const Value& value = graph.values[id];
      if (value.kind != ValueKind::parameter) continue;
      auto* w = reinterpret_cast<float*>(state + program->step.placements[id].offset);
      const float* values = memory_.random(element_count(value.type.shape), -0.02F, 0.02F);
      std::copy_n(values, element_count(value.type.shape), w);
    }
    loaded.arguments.push_back(state);
    loaded.arguments.push_back(memory_.block(program->workspace_bytes()));
    return time_entry(program->blueprint, loaded, "step", model.batch_size, parameter_bytes(graph));
  }

  // Inference, with weights drawn at random.
  Blueprint inference_blueprint(const Plan& plan) {
    Blueprint blueprint("bench", target_);
    std::map<std::string, const float*> weights;
    for (const Value& value : plan.graph.values) {
      if (value.kind != ValueKind::parameter) continue;
      weights[value.name] = memory_.random(element_count(value.type.shape), -0.05F, 0.05F);
    }
    blueprint.add_entry("run", plan, Layout::channels_last,
                        [&](const std::string& name) { return weights.at(name); });
    return blueprint;
  }

  void add_buffers(Loaded& loaded, const Plan& plan, int64_t workspace_bytes) {
    const auto bytes = [&](ValueId id) { return plan.placements[id].bytes; };
    for (ValueId id : plan.graph.inputs) {
      loaded.arguments.push_back(memory_.random(bytes(id) / 4, -1, 1));
    }
    for (ValueId id : plan.outputs) {
      loaded.arguments.push_back(memory_.block(bytes(id)));
    }
    if (plan.state_bytes > 0) {
      loaded.arguments.push_back(memory_.random(plan.state_bytes / 4, -0.05F, 0.05F));
    }
    loaded.arguments.push_back(memory_.block(std::max(kAlignment, workspace_bytes)));
  }

  Status infer(const ModelDescription& model) {
    const int64_t batch = std::max<int64_t>(1, options_.batch);
    Result<Graph> graph = inference_graph(model, batch);
    if (!graph) return graph.diagnostics();
    const Plan plan = make_plan(std::move(*graph), {});
    Blueprint blueprint = inference_blueprint(plan);
    blueprint.add_entry_per_call("run");
    Loaded loaded;
    add_buffers(loaded, plan, blueprint.workspace_bytes("run"));
    return time_entry(blueprint, loaded, "run", batch, parameter_bytes(plan.graph));
  }

  // Times an entry, or each of its kernels.
  Status time_entry(const Blueprint& blueprint, Loaded& loaded, const std::string& entry,
                    int64_t batch, int64_t weight_bytes) {
    Result<std::unique_ptr<LoadedObject>> object = load(blueprint);
    if (!object) return object.diagnostics();
    loaded.object = std::move(*object);
    const std::vector<Blueprint::Call> calls = blueprint.calls(entry);
    std::vector<Row> rows;
    std::vector<std::function<void()>> functions;
    const bool each = options_.what == "kernels";
    if (each) {
      for (size_t i = 0; i < calls.size(); ++i) {
        rows.push_back({"kernel",
                        model_name_,
                        calls[i].kernel,
                        to_string(calls[i].params),
                        batch,
                        calls[i].flops,
                        calls[i].bytes,
                        {}});
        functions.push_back(caller(loaded, entry + "_" + std::to_string(i)));
      }
    } else {
      rows.push_back({options_.what, model_name_, "", "", batch, 0, weight_bytes, {}});
      for (const Blueprint::Call& c : calls) rows.back().flops += c.flops;
      functions.push_back(caller(loaded, entry));
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
    const bool forward = direction == Direction::forward;
    PlanOptions plan_options;
    if (!forward) plan_options = {Layout::batch_innermost, ParameterStorage::state};
    if (!forward && problem.batch % target_.machine.lanes != 0) {
      return Diagnostics{error("problem \"" + to_string(problem) +
                               "\": backward needs a batch that "
                               "is a multiple of " +
                               std::to_string(target_.machine.lanes))};
    }
    Plan plan = make_plan(graph_of(problem, direction), plan_options);
    set_border_layouts(
        plan, plan_options.layout,
        direction == Direction::backward_weights ? Layout::row_major : plan_options.layout);
    memory_ = Memory();
    Blueprint blueprint("bench", target_);
    if (forward) {
      blueprint = inference_blueprint(plan);
    } else {
      blueprint.add_entry("run", plan, plan_options.layout);
    }
    Loaded loaded;
    add_buffers(loaded, plan, blueprint.workspace_bytes("run"));
    Result<std::unique_ptr<LoadedObject>> object = load(blueprint);
    if (!object) return object.diagnostics();
    loaded.object = std::move(*object);
    const std::vector<Blueprint::Call> calls = blueprint.calls("run");
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
    measure(rows, {caller(loaded, "run")}, rounds(), Caches::warm, limits);
    return rows[0];
  }

  // ---- compilation -----------------------------------------------------------------------------

  // `make` gives the blueprint; it is part of what is timed.
  Status compile_time(const std::string& what, int64_t batch,
                      const std::function<Result<Blueprint>()>& make) {
    Limits limits(target_.machine, kLastLevel);
    Row row{what, model_name_, "", "", batch, 0, 0, {}};
    for (int i = 0; i < std::max(kCompilations, options_.repeat / 6); ++i) {
      limits.sample();
      const auto begin = std::chrono::steady_clock::now();
      const Result<Blueprint> blueprint = make();
      if (!blueprint) return blueprint.diagnostics();
      const Result<std::string> bytes = object_bytes(*blueprint, options_.threads, false);
      if (!bytes) return bytes.diagnostics();
      row.ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
              .count());
    }
    print_rows({row}, limits);
    return success();
  }

  Status compile_train(const ModelDescription& model) {
    return compile_time("compile_train", model.batch_size, [&]() -> Result<Blueprint> {
      Result<TrainingProgram> program = training_program(model, target_);
      if (!program) return program.diagnostics();
      return program->blueprint;
    });
  }

  Status compile_infer(const ModelDescription& model) {
    const int64_t batch = std::max<int64_t>(1, options_.batch);
    return compile_time("compile_infer", batch, [&]() -> Result<Blueprint> {
      Result<Graph> graph = inference_graph(model, batch);
      if (!graph) return graph.diagnostics();
      return inference_blueprint(make_plan(std::move(*graph), {}));
    });
  }

  Options options_;
  KernelTarget target_;
  std::string model_name_;
  std::unique_ptr<cnnc_pool, PoolDeleter> pool_;
  cnnc_context context_{};
  Memory memory_;
};

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Measures compiled networks beside the limits of the machine.", "cnnc-bench");
  const std::vector<std::string> benches = {"peak", "train", "infer", "kernels", "compile"};
  app.add_option("what", options.what, "peak, train, infer, kernels or compile")
      ->check(CLI::IsMember(benches))
      ->option_text(" ");
  app.add_option("--model", options.model, "description of the network (models/mnist_cnn.json)")
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
