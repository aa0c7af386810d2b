// How far a training has come: what a checkpoint keeps besides weights and the optimizer's state.
#pragma once
#include <cstdint>
#include <string>

#include "compiler/support/result.h"

namespace cnnc::cli {

struct TrainingState {
  // What was trained, and how. These must agree where a training is continued.
  std::string model;
  uint64_t seed = 0;
  bool shuffle = true;
  int64_t batch_size = 0;
  int64_t images = 0;  // of an epoch

  // Where it stands: `batch` batches of epoch `epoch` (from 0) are done.
  int64_t epoch = 0;
  int64_t batch = 0;
  double epoch_loss = 0;   // sum of the losses of those batches
  double recent_loss = 0;  // sum since the loss was last reported
  double seconds = 0;      // spent on the epoch
};

// JSON, in one line.
[[nodiscard]] std::string to_text(const TrainingState& state);
// The state in the checkpoint `path`, read without its weights being used.
[[nodiscard]] Result<TrainingState> read_training_state(const std::string& path);

}  // namespace cnnc::cli
