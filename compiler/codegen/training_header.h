// The C header that goes with an object for training.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cnnc_training.h"
#include "compiler/codegen/header_text.h"

namespace cnnc {

struct TrainingTensor {
  std::string name;
  bool is_weight = false;  // belongs to the network; else to the optimizer
  Shape shape;
  int64_t place = 0;  // in the state, in bytes
  float bound = 0;    // initial elements are drawn from [-bound, bound) ...
  float fill = 0;     // ... or, where that is 0, are this
};

struct TrainingDescription {
  std::string prefix;                // of the functions: a C identifier
  std::string model;                 // the network's name, as its author writes it
  std::vector<std::string> targets;  // what there is code for, the best first
  std::string step_entry;
  std::string evaluate_entry;
  HeaderTensor image, target, output;
  std::vector<TrainingTensor> tensors;
  // Its numbers; pointers are not set.
  cnnc_training numbers = {};
  int64_t stack_bytes = 0;  // that a call needs at most; 0: not known, and not said
};

// The id of names, shapes and places.
[[nodiscard]] uint64_t tensors_id(const std::vector<TrainingTensor>& tensors);
// As the runtime knows them; the names are those of `tensors`, which outlive the result.
[[nodiscard]] std::vector<cnnc_tensor> runtime_tensors(const std::vector<TrainingTensor>& tensors);

// Valid C99 and C++; the same description gives the same text.
[[nodiscard]] std::string c_training_header(const TrainingDescription& description);

}  // namespace cnnc
