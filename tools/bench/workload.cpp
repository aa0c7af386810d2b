#include "tools/bench/workload.h"

#include <algorithm>

#include "compiler/codegen/header.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"

namespace cnnc {
void* Memory::block(int64_t bytes) {
  blocks_.emplace_back(bytes);
  return blocks_.back().data();
}

float* Memory::random(int64_t count, float low, float high) {
  auto* values = static_cast<float*>(block(count * 4));
  std::uniform_real_distribution<float> draw(low, high);
  for (int64_t i = 0; i < count; ++i) values[i] = draw(generator_);
  return values;
}

Threads::Threads(int count) {
  cnnc_pool* pool = nullptr;
  CNNC_CHECK(cnnc_pool_create(count, &pool) == CNNC_OK, "no pool");
  pool_.reset(pool);
  cnnc_context_init(&context_);
  cnnc_context_use_pool(&context_, pool);
}

Workload::Workload(std::string name, std::string entry, Plan plan, Layout layout, int64_t batch,
                   const KernelTarget& target)
    : name_(std::move(name)),
      entry_(std::move(entry)),
      plan_(std::move(plan)),
      layout_(layout),
      batch_(batch),
      blueprint_(name_, target) {
  allocate();
  blueprint_ = blueprint(plan_, target);
  arguments_.push_back(memory_.block(std::max(kAlignment, blueprint_.workspace_bytes(entry_))));
}

// All arguments but the workspace, and the weights.
void Workload::allocate() {
  const Graph& graph = plan_.graph;
  for (ValueId id : graph.inputs) {
    const Value& value = graph.values[id];
    if (value.type.dtype == DType::f32) {
      arguments_.push_back(memory_.random(plan_.placements[id].bytes / 4, 0, 1));
    } else {
      arguments_.push_back(memory_.block(plan_.placements[id].bytes));
    }
    if (value.name == kCount) {
      *static_cast<int32_t*>(arguments_.back()) = static_cast<int32_t>(batch_);
    }
    if (value.name == kLearningRate) *static_cast<float*>(arguments_.back()) = 1e-3F;
  }
  for (ValueId id : plan_.outputs) {
    arguments_.push_back(memory_.block(plan_.placements[id].bytes));
  }
  std::vector<bool> is_read(graph.values.size());  // others were folded into these
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) is_read[id] = true;
    }
  }
  uint8_t* state = nullptr;
  if (plan_.state_bytes > 0) {
    state = static_cast<uint8_t*>(memory_.block(plan_.state_bytes));
    arguments_.push_back(state);
  }
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    if (value.kind != ValueKind::parameter || !is_read[id]) continue;
    weight_bytes_ += value.type.bytes();
    const int64_t count = element_count(value.type.shape);
    const float* values = memory_.random(count, -0.05F, 0.05F);
    if (plan_.placements[id].region == Region::state) {
      std::copy_n(values, count, reinterpret_cast<float*>(state + plan_.placements[id].offset));
    } else {
      weights_[value.name] = values;
    }
  }
}

Result<Workload> Workload::training(const ModelDescription& model, const KernelTarget& machine) {
  const KernelTarget target = training_target(machine, model.batch_size);
  Result<Graph> graph = training_graph(model, target.machine.lanes);
  if (!graph) return graph.diagnostics();
  return Workload(c_identifier(model.name), "step", make_plan(std::move(*graph), kTrainingPlan),
                  kTrainingPlan.layout, model.batch_size, target);
}

Result<Plan> Workload::inference_plan(const ModelDescription& model, int64_t batch) {
  const Result<Graph> written = build_graph(model, 1);
  if (!written) return written.diagnostics();
  int64_t most = 1;
  for (const Value& value : written->values) {
    if (value.kind == ValueKind::parameter) most = std::max(most, element_count(value.type.shape));
  }
  const std::vector<float> ones(static_cast<size_t>(most), 1.F);
  ConstantTable constants([&](const std::string&) { return ones.data(); });
  Result<Graph> graph = inference_graph(model, batch, nullptr, &constants);
  if (!graph) return graph.diagnostics();
  return make_plan(std::move(*graph), kInferencePlan);
}

Result<Workload> Workload::inference(const ModelDescription& model, int64_t batch,
                                     const KernelTarget& target) {
  Result<Plan> plan = inference_plan(model, batch);
  if (!plan) return plan.diagnostics();
  return Workload(c_identifier(model.name), "run", std::move(*plan), kInferencePlan.layout, batch,
                  target);
}

Result<Workload> Workload::convolution(const ConvProblem& problem, Direction direction,
                                       const KernelTarget& target) {
  const bool forward = direction == Direction::forward;
  const PlanOptions options = forward ? kInferencePlan : kTrainingPlan;
  if (!forward && problem.batch % target.machine.lanes != 0) {
    return error("problem \"" + to_string(problem) +
                 "\": backward needs a batch that is a multiple of " +
                 std::to_string(target.machine.lanes));
  }
  Plan plan = make_plan(graph_of(problem, direction), options);
  const bool weights = direction == Direction::backward_weights;
  set_border_layouts(plan, options.layout, weights ? Layout::row_major : options.layout);
  return Workload("problem", "run", std::move(plan), options.layout, problem.batch, target);
}

Blueprint Workload::blueprint(const Plan& plan, const KernelTarget& target) const {
  Blueprint result(name_, target);
  result.add_entry(entry_, plan, layout_,
                   [this](const std::string& name) { return weights_.at(name); });
  return result;
}

Status Workload::load(bool each_kernel, int compile_threads, bool use_cache) {
  Blueprint program = blueprint_;
  if (each_kernel) program.add_entry_per_call(entry_);
  const Result<std::string> bytes = object_bytes(program, compile_threads, use_cache);
  if (!bytes) return bytes.diagnostics();
  Result<LoadedObject> object = load_object(name_, *bytes);
  if (!object) return object.diagnostics();
  object_ = std::make_unique<LoadedObject>(std::move(*object));
  return success();
}

std::function<void()> Workload::caller(const Threads& threads, const std::string& symbol) const {
  CNNC_CHECK(object_ != nullptr, "not loaded");
  void* function = object_->find(symbol);
  CNNC_CHECK(function != nullptr, "no entry " + symbol);
  return [this, function, &threads] {
    const int status = call_entry(function, &threads.context(), arguments_);
    CNNC_CHECK(status == CNNC_OK, "status " + std::to_string(status));
  };
}

std::function<void()> Workload::function(const Threads& threads) const {
  return caller(threads, entry_);
}

std::function<void()> Workload::function(const Threads& threads, size_t call) const {
  return caller(threads, entry_ + "_" + std::to_string(call));
}

}  // namespace cnnc
