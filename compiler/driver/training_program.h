// The program of training: entries for a step and for an evaluation, which share one block of
// parameters.
#pragma once
#include "compiler/codegen/training_header.h"
#include "compiler/driver/blueprint.h"
#include "compiler/frontend/model.h"

namespace cnnc {

struct TrainingProgram {
  Plan step;
  Plan evaluation;
  Blueprint blueprint;
  // Names, sizes and places for headers and for the runtime (cnnc_training.h), all but the bytes of
  // stack and the build id, which further options of the blueprint change.
  TrainingDescription description;
};

// The target with vectors for batches of that size: narrower ones, where the widest would be padded
// with half as many images again or more.
[[nodiscard]] KernelTarget training_target(KernelTarget target, int64_t batch);

// With a version of the code for each target. The entries are called <prefix>_step_batch and
// <prefix>_evaluate_batch.
Result<TrainingProgram> training_program(const ModelDescription& model, const std::string& prefix,
                                         std::vector<KernelTarget> targets);

}  // namespace cnnc
