// Tested by tests/driver/lr_schedule_test.cpp.
#include "compiler/driver/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <utility>

namespace cnnc {
namespace {

constexpr double kPi = 3.14159265358979323846;

// From `start` to `end`, done in the share `part`.
double annealed(const std::string& strategy, double start, double end, double part) {
  if (strategy == "linear") return start + (end - start) * part;
  return end + (start - end) / 2 * (1 + std::cos(kPi * part));
}

double one_cycle(const Attrs& attrs, double t, double length) {
  const double most = attrs.real("max_lr");
  const double first = most / attrs.real("div_factor");
  const double last = first / attrs.real("final_div_factor");
  const double share = attrs.real("pct_start");
  const std::string& strategy = attrs.text("anneal_strategy");
  struct Phase {
    double end, from, to;
  };
  std::vector<Phase> phases = {{share * length - 1, first, most}, {length - 1, most, last}};
  if (attrs.boolean("three_phase")) {
    phases[1] = {2 * share * length - 2, most, first};
    phases.push_back({length - 1, first, last});
  }
  double begin = 0;
  for (const Phase& phase : phases) {
    if (t <= phase.end || &phase == &phases.back()) {
      const double extent = phase.end - begin;
      // PyTorch refuses to go on after the cycle; here the last rate stays.
      return annealed(strategy, phase.from, phase.to,
                      extent > 0 ? std::min((t - begin) / extent, 1.0) : 1.0);
    }
    begin = phase.end;
  }
  return last;
}

double warm_restarts(const Attrs& attrs, double base, double t) {
  const double least = attrs.real("eta_min");
  auto period = static_cast<double>(attrs.integer("T_0"));
  const auto growth = static_cast<double>(attrs.integer("T_mult"));
  if (growth == 1) {
    t = std::fmod(t, period);
  } else {
    while (t >= period) {
      t -= period;
      period *= growth;
    }
  }
  return least + (base - least) * (1 + std::cos(kPi * t / period)) / 2;
}

// The rate after t steps (or epochs) of a training of `length`.
double rate_at(const LrSchedulerDescription& scheduler, double base, int64_t count,
               int64_t length) {
  const std::string& type = scheduler.type;
  const Attrs& attrs = scheduler.attrs;
  const auto t = static_cast<double>(count);
  const auto total = [&] { return static_cast<double>(attrs.integer("total_iters")); };
  if (type == "StepLR") {
    const int64_t changes = count / attrs.integer("step_size");
    return base * std::pow(attrs.real("gamma"), static_cast<double>(changes));
  }
  if (type == "MultiStepLR") {
    const std::vector<double>& milestones = attrs.reals("milestones");
    const auto changes = std::upper_bound(milestones.begin(), milestones.end(), t);
    return base * std::pow(attrs.real("gamma"), static_cast<double>(changes - milestones.begin()));
  }
  if (type == "ConstantLR") return t < total() ? base * attrs.real("factor") : base;
  if (type == "LinearLR") {
    const double start = attrs.real("start_factor"), end = attrs.real("end_factor");
    return base * (start + (end - start) * std::min(t, total()) / total());
  }
  if (type == "ExponentialLR") return base * std::pow(attrs.real("gamma"), t);
  if (type == "PolynomialLR") {
    return base * std::pow(1 - std::min(t, total()) / total(), attrs.real("power"));
  }
  if (type == "CosineAnnealingLR") {
    const double least = attrs.real("eta_min");
    const auto half = static_cast<double>(attrs.integer("T_max"));
    return least + (base - least) * (1 + std::cos(kPi * t / half)) / 2;
  }
  if (type == "CosineAnnealingWarmRestarts") return warm_restarts(attrs, base, t);
  if (type == "OneCycleLR") {
    const int64_t steps = attrs.has("total_steps") ? attrs.integer("total_steps") : length;
    return one_cycle(attrs, t, static_cast<double>(std::max<int64_t>(steps, 1)));
  }
  // SequentialLR: each counts from its milestone.
  const std::vector<double>& milestones = attrs.reals("milestones");
  const auto next = std::upper_bound(milestones.begin(), milestones.end(), t);
  const auto index = static_cast<size_t>(next - milestones.begin());
  const auto begin = index == 0 ? 0 : static_cast<int64_t>(milestones[index - 1]);
  return rate_at(scheduler.schedulers[index], base, count - begin, length - begin);
}

}  // namespace

LrSchedule::LrSchedule(LrSchedulerDescription scheduler) : scheduler_(std::move(scheduler)) {}

void LrSchedule::set_length(int64_t steps_per_epoch, int64_t epochs) {
  epoch_length_ = steps_per_epoch;
  length_ = steps_per_epoch * epochs;
}

double LrSchedule::rate(double base) const {
  if (scheduler_.type.empty()) return base;
  if (scheduler_.type == "ReduceLROnPlateau") return base * factor_;
  const int64_t epochs = epoch_length_ > 0 ? length_ / epoch_length_ : 0;
  return rate_at(scheduler_, base, scheduler_.per_step ? steps_ : epochs_,
                 scheduler_.per_step ? length_ : epochs);
}

void LrSchedule::end_epoch(double loss, double base) {
  ++epochs_;
  if (scheduler_.type == "ReduceLROnPlateau") judge(loss, base);
}

void LrSchedule::judge(double loss, double base) {
  const Attrs& attrs = scheduler_.attrs;
  const bool is_min = attrs.text("mode") == "min";
  const double threshold = attrs.real("threshold");
  const double margin = attrs.text("threshold_mode") == "abs" ? threshold : threshold * best_;
  const bool is_better = !has_best_ ? std::isfinite(loss)
                         : is_min   ? loss < best_ - margin
                                    : loss > best_ + margin;
  if (is_better) {
    best_ = loss;
    has_best_ = true;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;
  }
  if (cooldown_ > 0) {
    --cooldown_;
    bad_epochs_ = 0;
  }
  if (bad_epochs_ <= attrs.integer("patience")) return;
  const double before = base * factor_;
  const double after = std::max(before * attrs.real("factor"), attrs.real("min_lr"));
  if (before - after > attrs.real("eps")) factor_ = after / base;
  cooldown_ = attrs.integer("cooldown");
  bad_epochs_ = 0;
}

std::string LrSchedule::state() const {
  char text[256];
  std::snprintf(text, sizeof text, "%lld %lld %.17g %.17g %d %lld %lld",
                static_cast<long long>(steps_), static_cast<long long>(epochs_), factor_, best_,
                has_best_ ? 1 : 0, static_cast<long long>(bad_epochs_),
                static_cast<long long>(cooldown_));
  return text;
}

bool LrSchedule::restore(const std::string& text) {
  LrSchedule read = *this;
  std::istringstream words(text);
  words >> read.steps_ >> read.epochs_ >> read.factor_ >> read.best_ >> read.has_best_ >>
      read.bad_epochs_ >> read.cooldown_;
  if (words.fail() || read.steps_ < 0 || read.epochs_ < 0) return false;
  *this = std::move(read);
  return true;
}

}  // namespace cnnc
