// The program of training: entries "step" and "evaluate", which share one block of parameters.
#pragma once
#include "compiler/driver/blueprint.h"
#include "compiler/frontend/model.h"

namespace cnnc {

struct TrainingProgram {
  Plan step;
  Plan evaluation;
  Blueprint blueprint;

  // For either entry.
  [[nodiscard]] int64_t workspace_bytes() const;
};

Result<TrainingProgram> training_program(const ModelDescription& model, const KernelTarget& target);

}  // namespace cnnc
