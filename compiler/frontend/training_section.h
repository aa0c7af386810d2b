// "training", and "weight_decay_exclude" of "optimizer". Internal to compiler/frontend.
#pragma once
#include "compiler/frontend/json.h"
#include "compiler/frontend/model.h"
#include "compiler/frontend/report.h"

namespace cnnc {

// `json` is an object.
void read_training(const Json& json, const Json& root, Report& report, ModelDescription& model);
void read_weight_decay_exclude(const Json& json, const Json& root, Report& report,
                               ModelDescription& model);

inline constexpr const char* kWeightDecayExclude = "weight_decay_exclude";
inline constexpr const char* kLrScheduler = "lr_scheduler";
inline constexpr const char* kAugmentation = "augmentation";

}  // namespace cnnc
