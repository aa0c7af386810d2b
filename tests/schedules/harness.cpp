#include "tests/schedules/harness.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "compiler/codegen/jit.h"
#include "compiler/driver/blueprint.h"
#include "compiler/support/check.h"
#include "runtime/cnnc_runtime.h"
#include "tests/schedules/guarded_memory.h"

namespace cnnc::test {
namespace {

using Side = GuardedMemory::Side;

constexpr int kCompilerThreads = 2;
constexpr int kThreads = 3;
constexpr size_t kCasesOfProgram = 24;

// ---- numbers -----------------------------------------------------------------------------------

enum class Numbers { exact, any };

double draw(Numbers numbers, std::mt19937& random) {
  if (numbers == Numbers::exact) return static_cast<double>(random() % 13) / 4 - 1.5;
  return static_cast<double>(random() >> 8) / (1 << 23) - 1;  // 24 bits: a float
}

GivenValues make_data(const Case& c, Numbers numbers) {
  std::mt19937 random(numbers == Numbers::exact ? 11 : 12);
  GivenValues given = c.fixed;
  for (size_t i = 0; i < c.graph.values.size(); ++i) {
    const Value& value = c.graph.values[i];
    const auto id = static_cast<ValueId>(i);
    if (value.kind == ValueKind::result || given.count(id) > 0) continue;
    CNNC_CHECK(value.type.dtype == DType::f32, "%" + value.name + " needs fixed numbers");
    ReferenceTensor& tensor = given[id] = zeros(value.type.shape);
    for (double& element : tensor.data) element = draw(numbers, random);
    if (!c.has_nan || value.kind != ValueKind::input) continue;
    for (size_t k = random() % 5; k < tensor.data.size(); k += 1 + random() % 97) {
      tensor.data[k] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  return given;
}

// ---- memory ------------------------------------------------------------------------------------

// Calls visit(row-major index, element of memory) for every element of a tensor.
template <class Visit>
void for_each_element(const Shape& shape, Layout layout, Visit visit) {
  const std::vector<int64_t> stride = strides(shape, layout);
  std::vector<int64_t> at(shape.size());
  const int64_t count = element_count(shape);
  for (int64_t i = 0; i < count; ++i) {
    int64_t place = 0;
    for (size_t d = 0; d < shape.size(); ++d) place += at[d] * stride[d];
    visit(i, place);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++at[d] < shape[d]) break;
      at[d] = 0;
    }
  }
}

void put(const Type& type, Layout layout, const ReferenceTensor& tensor, uint8_t* memory) {
  for_each_element(type.shape, layout, [&](int64_t i, int64_t place) {
    const double value = tensor.data[i];
    switch (type.dtype) {
      case DType::f32:
        reinterpret_cast<float*>(memory)[place] = static_cast<float>(value);
        break;
      case DType::i32:
        reinterpret_cast<int32_t*>(memory)[place] = static_cast<int32_t>(value);
        break;
      case DType::u8:
        memory[place] = static_cast<uint8_t>(value);
        break;
    }
  });
}

ReferenceTensor take(const Type& type, Layout layout, const uint8_t* memory) {
  ReferenceTensor tensor = zeros(type.shape);
  for_each_element(type.shape, layout, [&](int64_t i, int64_t place) {
    switch (type.dtype) {
      case DType::f32:
        tensor.data[i] = reinterpret_cast<const float*>(memory)[place];
        break;
      case DType::i32:
        tensor.data[i] = reinterpret_cast<const int32_t*>(memory)[place];
        break;
      case DType::u8:
        tensor.data[i] = memory[place];
        break;
    }
  });
  return tensor;
}

// ---- one case ----------------------------------------------------------------------------------

// A case with its numbers and what it is to give.
struct Trial {
  const Case* the_case = nullptr;
  Numbers numbers = Numbers::exact;
  std::string entry;
  Plan plan;
  GivenValues given;
  std::vector<ReferenceTensor> wanted;  // by ValueId of the case's graph
  std::vector<std::vector<float>> constants;
  std::map<std::string, size_t> constant_of;
  bool uses_winograd = false;
};

std::string describe(const Trial& trial, const Blueprint& blueprint) {
  std::string text = trial.the_case->text;
  for (const Blueprint::Call& call : blueprint.calls(trial.entry)) {
    text += "\n    " + call.kernel + ": " + to_string(call.params) + " tasks " +
            std::to_string(call.params.tasks);
  }
  return text;
}

Trial make_trial(const Case& c, Numbers numbers, const std::string& entry) {
  Trial trial;
  trial.the_case = &c;
  trial.numbers = numbers;
  trial.entry = entry;
  trial.given = make_data(c, numbers);
  trial.wanted = interpret(c.graph, trial.given);
  Graph graph = c.graph;
  for (size_t id = 0; id < graph.values.size(); ++id) {
    Value& value = graph.values[id];
    if (value.kind != ValueKind::parameter) continue;
    // Constants of a program are told apart by name.
    value.name = entry + "." + value.name;
    const std::vector<double>& data = trial.given.at(static_cast<ValueId>(id)).data;
    trial.constant_of[value.name] = trial.constants.size();
    trial.constants.emplace_back(data.begin(), data.end());
  }
  PlanOptions options;
  options.layout = c.layout;
  options.parameters =
      c.layout == Layout::batch_innermost ? ParameterStorage::state : ParameterStorage::constant;
  trial.plan = make_plan(std::move(graph), options);
  set_border_layouts(trial.plan, c.input_layout, c.output_layout);
  return trial;
}

// What a run leaves behind.
struct Run {
  int status = -1;
  bool is_intact = true;
  bool state_is_intact = true;        // what no update is to change
  std::vector<GuardedMemory> memory;  // in the order of the entry's parameters
};

Run run(const Trial& trial, const LoadedObject& object, int64_t workspace_bytes,
        const cnnc_context& context, Side side) {
  const Plan& plan = trial.plan;
  const Graph& graph = plan.graph;
  Run result;
  std::vector<GuardedMemory>& memory = result.memory;
  for (ValueId id : graph.inputs) {
    const Type& type = graph.type(id);
    memory.emplace_back(plan.placements[id].bytes, byte_width(type.dtype), side);
    put(type, plan.placements[id].layout, trial.given.at(id), memory.back().data());
    memory.back().forbid_writes();
  }
  for (ValueId id : plan.outputs) {
    memory.emplace_back(plan.placements[id].bytes, byte_width(graph.type(id).dtype), side);
  }
  std::vector<uint8_t> state_before;
  if (plan.state_bytes > 0) {
    memory.emplace_back(plan.state_bytes, kAlignment, side);
    for (size_t i = 0; i < graph.values.size(); ++i) {
      const Value& value = graph.values[i];
      if (value.kind != ValueKind::parameter && value.kind != ValueKind::state) continue;
      const Placement& placement = plan.placements[i];
      put(value.type, placement.layout, trial.given.at(static_cast<ValueId>(i)),
          memory.back().data() + placement.offset);
    }
    state_before.assign(memory.back().data(), memory.back().data() + plan.state_bytes);
  }
  memory.emplace_back(workspace_bytes, kAlignment, side);

  std::vector<void*> arguments;
  arguments.reserve(memory.size());
  for (const GuardedMemory& block : memory) arguments.push_back(block.data());
  result.status = call_entry(object.find(trial.entry), &context, arguments);

  for (const GuardedMemory& block : memory) result.is_intact &= block.is_intact();
  if (plan.state_bytes > 0) {
    std::vector<bool> updated(static_cast<size_t>(plan.state_bytes));
    for (ValueId id : graph.outputs) {
      const Placement& placement = plan.placements[id];
      if (placement.region != Region::state) continue;
      std::fill_n(updated.begin() + placement.offset, graph.type(id).bytes(), true);
    }
    const uint8_t* state_after = memory[memory.size() - 2].data();
    for (size_t i = 0; i < state_before.size(); ++i) {
      if (!updated[i]) result.state_is_intact &= state_after[i] == state_before[i];
    }
  }
  return result;
}

// Where output k of the graph is.
const uint8_t* output_memory(const Trial& trial, const Run& run, size_t k) {
  const Plan& plan = trial.plan;
  const Placement& placement = plan.placements[plan.graph.outputs[k]];
  const size_t first_output = plan.graph.inputs.size();
  if (placement.region == Region::output) return run.memory[first_output + placement.index].data();
  CNNC_CHECK(placement.region == Region::state, "an output is nowhere");
  return run.memory[first_output + plan.outputs.size()].data() + placement.offset;
}

// The first element that differs by more than the tolerance, or "".
std::string difference(const ReferenceTensor& found, const ReferenceTensor& wanted,
                       double tolerance) {
  int64_t wrong = 0;
  std::ostringstream first;
  for (size_t i = 0; i < wanted.data.size(); ++i) {
    const double a = found.data[i], b = wanted.data[i];
    const bool same = a == b || (std::isnan(a) && std::isnan(b)) ||
                      std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
    if (!same && ++wrong == 1) {
      first.precision(9);
      first << "element " << i << " of " << to_string(wanted.shape) << " is " << a << ", not " << b;
    }
  }
  if (wrong == 0) return "";
  return std::to_string(wrong) + " elements differ: " + first.str();
}

// How far a result may be from the reference's.
double tolerance_of(const Trial& trial) {
  const double rounding = static_cast<double>(8 + trial.the_case->sum_length) / (1 << 23);
  const double given = trial.the_case->tolerance;
  if (trial.uses_winograd) return std::max(16 * rounding, given);
  return trial.numbers == Numbers::any ? std::max(rounding, given) : given;
}

std::string compare_with_reference(const Trial& trial, const Run& run) {
  const Plan& plan = trial.plan;
  std::string text;
  for (size_t k = 0; k < plan.graph.outputs.size(); ++k) {
    const ValueId id = plan.graph.outputs[k];
    const Type& type = plan.graph.type(id);
    // Rounding errors may decide which of nearly equal elements is the greatest.
    const bool rounds = trial.numbers == Numbers::any || trial.uses_winograd;
    if (rounds && type.dtype != DType::f32) continue;
    const std::string what =
        difference(take(type, plan.placements[id].layout, output_memory(trial, run, k)),
                   trial.wanted[trial.the_case->graph.outputs[k]], tolerance_of(trial));
    if (!what.empty()) {
      text += "\n  %" + trial.the_case->graph.values[trial.the_case->graph.outputs[k]].name + ": " +
              what;
    }
  }
  return text;
}

std::string compare_bits(const Trial& trial, const Run& a, const Run& b, const std::string& what) {
  const Plan& plan = trial.plan;
  std::string text;
  for (size_t k = 0; k < plan.graph.outputs.size(); ++k) {
    const ValueId id = plan.graph.outputs[k];
    if (std::memcmp(output_memory(trial, a, k), output_memory(trial, b, k),
                    static_cast<size_t>(plan.graph.type(id).bytes())) != 0) {
      text += "\n  %" + plan.graph.values[id].name + " has other bits " + what;
    }
  }
  return text;
}

std::string describe_damage(const Run& run) {
  std::string text;
  if (run.status != CNNC_OK) text += "\n  status " + std::to_string(run.status);
  if (!run.is_intact) text += "\n  wrote outside its memory";
  if (!run.state_is_intact) text += "\n  changed what is not updated";
  return text;
}

// What becomes of a run that may end the process.
template <class MakeRun, class Compare>
std::string fate(MakeRun make_run, Compare compare) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    const Run run = make_run();
    ::_exit(run.status == CNNC_OK && compare(run).empty() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "it ends with signal " + std::to_string(WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "its results are right" : "its results are wrong";
}

// ---- programs ----------------------------------------------------------------------------------

Blueprint make_blueprint(const std::vector<Trial>& trials, const KernelTarget& target) {
  Blueprint blueprint("cases", target);
  for (const Trial& trial : trials) {
    blueprint.add_entry(
        trial.entry, trial.plan, trial.the_case->layout,
        [&](const std::string& name) -> const float* {
          const auto found = trial.constant_of.find(name);
          return found == trial.constant_of.end() ? nullptr : trial.constants[found->second].data();
        });
  }
  return blueprint;
}

// A few steps from neighbour to neighbour.
Params random_neighbour(const Problem& problem, Params params, std::mt19937& random) {
  constexpr int kSteps = 3;
  for (int i = 0; i < kSteps; ++i) {
    const std::vector<Params> next = neighbours(problem, params);
    if (!next.empty()) params = next[random() % next.size()];
  }
  return params;
}

Params with_wider_blocks(const Problem& problem, const Params& params) {
  if (params.schedule != "winograd_batch" || params.columns == 0) return params;
  Params wider = params;
  for (int64_t Params::* number : {&Params::columns, &Params::block_n}) {
    Params next = wider;
    next.*number = 2;
    if (obstacle(problem, next).empty()) wider = completed(problem, next);
  }
  return wider;
}

// Entries for the problems of the trials that are not the rules' choice.
std::shared_ptr<const TunedTable> choices(Choice choice, const std::vector<Trial>& trials,
                                          const KernelTarget& target, std::mt19937& random) {
  TunedTable table;
  bool differs = false;
  const Blueprint blueprint = make_blueprint(trials, target);
  for (const Trial& trial : trials) {
    for (const Blueprint::Call& call : blueprint.calls(trial.entry)) {
      TunedEntry entry;
      entry.target = target.halide;
      entry.problem = call.problem;
      entry.params = choice == Choice::blocks ? with_wider_blocks(call.problem, call.params)
                                              : random_neighbour(call.problem, call.params, random);
      differs |= to_string(entry.params) != to_string(call.params);
      table.set(entry);
    }
  }
  CNNC_CHECK(differs || choice != Choice::blocks, "no block is wider than the rules'");
  return std::make_shared<const TunedTable>(std::move(table));
}

struct PoolDeleter {
  void operator()(cnnc_pool* pool) const { cnnc_pool_destroy(pool); }
};

LoadedObject load(const Blueprint& blueprint) {
  const Result<std::string> bytes = blueprint.compile(Emit::object, kCompilerThreads);
  CNNC_CHECK(bytes.ok(), "no object: " + (bytes ? "" : render(bytes.diagnostics())));
  Result<LoadedObject> object = load_object("cases", *bytes);
  CNNC_CHECK(object.ok(), "not loaded: " + (object ? "" : render(object.diagnostics())));
  return std::move(*object);
}

void run_trials(std::vector<Trial>& trials, const KernelTarget& unchecked_target, Choice choice,
                std::vector<std::string>& problems) {
  KernelTarget checked_target = unchecked_target;
  checked_target.checked = true;
  const Blueprint blueprint = make_blueprint(trials, unchecked_target);
  for (Trial& trial : trials) {
    for (const Blueprint::Call& call : blueprint.calls(trial.entry)) {
      trial.uses_winograd |= call.params.schedule.rfind("winograd", 0) == 0;
    }
  }
  const LoadedObject checked = load(make_blueprint(trials, checked_target));
  const LoadedObject unchecked = load(blueprint);

  cnnc_pool* raw_pool = nullptr;
  CNNC_CHECK(cnnc_pool_create(kThreads, &raw_pool) == CNNC_OK, "no pool");
  const std::unique_ptr<cnnc_pool, PoolDeleter> pool(raw_pool);
  cnnc_context serial, parallel;
  cnnc_context_init(&serial);
  cnnc_context_init(&parallel);
  cnnc_context_use_pool(&parallel, pool.get());

  for (const Trial& trial : trials) {
    const std::string what = unchecked_target.halide + ": " + describe(trial, blueprint);
    INFO(what);  // where a guard page ends the program
    const int64_t workspace = blueprint.workspace_bytes(trial.entry);
    const Run with_checks = run(trial, checked, workspace, serial, Side::end);
    if (with_checks.status != CNNC_OK) {
      problems.push_back(what + "\n  a run-time check fails; without checks, " +
                         fate([&] { return run(trial, unchecked, workspace, serial, Side::end); },
                              [&](const Run& r) { return compare_with_reference(trial, r); }));
      continue;
    }
    const Run alone = run(trial, unchecked, workspace, serial, Side::end);
    const Run together = run(trial, unchecked, workspace, parallel, Side::begin);
    std::string text = compare_with_reference(trial, alone);
    // Of odd tiles and of Winograd's transforms, LLVM may contract other multiply-adds where there
    // are checks.
    if (choice != Choice::neighbours && !trial.uses_winograd) {
      text += compare_bits(trial, alone, with_checks, "with run-time checks");
    }
    text += compare_bits(trial, alone, together, "with several threads");
    for (const Run* one : {&with_checks, &alone, &together}) text += describe_damage(*one);
    if (!text.empty()) problems.push_back(what + text);
  }
}

}  // namespace

std::vector<std::string> problems_of(std::vector<Case> cases, const std::string& target_name,
                                     Caches caches, Choice choice) {
  Result<KernelTarget> target = parse_target(target_name);
  CNNC_CHECK(target.ok(), "no target " + target_name);
  if (caches == Caches::small) {
    target->machine.l1_bytes = 1 << 11;
    target->machine.l2_bytes = 1 << 14;
  }
  if (choice == Choice::generic) target->compile_budget = 1;
  std::mt19937 random(seed());
  std::vector<std::string> problems;
  for (size_t first = 0; first < cases.size(); first += kCasesOfProgram) {
    std::vector<Trial> trials;
    for (size_t i = first; i < std::min(cases.size(), first + kCasesOfProgram); ++i) {
      const std::string entry = "case" + std::to_string(i);
      trials.push_back(make_trial(cases[i], Numbers::exact, entry + "_exact"));
      trials.push_back(make_trial(cases[i], Numbers::any, entry + "_any"));
    }
    if (choice == Choice::neighbours || choice == Choice::blocks) {
      target->tuned = nullptr;
      target->tuned = choices(choice, trials, *target, random);
    }
    try {
      run_trials(trials, *target, choice, problems);
    } catch (const InternalError&) {
      // Which one?
      for (size_t i = 0; i < trials.size(); i += 2) {
        std::vector<Trial> one;
        one.push_back(std::move(trials[i]));
        one.push_back(std::move(trials[i + 1]));
        try {
          run_trials(one, *target, choice, problems);
        } catch (const InternalError& error) {
          problems.push_back(target->halide + ": " + one[0].the_case->text + "\n  " + error.what());
        }
      }
    }
  }
  return problems;
}

uint32_t seed() {
  const char* text = std::getenv("CNNC_TEST_SEED");
  return text ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : 1;
}

std::vector<std::string> targets() {
  const char* text = std::getenv("CNNC_TEST_TARGETS");
  // On a machine without AVX-512, "avx2" is what the host is.
  const bool has_avx512 = lanes_of("host") > lanes_of("avx2");
  std::istringstream names(text ? text : has_avx512 ? "host,avx2,sse41" : "host,sse41");
  std::vector<std::string> result;
  for (std::string name; std::getline(names, name, ',');) result.push_back(name);
  return result;
}

int64_t lanes_of(const std::string& target) {
  const Result<KernelTarget> parsed = parse_target(target);
  CNNC_CHECK(parsed.ok(), "no target " + target);
  return parsed->machine.lanes;
}

}  // namespace cnnc::test
