// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/training.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "tools/cli/stop_signal.h"
#include "tools/data/batches.h"
#include "tools/data/prefetcher.h"

namespace cnnc::cli {
namespace {

constexpr int64_t kReportEvery = 100;  // batches

std::string of(int64_t part, int64_t whole) {
  return std::to_string(part) + "/" + std::to_string(whole);
}

double per(double total, double parts) { return parts > 0 ? total / parts : 0; }

}  // namespace

TrainingRun::TrainingRun(const TrainingData& data, TrainingState state, int64_t epochs,
                         std::string output, std::string checkpoint)
    : data_(data),
      state_(std::move(state)),
      epochs_(epochs),
      output_(std::move(output)),
      checkpoint_(std::move(checkpoint)) {}

void TrainingRun::announce() {
  std::string text = state_.model + ": " + std::to_string(data_.train.count) +
                     " training images in batches of " + std::to_string(state_.batch_size) + ", " +
                     std::to_string(data_.test.count) + " test images, seed " +
                     std::to_string(state_.seed) + (state_.shuffle ? "" : ", not shuffled");
  if (state_.batch > 0) {
    text += "; resumes after batch " + std::to_string(state_.batch) + " of epoch " +
            std::to_string(state_.epoch + 1);
  } else if (state_.epoch > 0) {
    text += "; resumes after epoch " + std::to_string(state_.epoch);
  }
  display_.line(text);
}

Result<TrainingEnd> TrainingRun::train(Trainer& trainer) {
  trainer.set_length((data_.train.count - 1) / state_.batch_size + 1, epochs_);
  bool tested = false;
  bool stopped = false;
  if (trainer.epochs_done() < state_.epoch) {  // stopped before the last epoch was tested
    tested = test(trainer);
    stopped = !tested;
  }
  while (!stopped && state_.epoch < epochs_) {
    stopped = !train_epoch(trainer);
    if (stopped) break;
    const Status saved = save_checkpoint(trainer);
    if (!saved) return saved.diagnostics();
    tested = test(trainer);
    stopped = !tested;
  }
  if (!stopped && !tested) stopped = !test(trainer);  // there was no epoch left
  const Status saved = save(trainer);
  if (!saved) return saved.diagnostics();
  if (stopped) return TrainingEnd::stopped;
  display_.line("wrote " + output_);
  return TrainingEnd::finished;
}

bool TrainingRun::train_epoch(Trainer& trainer) {
  using Clock = std::chrono::steady_clock;
  const Shuffle shuffle{state_.seed, state_.epoch};
  Batches batches(data_.train, state_.batch_size,
                  state_.shuffle ? std::optional<Shuffle>(shuffle) : std::nullopt);
  batches.augment(data_.augmentation, shuffle);
  batches.seek(state_.batch);
  Prefetcher prefetcher(std::move(batches));
  const int64_t count = prefetcher.size();
  Batch batch;
  double shown_loss = per(state_.epoch_loss, static_cast<double>(state_.batch));
  Clock::time_point last = Clock::now();
  while (!stop_requested() && prefetcher.next(batch)) {
    const double loss = trainer.step(batch.images.data(), batch.labels.data(), batch.count);
    const Clock::time_point now = Clock::now();
    state_.seconds += std::chrono::duration<double>(now - last).count();
    last = now;
    ++state_.batch;
    state_.epoch_loss += loss;
    state_.recent_loss += loss;
    if (state_.batch % kReportEvery == 0) {
      shown_loss = state_.recent_loss / kReportEvery;
      state_.recent_loss = 0;
      const Moment at = moment(count, shown_loss);
      display_.line("epoch " + of(at.epoch + 1, at.epochs) + ", batch " + of(at.batch, at.batches) +
                    ": loss " + fixed(at.loss, 4) + ", " + fixed(at.images_per_second, 0) +
                    " images/s, " + duration_text(at.seconds_left) + " left");
    }
    display_.bar(moment(count, shown_loss > 0 ? shown_loss : loss));
  }
  display_.clear_bar();
  if (state_.batch < count) return false;

  const double mean_loss = per(state_.epoch_loss, static_cast<double>(state_.batch));
  const double rate = per(static_cast<double>(data_.train.count), state_.seconds);
  display_.line("epoch " + of(state_.epoch + 1, epochs_) + ": mean loss " + fixed(mean_loss, 4) +
                ", " + fixed(state_.seconds, 1) + " s, " + fixed(rate, 0) + " images/s");
  ++state_.epoch;
  state_.batch = 0;
  state_.epoch_loss = 0;
  state_.recent_loss = 0;
  state_.seconds = 0;
  return true;
}

bool TrainingRun::test(Trainer& trainer) {
  Prefetcher prefetcher(Batches(data_.test, state_.batch_size));
  Batch batch;
  Evaluation sum;
  while (prefetcher.next(batch)) {
    if (stop_requested()) return false;
    const Evaluation part = trainer.evaluate(batch.images.data(), batch.labels.data(), batch.count);
    sum.loss += part.loss * static_cast<double>(part.count);
    sum.correct += part.correct;
    sum.count += part.count;
    sum.targets += part.targets;
  }
  const auto count = static_cast<double>(sum.count);
  const double percent =
      per(100 * static_cast<double>(sum.correct), static_cast<double>(sum.targets));
  if (trainer.epochs_done() < state_.epoch) trainer.end_epoch(per(sum.loss, count));
  display_.line("test: loss " + fixed(per(sum.loss, count), 4) + ", accuracy " + fixed(percent, 2) +
                " % (" + std::to_string(sum.correct) + " / " + std::to_string(sum.targets) + ")");
  return true;
}

int64_t TrainingRun::images_done() const {
  return std::min(state_.batch * state_.batch_size, state_.images);
}

Moment TrainingRun::moment(int64_t batches, double loss) const {
  Moment result;
  result.epoch = state_.epoch;
  result.epochs = epochs_;
  result.batch = state_.batch;
  result.batches = batches;
  result.loss = loss;
  result.images_per_second = per(static_cast<double>(images_done()), state_.seconds);
  const int64_t left = (epochs_ - state_.epoch) * state_.images - images_done();
  result.seconds_left = per(static_cast<double>(left), result.images_per_second);
  return result;
}

Status TrainingRun::save_checkpoint(const Trainer& trainer) const {
  return trainer.save_checkpoint(checkpoint_, to_text(state_));
}

Status TrainingRun::save(const Trainer& trainer) const {
  const Status weights = trainer.save_weights(output_);
  const Status checkpoint = save_checkpoint(trainer);
  if (weights && checkpoint) return success();
  Diagnostics problems = weights.diagnostics();
  problems.insert(problems.end(), checkpoint.diagnostics().begin(), checkpoint.diagnostics().end());
  return problems;
}

}  // namespace cnnc::cli
