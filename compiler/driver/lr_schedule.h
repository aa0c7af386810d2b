// How the learning rate changes in the course of a training: the closed forms of PyTorch's
// schedulers, and what ReduceLROnPlateau remembers.
#pragma once
#include <cstdint>
#include <string>

#include "compiler/frontend/model.h"

namespace cnnc {

class LrSchedule {
 public:
  LrSchedule() = default;  // the rate that it is given
  explicit LrSchedule(LrSchedulerDescription scheduler);

  // How long the training is, where OneCycleLR is not told.
  void set_length(int64_t steps_per_epoch, int64_t epochs);

  // The rate of the next step, given what it would be without a schedule.
  [[nodiscard]] double rate(double base) const;

  void end_step() { ++steps_; }
  void end_epoch(double loss, double base);
  [[nodiscard]] int64_t epochs() const { return epochs_; }  // that have ended

  // For checkpoints, in one line. The description is no part of it.
  [[nodiscard]] std::string state() const;
  // Whether the text was a state; else nothing changes.
  [[nodiscard]] bool restore(const std::string& text);

 private:
  void judge(double loss, double base);

  LrSchedulerDescription scheduler_;
  int64_t length_ = 0;  // steps of the whole training; 0: nobody said
  int64_t epoch_length_ = 0;
  int64_t steps_ = 0;
  int64_t epochs_ = 0;

  // ReduceLROnPlateau
  double factor_ = 1;  // of the rate without a schedule
  double best_ = 0;
  bool has_best_ = false;
  int64_t bad_epochs_ = 0;
  int64_t cooldown_ = 0;
};

}  // namespace cnnc
