// The trainer: two entries, a step and an evaluation, that share one block of parameters.
#include <algorithm>
#include <cstring>

#include "cnnc/cnnc.h"
#include "cnnc_training.h"
#include "compiler/codegen/jit.h"
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

void check_status(int status) {
  CNNC_CHECK(status == CNNC_OK,
             std::string("compiled code: ") + cnnc_status_string(static_cast<cnnc_status>(status)));
}

}  // namespace

struct Trainer::Impl {
  Impl(Model m, LoadedObject o, TrainingDescription d)
      : model(std::move(m)),
        object(std::move(o)),
        description(std::move(d)),
        tensors(runtime_tensors(description.tensors)),
        training(description.numbers),
        state(static_cast<int64_t>(training.state_bytes)),
        work(static_cast<int64_t>(training.workspace_bytes)) {
    cnnc_context_init(&context);
    training.tensors = tensors.data();
    training.step = reinterpret_cast<cnnc_step_entry>(object.find(description.step_entry));
    training.evaluate =
        reinterpret_cast<cnnc_evaluate_entry>(object.find(description.evaluate_entry));
    CNNC_CHECK(training.step != nullptr && training.evaluate != nullptr,
               "the object lacks its entries");
  }

  Model model;
  LoadedObject object;
  Diagnostics notes;
  TrainingDescription description;
  std::vector<cnnc_tensor> tensors;
  cnnc_training training;
  AlignedMemory state;
  AlignedMemory work;
  std::unique_ptr<cnnc_pool, PoolDeleter> pool;
  cnnc_context context{};
  float lr = 0;  // without its schedule
  LrSchedule schedule;

  [[nodiscard]] cnnc_training_state& progress() {
    return *reinterpret_cast<cnnc_training_state*>(state.data());
  }
  [[nodiscard]] bool has_classes() const { return description.target.dtype == DType::i32; }
  [[nodiscard]] int64_t target_size() const { return element_count(description.target.shape); }

  double run_step(const float* images, const void* targets, int64_t count);
  Evaluation run_evaluation(const float* images, const void* targets, int64_t count);
};

Trainer::Trainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

namespace {

std::vector<Tensor> tensors_of(const std::vector<TrainingTensor>& list, const uint8_t* state,
                               bool with_states) {
  std::vector<Tensor> result;
  for (const TrainingTensor& t : list) {
    if (!t.is_weight && !with_states) continue;
    result.push_back(f32_tensor(t.name, t.shape, reinterpret_cast<const float*>(state + t.place)));
  }
  return result;
}

// Checks all tensors, then copies them.
Status assign(const std::vector<TrainingTensor>& list, uint8_t* state, const TensorFile& file,
              const std::string& path, bool with_states) {
  Diagnostics problems;
  for (const TrainingTensor& t : list) {
    if (!t.is_weight && !with_states) continue;
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
  for (const TrainingTensor& t : list) {
    if (!t.is_weight && !with_states) continue;
    const std::vector<uint8_t>& bytes = file.find(t.name)->bytes;
    std::memcpy(state + t.place, bytes.data(), bytes.size());
  }
  return success();
}

}  // namespace

Result<Trainer> Trainer::create(const Model& model, const TrainerOptions& options) {
  Result<KernelTarget> target = target_with_tuned(options.target, options.tuned);
  if (!target) return target.diagnostics();
  if (options.compile_budget > 0) target->compile_budget = options.compile_budget;
  target->checked = options.checked_kernels;
  Result<TrainingProgram> program = training_program(model.description(), "train", {*target});
  if (!program) return program.diagnostics();
  if (options.emit_symbols) program->blueprint.make_unwindable();
  Result<std::string> bytes = object_bytes(program->blueprint, options.threads, options.use_cache);
  if (!bytes) return bytes.diagnostics();
  Result<LoadedObject> object = load_object(
      model.name(), *bytes, options.emit_symbols ? Announce::functions : Announce::nothing);
  if (!object) return object.diagnostics();

  program->description.numbers.build_id = program->blueprint.build_id();
  auto impl = std::make_unique<Impl>(model, std::move(*object), std::move(program->description));
  impl->notes = program->blueprint.notes();
  impl->lr = static_cast<float>(model.learning_rate());
  impl->schedule = LrSchedule(model.description().lr_scheduler);
  cnnc_pool* pool = nullptr;
  const cnnc_status status = cnnc_pool_create(thread_count(options.threads), &pool);
  if (status != CNNC_OK) return error(std::string("threads: ") + cnnc_status_string(status));
  impl->pool.reset(pool);
  cnnc_context_use_pool(&impl->context, pool);

  check_status(cnnc_training_init(&impl->training, impl->state.data(), impl->training.state_bytes,
                                  options.seed));
  if (model.has_weights()) {
    const Result<TensorFile> weights = initial_weights(model, options.seed);
    if (!weights) return weights.diagnostics();
    const Status assigned =
        assign(impl->description.tensors, impl->state.data(), *weights, model.name(), false);
    if (!assigned) return assigned.diagnostics();
  }
  return Trainer(std::move(impl));
}

double Trainer::Impl::run_step(const float* images, const void* targets, int64_t count) {
  CNNC_CHECK(count >= 1 && count <= model.batch_size(), "a batch of 1 to batch_size() images");
  progress().learning_rate = static_cast<float>(schedule.rate(lr));
  float loss = 0;
  check_status(cnnc_training_step(&training, &context, state.data(), images, targets,
                                  static_cast<size_t>(count), &loss, work.data(),
                                  training.workspace_bytes));
  schedule.end_step();
  return loss;
}

Evaluation Trainer::Impl::run_evaluation(const float* images, const void* targets, int64_t count) {
  cnnc_evaluation found = {};
  check_status(cnnc_training_evaluate(&training, &context, state.data(), images, targets,
                                      static_cast<size_t>(count), &found, work.data(),
                                      training.workspace_bytes));
  return {found.loss, static_cast<int64_t>(found.correct), static_cast<int64_t>(found.count),
          static_cast<int64_t>(found.targets)};
}

double Trainer::step(const float* images, const int32_t* labels, int64_t count) {
  CNNC_CHECK(impl_->has_classes(), "the loss compares with values");
  return impl_->run_step(images, labels, count);
}

double Trainer::step(const float* images, const float* targets, int64_t count) {
  CNNC_CHECK(!impl_->has_classes(), "the loss compares with classes");
  return impl_->run_step(images, targets, count);
}

Evaluation Trainer::evaluate(const float* images, const int32_t* labels, int64_t count) {
  CNNC_CHECK(impl_->has_classes(), "the loss compares with values");
  return impl_->run_evaluation(images, labels, count);
}

Evaluation Trainer::evaluate(const float* images, const float* targets, int64_t count) {
  CNNC_CHECK(!impl_->has_classes(), "the loss compares with classes");
  return impl_->run_evaluation(images, targets, count);
}

TargetKind Trainer::target_kind() const {
  return impl_->has_classes() ? TargetKind::classes : TargetKind::values;
}
int64_t Trainer::target_size() const { return impl_->target_size(); }
void Trainer::end_epoch(double loss) { impl_->schedule.end_epoch(loss, impl_->lr); }
int64_t Trainer::epochs_done() const { return impl_->schedule.epochs(); }
void Trainer::set_length(int64_t steps_per_epoch, int64_t epochs) {
  impl_->schedule.set_length(steps_per_epoch, epochs);
}
int64_t Trainer::batch_size() const { return impl_->model.batch_size(); }
const Diagnostics& Trainer::notes() const { return impl_->notes; }
int64_t Trainer::steps_done() const { return impl_->progress().steps; }
double Trainer::learning_rate() const { return impl_->schedule.rate(impl_->lr); }
void Trainer::set_learning_rate(double rate) { impl_->lr = static_cast<float>(rate); }

TensorFile Trainer::weights() const {
  return {tensors_of(impl_->description.tensors, impl_->state.data(), false), {}};
}

Status Trainer::save_weights(const std::string& path) const {
  return write_safetensors(path, weights().tensors);
}

Status Trainer::load_weights(const std::string& path) {
  Result<TensorFile> file = read_safetensors(path);
  if (!file) return file.diagnostics();
  return assign(impl_->description.tensors, impl_->state.data(), *file, path, false);
}

Status Trainer::save_checkpoint(const std::string& path, const std::string& progress) const {
  // Nine digits give a float back exactly.
  char rate[32];
  std::snprintf(rate, sizeof rate, "%.9g", static_cast<double>(impl_->lr));
  const Metadata metadata = {{kMetaSteps, std::to_string(impl_->progress().steps)},
                             {kMetaLearningRate, rate},
                             {kMetaSchedule, impl_->schedule.state()},
                             {kMetaProgress, progress}};
  return write_safetensors(path, tensors_of(impl_->description.tensors, impl_->state.data(), true),
                           metadata);
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
  const Status assigned =
      assign(impl_->description.tensors, impl_->state.data(), *file, path, true);
  if (!assigned) return assigned.diagnostics();
  impl_->progress().steps = steps_done;
  impl_->lr = lr;
  impl_->schedule = restored;
  const auto progress = file->metadata.find(kMetaProgress);
  return progress == file->metadata.end() ? std::string() : progress->second;
}

Result<Object> Trainer::compile(const CompileOptions& options) const {
  return cnnc::compile(impl_->model, weights(), options);
}

}  // namespace cnnc
