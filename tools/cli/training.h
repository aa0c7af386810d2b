// The loop of cnnc-train: epochs of steps, what it reports meanwhile, and what it saves when.
#pragma once
#include <cstdint>
#include <string>

#include "cnnc/cnnc.h"
#include "tools/cli/display.h"
#include "tools/cli/training_data.h"
#include "tools/cli/training_state.h"

namespace cnnc::cli {

enum class TrainingEnd { finished, stopped };

class TrainingRun {
 public:
  // Goes on from `state` up to `epochs` epochs. `data` must outlive this.
  TrainingRun(const TrainingData& data, TrainingState state, int64_t epochs, std::string output,
              std::string checkpoint);

  // Says what is about to be done.
  void announce();

  // Trains until the epochs are done or stop_requested(). A checkpoint is saved after each epoch;
  // weights and checkpoint at either end.
  [[nodiscard]] Result<TrainingEnd> train(Trainer& trainer);

 private:
  // These return whether they came to their end; else they were stopped.
  [[nodiscard]] bool train_epoch(Trainer& trainer);
  [[nodiscard]] bool test(Trainer& trainer);

  [[nodiscard]] int64_t images_done() const;  // of the epoch
  [[nodiscard]] Moment moment(int64_t batches, double loss) const;
  [[nodiscard]] Status save_checkpoint(const Trainer& trainer) const;
  [[nodiscard]] Status save(const Trainer& trainer) const;

  const TrainingData& data_;
  TrainingState state_;
  int64_t epochs_;
  std::string output_;
  std::string checkpoint_;
  Display display_;
};

}  // namespace cnnc::cli
