#include "compiler/driver/training_program.h"

#include <algorithm>

#include "compiler/driver/graphs.h"

namespace cnnc {

int64_t TrainingProgram::workspace_bytes() const {
  return std::max(blueprint.workspace_bytes("step"), blueprint.workspace_bytes("evaluate"));
}

Result<TrainingProgram> training_program(const ModelDescription& model,
                                         const KernelTarget& target) {
  Result<Graph> step = training_graph(model, target.machine.lanes);
  if (!step) return step.diagnostics();
  Result<Graph> evaluation = evaluation_graph(model, target.machine.lanes);
  if (!evaluation) return evaluation.diagnostics();
  TrainingProgram program{make_plan(std::move(*step), kTrainingPlan),
                          make_plan(std::move(*evaluation), kTrainingPlan),
                          Blueprint("train", target)};
  program.blueprint.add_entry("step", program.step, kTrainingPlan.layout);
  program.blueprint.add_entry("evaluate", program.evaluation, kTrainingPlan.layout);
  return program;
}

}  // namespace cnnc
