// The trainer: two entries, a step and an evaluation, that share one block of parameters.
#include <algorithm>
#include <cstring>

#include "cnnc/cnnc.h"
#include "cnnc_runtime.h"
#include "compiler/codegen/jit.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/lr_schedule.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"
#include "compiler/driver/tuned_file.h"
#include "compiler/support/aligned_memory.h"
#include "compiler/weights/safetensors.h"

namespace cnnc {
namespace {

constexpr const char* kMetaSteps = "steps";
constexpr const char* kMetaLearningRate = "lr";
constexpr const char* kMetaSchedule = "lr_scheduler";
constexpr const char* kMetaProgress = "progress";

struct PoolDeleter {
  void operator()(cnnc_pool* pool) const { cnnc_pool_destroy(pool); }
};

// A parameter or a state of the optimizer in the state block.
struct StateTensor {
  std::string name;
  Shape shape;
  int64_t offset = 0;
  bool parameter = false;
};

std::vector<StateTensor> state_tensors(const Plan& plan) {
  std::vector<StateTensor> result;
  for (size_t id = 0; id < plan.graph.values.size(); ++id) {
    const Value& value = plan.graph.values[id];
    const bool parameter = value.kind == ValueKind::parameter;
    if (!parameter && value.kind != ValueKind::state) continue;
    result.push_back({value.name, value.type.shape, plan.placements[id].offset, parameter});
  }
  return result;
}

using StepFunction = int (*)(const cnnc_context*, const float* images, const void* target,
                             const int32_t* count, const float* lr, const int32_t* step,
                             float* loss, void* state, void* workspace);
using SeededStepFunction = int (*)(const cnnc_context*, const float* images, const void* target,
                                   const int32_t* count, const float* lr, const int32_t* step,
                                   const int32_t* seed, float* loss, void* state, void* workspace);
using EvaluateFunction = int (*)(const cnnc_context*, const float* images, const void* target,
                                 const int32_t* count, float* output, float* loss, void* state,
                                 void* workspace);

void check_status(int status) {
  CNNC_CHECK(status == CNNC_OK,
             std::string("compiled code: ") + cnnc_status_string(static_cast<cnnc_status>(status)));
}

}  // namespace

struct Trainer::Impl {
  Impl(Model m, LoadedObject o, std::vector<StateTensor> t, int64_t state_bytes, int64_t workspace)
      : model(std::move(m)),
        object(std::move(o)),
        tensors(std::move(t)),
        state(state_bytes),
        work(workspace) {
    cnnc_context_init(&context);
  }

  Model model;
  LoadedObject object;
  Diagnostics notes;
  std::vector<StateTensor> tensors;
  AlignedMemory state;
  AlignedMemory work;
  std::unique_ptr<cnnc_pool, PoolDeleter> pool;
  cnnc_context context{};
  void* step = nullptr;
  void* evaluate = nullptr;
  bool seeded = false;
  int64_t image_size = 0;
  int64_t output_size = 0;
  int32_t seed = 0;
  int32_t steps = 0;
  float lr = 0;  // without its schedule
  LrSchedule schedule;
  TargetKind target_kind = TargetKind::classes;
  int64_t target_size = 0;  // elements for each image
  // A batch of the full size, for short ones. Targets of either kind have four bytes.
  std::vector<float> images;
  std::vector<uint32_t> targets;
  std::vector<float> outputs;

  [[nodiscard]] float* tensor(const StateTensor& t) {
    return reinterpret_cast<float*>(state.data() + t.offset);
  }

  // A short batch is copied into one of full size: the compiled code may read all of it.
  void pad(const float*& batch_images, const void*& batch_targets, int64_t count) {
    CNNC_CHECK(count >= 1 && count <= model.batch_size(), "a batch of 1 to batch_size() images");
    if (count == model.batch_size()) return;
    std::copy_n(batch_images, count * image_size, images.begin());
    std::memcpy(targets.data(), batch_targets,
                static_cast<size_t>(count * target_size) * sizeof(uint32_t));
    batch_images = images.data();
    batch_targets = targets.data();
  }

  double run_step(const float* batch_images, const void* batch_targets, int64_t count);
  // The loss; `outputs` has the network's.
  double run_evaluation(const float* batch_images, const void* batch_targets, int64_t count);
};

Trainer::Trainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

Result<Trainer> Trainer::create(const Model& model, const TrainerOptions& options) {
  Result<KernelTarget> target = target_with_tuned(options.target, options.tuned);
  if (!target) return target.diagnostics();
  if (options.compile_budget > 0) target->compile_budget = options.compile_budget;
  target->checked = options.checked_kernels;
  Result<TrainingProgram> program = training_program(model.description(), *target);
  if (!program) return program.diagnostics();
  const Plan& step_plan = program->step;
  const Plan& evaluation_plan = program->evaluation;
  if (options.emit_symbols) program->blueprint.make_unwindable();
  Result<std::string> bytes = object_bytes(program->blueprint, options.threads, options.use_cache);
  if (!bytes) return bytes.diagnostics();
  Result<LoadedObject> object = load_object(
      model.name(), *bytes, options.emit_symbols ? Announce::functions : Announce::nothing);
  if (!object) return object.diagnostics();

  auto impl = std::make_unique<Impl>(model, std::move(*object), state_tensors(step_plan),
                                     step_plan.state_bytes, program->workspace_bytes());
  impl->notes = program->blueprint.notes();
  impl->step = impl->object.find("step");
  impl->evaluate = impl->object.find("evaluate");
  CNNC_CHECK(impl->step != nullptr && impl->evaluate != nullptr, "the object lacks its entries");
  for (ValueId id : step_plan.graph.inputs)
    impl->seeded |= step_plan.graph.values[id].name == kSeed;
  impl->image_size = element_count(model.input_shape());
  impl->output_size = element_count(evaluation_plan.graph.type(evaluation_plan.outputs[0]).shape) /
                      model.batch_size();
  impl->images.resize(static_cast<size_t>(impl->image_size * model.batch_size()));
  for (const ValueId id : step_plan.graph.inputs) {
    const Value& value = step_plan.graph.values[id];
    if (value.name != kTarget) continue;
    impl->target_kind = value.type.dtype == DType::f32 ? TargetKind::values : TargetKind::classes;
    impl->target_size = element_count(value.type.shape) / model.batch_size();
  }
  impl->targets.resize(static_cast<size_t>(impl->target_size * model.batch_size()));
  impl->outputs.resize(static_cast<size_t>(impl->output_size * model.batch_size()));
  impl->lr = static_cast<float>(model.learning_rate());
  impl->schedule = LrSchedule(model.description().lr_scheduler);
  impl->seed = static_cast<int32_t>(options.seed);

  cnnc_pool* pool = nullptr;
  const cnnc_status status = cnnc_pool_create(thread_count(options.threads), &pool);
  if (status != CNNC_OK) return error(std::string("threads: ") + cnnc_status_string(status));
  impl->pool.reset(pool);
  cnnc_context_use_pool(&impl->context, pool);

  Result<TensorFile> weights = initial_weights(model, options.seed);
  if (!weights) return weights.diagnostics();
  for (const StateTensor& t : impl->tensors) {
    if (!t.parameter) continue;
    const Tensor* tensor = weights->find(t.name);
    CNNC_CHECK(tensor != nullptr, "no initial values for " + t.name);
    std::memcpy(impl->tensor(t), tensor->bytes.data(), tensor->bytes.size());
  }
  return Trainer(std::move(impl));
}

double Trainer::Impl::run_step(const float* batch_images, const void* batch_targets,
                               int64_t count) {
  pad(batch_images, batch_targets, count);
  const auto count32 = static_cast<int32_t>(count);
  const auto rate = static_cast<float>(schedule.rate(lr));
  float loss = 0;
  int status = 0;
  if (seeded) {
    // Every step drops other elements.
    const auto step_seed = static_cast<int32_t>(static_cast<uint32_t>(seed) * 2654435761u +
                                                static_cast<uint32_t>(steps));
    status = reinterpret_cast<SeededStepFunction>(step)(&context, batch_images, batch_targets,
                                                        &count32, &rate, &steps, &step_seed, &loss,
                                                        state.data(), work.data());
  } else {
    status = reinterpret_cast<StepFunction>(step)(&context, batch_images, batch_targets, &count32,
                                                  &rate, &steps, &loss, state.data(), work.data());
  }
  check_status(status);
  ++steps;
  schedule.end_step();
  return loss;
}

double Trainer::Impl::run_evaluation(const float* batch_images, const void* batch_targets,
                                     int64_t count) {
  pad(batch_images, batch_targets, count);
  const auto count32 = static_cast<int32_t>(count);
  float loss = 0;
  check_status(reinterpret_cast<EvaluateFunction>(evaluate)(&context, batch_images, batch_targets,
                                                            &count32, outputs.data(), &loss,
                                                            state.data(), work.data()));
  return loss;
}

double Trainer::step(const float* images, const int32_t* labels, int64_t count) {
  CNNC_CHECK(impl_->target_kind == TargetKind::classes, "the loss compares with values");
  return impl_->run_step(images, labels, count);
}

double Trainer::step(const float* images, const float* targets, int64_t count) {
  CNNC_CHECK(impl_->target_kind == TargetKind::values, "the loss compares with classes");
  return impl_->run_step(images, targets, count);
}

namespace {

// Targets whose class has the greatest of the outputs, [classes, pixels].
int64_t hits(const float* outputs, int64_t classes, const int32_t* targets, int64_t pixels) {
  int64_t result = 0;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    int64_t best = 0;
    for (int64_t c = 1; c < classes; ++c) {
      if (outputs[c * pixels + pixel] > outputs[best * pixels + pixel]) best = c;
    }
    result += best == targets[pixel] ? 1 : 0;
  }
  return result;
}

}  // namespace

Evaluation Trainer::evaluate(const float* images, const int32_t* labels, int64_t count) {
  Impl& impl = *impl_;
  CNNC_CHECK(impl.target_kind == TargetKind::classes, "the loss compares with values");
  Evaluation result;
  for (int64_t first = 0; first < count; first += batch_size()) {
    const int64_t size = std::min(batch_size(), count - first);
    const int32_t* targets = labels + first * impl.target_size;
    result.loss += static_cast<double>(size) *
                   impl.run_evaluation(images + first * impl.image_size, targets, size);
    for (int64_t i = 0; i < size; ++i) {
      result.correct +=
          hits(impl.outputs.data() + i * impl.output_size, impl.output_size / impl.target_size,
               targets + i * impl.target_size, impl.target_size);
    }
  }
  result.count = count;
  result.targets = count * impl.target_size;
  if (count > 0) result.loss /= static_cast<double>(count);
  return result;
}

Evaluation Trainer::evaluate(const float* images, const float* targets, int64_t count) {
  Impl& impl = *impl_;
  CNNC_CHECK(impl.target_kind == TargetKind::values, "the loss compares with classes");
  Evaluation result;
  for (int64_t first = 0; first < count; first += batch_size()) {
    const int64_t size = std::min(batch_size(), count - first);
    result.loss +=
        static_cast<double>(size) * impl.run_evaluation(images + first * impl.image_size,
                                                        targets + first * impl.target_size, size);
  }
  result.count = count;
  if (count > 0) result.loss /= static_cast<double>(count);
  return result;
}

TargetKind Trainer::target_kind() const { return impl_->target_kind; }
int64_t Trainer::target_size() const { return impl_->target_size; }
void Trainer::end_epoch(double loss) { impl_->schedule.end_epoch(loss, impl_->lr); }
int64_t Trainer::epochs_done() const { return impl_->schedule.epochs(); }
void Trainer::set_length(int64_t steps_per_epoch, int64_t epochs) {
  impl_->schedule.set_length(steps_per_epoch, epochs);
}
int64_t Trainer::batch_size() const { return impl_->model.batch_size(); }
const Diagnostics& Trainer::notes() const { return impl_->notes; }
int64_t Trainer::steps_done() const { return impl_->steps; }
double Trainer::learning_rate() const { return impl_->schedule.rate(impl_->lr); }
void Trainer::set_learning_rate(double rate) { impl_->lr = static_cast<float>(rate); }

namespace {

std::vector<Tensor> tensors_of(const std::vector<StateTensor>& list, const uint8_t* state,
                               bool with_states) {
  std::vector<Tensor> result;
  for (const StateTensor& t : list) {
    if (!t.parameter && !with_states) continue;
    result.push_back(f32_tensor(t.name, t.shape, reinterpret_cast<const float*>(state + t.offset)));
  }
  return result;
}

// Checks all tensors, then copies them.
Status assign(const std::vector<StateTensor>& list, uint8_t* state, const TensorFile& file,
              const std::string& path, bool with_states) {
  Diagnostics problems;
  for (const StateTensor& t : list) {
    if (!t.parameter && !with_states) continue;
    const Tensor* tensor = file.find(t.name);
    if (tensor == nullptr) {
      problems.push_back(file_error(path, "has no tensor \"" + t.name + "\""));
    } else if (tensor->dtype != DType::f32 || tensor->shape != t.shape) {
      problems.push_back(file_error(
          path, "tensor \"" + t.name + "\" is " + to_string(Type{tensor->dtype, tensor->shape}) +
                    ", but the network needs " + to_string(Type{DType::f32, t.shape})));
    }
  }
  if (!problems.empty()) return problems;
  for (const StateTensor& t : list) {
    if (!t.parameter && !with_states) continue;
    const std::vector<uint8_t>& bytes = file.find(t.name)->bytes;
    std::memcpy(state + t.offset, bytes.data(), bytes.size());
  }
  return success();
}

}  // namespace

TensorFile Trainer::weights() const {
  return {tensors_of(impl_->tensors, impl_->state.data(), false), {}};
}

Status Trainer::save_weights(const std::string& path) const {
  return write_safetensors(path, weights().tensors);
}

Status Trainer::load_weights(const std::string& path) {
  Result<TensorFile> file = read_safetensors(path);
  if (!file) return file.diagnostics();
  return assign(impl_->tensors, impl_->state.data(), *file, path, false);
}

Status Trainer::save_checkpoint(const std::string& path, const std::string& progress) const {
  // Nine digits give a float back exactly.
  char rate[32];
  std::snprintf(rate, sizeof rate, "%.9g", static_cast<double>(impl_->lr));
  const Metadata metadata = {{kMetaSteps, std::to_string(impl_->steps)},
                             {kMetaLearningRate, rate},
                             {kMetaSchedule, impl_->schedule.state()},
                             {kMetaProgress, progress}};
  return write_safetensors(path, tensors_of(impl_->tensors, impl_->state.data(), true), metadata);
}

Result<std::string> Trainer::load_checkpoint(const std::string& path) {
  Result<TensorFile> file = read_safetensors(path);
  if (!file) return file.diagnostics();
  const auto steps = file->metadata.find(kMetaSteps);
  const auto rate = file->metadata.find(kMetaLearningRate);
  if (steps == file->metadata.end() || rate == file->metadata.end()) {
    return file_error(path, "is no checkpoint of cnnc: it lacks the number of steps done");
  }
  int32_t steps_done = 0;
  float lr = 0;
  try {
    steps_done = std::stoi(steps->second);
    lr = std::stof(rate->second);
  } catch (const std::exception&) {
    return file_error(path, "is a damaged checkpoint: its steps or learning rate are no numbers");
  }
  const auto schedule = file->metadata.find(kMetaSchedule);
  LrSchedule restored = impl_->schedule;
  if (schedule != file->metadata.end() && !restored.restore(schedule->second)) {
    return file_error(path, "is a damaged checkpoint: it does not say where the learning rate was");
  }
  const Status assigned = assign(impl_->tensors, impl_->state.data(), *file, path, true);
  if (!assigned) return assigned.diagnostics();
  impl_->steps = steps_done;
  impl_->lr = lr;
  impl_->schedule = restored;
  const auto progress = file->metadata.find(kMetaProgress);
  return progress == file->metadata.end() ? std::string() : progress->second;
}

Result<Object> Trainer::compile(const CompileOptions& options) const {
  return cnnc::compile(impl_->model, weights(), options);
}

}  // namespace cnnc
