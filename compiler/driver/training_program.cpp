#include "compiler/driver/training_program.h"

#include <algorithm>

#include "compiler/driver/graphs.h"
#include "compiler/weights/init.h"
#include "compiler/weights/safetensors.h"

namespace cnnc {
namespace {

size_t aligned(int64_t bytes) {
  return static_cast<size_t>((bytes + kAlignment - 1) / kAlignment * kAlignment);
}

std::vector<TrainingTensor> tensors_of(const Plan& plan) {
  std::vector<TrainingTensor> result;
  for (size_t id = 0; id < plan.graph.values.size(); ++id) {
    const Value& value = plan.graph.values[id];
    TrainingTensor tensor;
    tensor.is_weight = value.kind == ValueKind::parameter;
    if (!tensor.is_weight && value.kind != ValueKind::state) continue;
    tensor.name = value.name;
    tensor.shape = value.init.shape;
    tensor.place = static_cast<int64_t>(sizeof(cnnc_training_state)) + plan.placements[id].offset;
    if (tensor.is_weight) tensor.bound = init_bound(value.init);
    tensor.fill = value.init.fill;
    result.push_back(std::move(tensor));
  }
  return result;
}

int64_t bytes_of(const HeaderTensor& tensor) {
  return element_count(tensor.shape) * byte_width(tensor.dtype);
}

// The length of the weights as a safetensors file, and of its JSON.
void measure_export(const std::vector<TrainingTensor>& tensors, cnnc_training& numbers) {
  std::vector<Tensor> weights;
  size_t element_bytes = 0;
  for (const TrainingTensor& tensor : tensors) {
    if (!tensor.is_weight) continue;
    const std::vector<float> zeros(static_cast<size_t>(element_count(tensor.shape)));
    weights.push_back(f32_tensor(tensor.name, tensor.shape, zeros.data()));
    element_bytes += weights.back().bytes.size();
  }
  const Result<std::string> file = format_safetensors(weights);
  CNNC_CHECK(file.ok(), "weights that make no safetensors file");
  numbers.export_bytes = file->size();
  numbers.export_json_bytes = file->size() - element_bytes - sizeof(uint64_t);
}

TrainingDescription describe(const ModelDescription& model, const TrainingProgram& program,
                             const std::vector<KernelTarget>& targets) {
  TrainingDescription result = program.description;
  const Graph& graph = program.evaluation.graph;
  result.model = model.name;
  for (const KernelTarget& target : targets) result.targets.push_back(target.name);
  result.image = per_image(kImages, graph.type(graph.inputs[0]));
  const bool normalizes = !model.mean.empty() || !model.std.empty();
  if (normalizes) {
    result.image.note = "pixels from 0 to 1 (byte / 255); the network normalises them itself";
  }
  result.target = per_image(kTarget, graph.type(graph.inputs[1]));
  const bool has_classes = result.target.dtype == DType::i32;
  if (has_classes) result.target.note = "the number of the class";
  result.output = per_image(model.output, graph.type(program.evaluation.outputs[0]));
  result.tensors = tensors_of(program.step);

  cnnc_training& n = result.numbers;
  n.tensor_count = static_cast<int>(result.tensors.size());
  n.tensors_id = tensors_id(result.tensors);
  n.state_bytes = sizeof(cnnc_training_state) + static_cast<size_t>(program.step.state_bytes);
  n.learning_rate =
      model.optimizer.attrs.has("lr") ? static_cast<float>(model.optimizer.attrs.real("lr")) : 0;
  n.batch = static_cast<size_t>(model.batch_size);
  n.image_bytes = static_cast<size_t>(bytes_of(result.image));
  n.target_bytes = static_cast<size_t>(bytes_of(result.target));
  n.output_bytes = static_cast<size_t>(bytes_of(result.output));
  if (has_classes) {
    n.pixels = static_cast<size_t>(element_count(result.target.shape));
    n.classes = static_cast<size_t>(element_count(result.output.shape)) / n.pixels;
  }
  n.images_place = aligned(std::max(program.blueprint.workspace_bytes(result.step_entry),
                                    program.blueprint.workspace_bytes(result.evaluate_entry)));
  n.targets_place = n.images_place + aligned(model.batch_size * bytes_of(result.image));
  n.outputs_place = n.targets_place + aligned(model.batch_size * bytes_of(result.target));
  n.workspace_bytes = n.outputs_place + aligned(model.batch_size * bytes_of(result.output));
  measure_export(result.tensors, n);
  return result;
}

int64_t padded(int64_t batch, int64_t lanes) { return (batch + lanes - 1) / lanes * lanes; }

}  // namespace

KernelTarget training_target(KernelTarget target, int64_t batch) {
  constexpr int kFewestLanes = 4;
  int& lanes = target.machine.lanes;
  while (lanes > kFewestLanes && 2 * padded(batch, lanes) >= 3 * padded(batch, lanes / 2)) {
    lanes /= 2;
  }
  return target;
}

Result<TrainingProgram> training_program(const ModelDescription& model, const std::string& prefix,
                                         std::vector<KernelTarget> targets) {
  for (KernelTarget& target : targets) {
    target = training_target(std::move(target), model.batch_size);
    target.winograd &= model.winograd;
  }
  // A batch that is padded for the widest vectors is padded for all.
  int lanes = 1;
  for (const KernelTarget& target : targets) lanes = std::max(lanes, target.machine.lanes);
  Result<Graph> step = training_graph(model, lanes);
  if (!step) return step.diagnostics();
  Result<Graph> evaluation = evaluation_graph(model, lanes);
  if (!evaluation) return evaluation.diagnostics();
  TrainingProgram program{make_plan(std::move(*step), kTrainingPlan),
                          make_plan(std::move(*evaluation), kTrainingPlan),
                          Blueprint(prefix, targets),
                          {}};
  TrainingDescription& description = program.description;
  description.prefix = prefix;
  description.step_entry = prefix + "_step_batch";
  description.evaluate_entry = prefix + "_evaluate_batch";
  program.blueprint.add_entry(description.step_entry, program.step, kTrainingPlan.layout, {},
                              EntryForm::checked);
  program.blueprint.add_entry(description.evaluate_entry, program.evaluation, kTrainingPlan.layout,
                              {}, EntryForm::checked);
  description = describe(model, program, targets);
  return program;
}

}  // namespace cnnc
