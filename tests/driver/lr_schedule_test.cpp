// The rates are those of PyTorch's schedulers: their recursions, written down anew, and numbers
// from their documentation.
#include "compiler/driver/lr_schedule.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <random>

#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

const double kPi = std::acos(-1.0);

LrSchedulerDescription scheduler(const std::string& type,
                                 const std::vector<std::pair<std::string, AttrValue>>& attrs) {
  LrSchedulerDescription result;
  result.type = type;
  for (const LrSchedulerSpec& spec : lr_scheduler_specs()) {
    if (spec.name != type) continue;
    for (const auto& [name, value] : attrs) result.attrs.set(name, value);
    set_defaults(result.attrs, spec.attrs);
    result.per_step = spec.per_step;
    return result;
  }
  for (const auto& [name, value] : attrs) result.attrs.set(name, value);
  return result;
}

AttrValue number(int64_t value) { return value; }

// The rates of `count` epochs.
std::vector<double> rates(const LrSchedulerDescription& description, double base, int count) {
  LrSchedule schedule(description);
  schedule.set_length(2, count);
  std::vector<double> result;
  for (int epoch = 0; epoch < count; ++epoch) {
    result.push_back(schedule.rate(base));
    schedule.end_step();
    CHECK(schedule.rate(base) == result.back());  // within an epoch it stays
    schedule.end_step();
    schedule.end_epoch(1, base);
  }
  return result;
}

// The rates that PyTorch's step() gives one after the other: next(rate, t), t from 1.
void check_recursion(const std::vector<double>& found, double first,
                     const std::function<double(double, int)>& next) {
  double rate = first;
  for (size_t t = 0; t < found.size(); ++t) {
    INFO("after " << t);
    if (t > 0) rate = next(rate, static_cast<int>(t));
    CHECK(found[t] == Approx(rate).epsilon(1e-12).margin(1e-15));
  }
}

}  // namespace

TEST_CASE("without a scheduler the rate stays") {
  LrSchedule schedule;
  schedule.end_step();
  schedule.end_epoch(1, 0.5);
  CHECK(schedule.rate(0.5) == 0.5);
}

TEST_CASE("the rates of schedulers are those of PyTorch's recursions") {
  check_recursion(rates(scheduler("StepLR", {{"step_size", number(3)}, {"gamma", 0.5}}), 0.8, 12),
                  0.8, [](double rate, int t) { return t % 3 == 0 ? rate * 0.5 : rate; });
  check_recursion(
      rates(scheduler("MultiStepLR", {{"milestones", std::vector<double>{2, 5, 5}}}), 0.8, 9), 0.8,
      [](double rate, int t) { return t == 2   ? rate * 0.1
                                      : t == 5 ? rate * 0.1 * 0.1
                                               : rate; });
  check_recursion(rates(scheduler("ExponentialLR", {{"gamma", 0.9}}), 0.8, 9), 0.8,
                  [](double rate, int) { return rate * 0.9; });
  check_recursion(
      rates(scheduler("ConstantLR", {{"factor", 0.5}, {"total_iters", number(4)}}), 0.05, 8), 0.025,
      [](double rate, int t) { return t == 4 ? rate / 0.5 : rate; });
  const double start = 1.0 / 3;
  check_recursion(rates(scheduler("LinearLR", {}), 0.8, 9), 0.8 * start, [&](double rate, int t) {
    if (t > 5) return rate;
    return rate * (1 + (1 - start) / (5 * start + (t - 1) * (1 - start)));
  });
  check_recursion(
      rates(scheduler("PolynomialLR", {{"total_iters", number(4)}, {"power", 2.0}}), 0.8, 8), 0.8,
      [](double rate, int t) {
        if (t > 4) return rate;
        return rate * std::pow((1 - t / 4.0) / (1 - (t - 1) / 4.0), 2.0);
      });
  check_recursion(
      rates(scheduler("CosineAnnealingLR", {{"T_max", number(7)}, {"eta_min", 0.01}}), 0.8, 22),
      0.8, [](double rate, int t) {
        if ((t - 1 - 7) % 14 == 0) return rate + (0.8 - 0.01) * (1 - std::cos(kPi / 7)) / 2;
        return (1 + std::cos(kPi * t / 7)) / (1 + std::cos(kPi * (t - 1) / 7)) * (rate - 0.01) +
               0.01;
      });
}

TEST_CASE("the rates in PyTorch's documentation") {
  // StepLR: 0.05 to epoch 30, then 0.005, then 0.0005; LinearLR: 0.025, 0.03125, 0.0375, 0.04375.
  const std::vector<double> steps =
      rates(scheduler("StepLR", {{"step_size", number(30)}}), 0.05, 90);
  CHECK(steps[29] == Approx(0.05));
  CHECK(steps[30] == Approx(0.005));
  CHECK(steps[60] == Approx(0.0005));
  const std::vector<double> linear =
      rates(scheduler("LinearLR", {{"start_factor", 0.5}, {"total_iters", number(4)}}), 0.05, 6);
  const std::vector<double> wanted = {0.025, 0.03125, 0.0375, 0.04375, 0.05, 0.05};
  for (size_t i = 0; i < wanted.size(); ++i) CHECK(linear[i] == Approx(wanted[i]));
}

TEST_CASE("CosineAnnealingWarmRestarts begins again") {
  const std::vector<double> same =
      rates(scheduler("CosineAnnealingWarmRestarts", {{"T_0", number(4)}}), 1, 9);
  for (const size_t begin : {0, 4, 8}) CHECK(same[begin] == 1);
  CHECK(same[2] == Approx(0.5));
  CHECK(same[7] == Approx((1 + std::cos(kPi * 3 / 4)) / 2));
  // Periods of 2, 4 and 8.
  const std::vector<double> longer = rates(
      scheduler("CosineAnnealingWarmRestarts", {{"T_0", number(2)}, {"T_mult", number(2)}}), 1, 15);
  for (const size_t begin : {0, 2, 6, 14}) CHECK(longer[begin] == 1);
  for (const size_t middle : {1, 4, 10}) CHECK(longer[middle] == Approx(0.5));
}

TEST_CASE("OneCycleLR counts steps") {
  // By hand: 10 steps, up in 0.3 * 10 - 1 = 2 of them from 1 / 25, then down to 1 / 250000.
  LrSchedule schedule(
      scheduler("OneCycleLR", {{"max_lr", 1.0}, {"anneal_strategy", std::string("linear")}}));
  schedule.set_length(5, 2);
  const double first = 1.0 / 25, last = first / 1e4;
  const std::vector<double> wanted = {first, (1 + first) / 2, 1};
  for (int step = 0; step < 10; ++step) {
    INFO("step " << step);
    const double rate = step < 3 ? wanted[step] : 1 + (last - 1) * (step - 2) / 7;
    CHECK(schedule.rate(0.5) == Approx(rate));
    schedule.end_step();
    if (step == 4) schedule.end_epoch(1, 0.5);
  }
  CHECK(schedule.rate(0.5) == Approx(last));  // and stays there

  // Three phases of 20 steps: up to step 5, down to step 10, out to step 19; each by a cosine.
  LrSchedule three(scheduler("OneCycleLR", {{"max_lr", 2.0},
                                            {"total_steps", number(20)},
                                            {"div_factor", 4.0},
                                            {"final_div_factor", 10.0},
                                            {"three_phase", true}}));
  const auto cosine = [](double from, double to, double part) {
    return to + (from - to) / 2 * (1 + std::cos(kPi * part));
  };
  for (int step = 0; step < 20; ++step) {
    INFO("step " << step);
    const double rate = step <= 5    ? cosine(0.5, 2, step / 5.0)
                        : step <= 10 ? cosine(2, 0.5, (step - 5) / 5.0)
                                     : cosine(0.5, 0.05, (step - 10) / 9.0);
    CHECK(three.rate(1) == Approx(rate));
    three.end_step();
  }
}

TEST_CASE("schedulers may count steps") {
  LrSchedulerDescription description = scheduler("StepLR", {{"step_size", number(2)}});
  description.per_step = true;
  LrSchedule schedule(description);
  schedule.end_step();
  schedule.end_epoch(1, 1);
  CHECK(schedule.rate(1) == 1);
  schedule.end_step();
  CHECK(schedule.rate(1) == Approx(0.1));
}

TEST_CASE("SequentialLR runs one scheduler after the other") {
  // PyTorch's documentation: ConstantLR with factor 0.1 for 20 epochs, then ExponentialLR.
  LrSchedulerDescription description =
      scheduler("SequentialLR", {{"milestones", std::vector<double>{20}}});
  description.schedulers = {scheduler("ConstantLR", {{"factor", 0.1}, {"total_iters", number(20)}}),
                            scheduler("ExponentialLR", {{"gamma", 0.9}})};
  const std::vector<double> found = rates(description, 0.05, 23);
  CHECK(found[0] == Approx(0.005));
  CHECK(found[19] == Approx(0.005));
  CHECK(found[20] == Approx(0.05));
  CHECK(found[21] == Approx(0.045));
  CHECK(found[22] == Approx(0.0405));
}

TEST_CASE("ReduceLROnPlateau waits, reduces, cools down") {
  LrSchedule schedule(scheduler("ReduceLROnPlateau", {{"factor", 0.5},
                                                      {"patience", number(1)},
                                                      {"threshold", 0.1},
                                                      {"cooldown", number(2)},
                                                      {"min_lr", 0.3}}));
  const double nan = std::nan("");
  // By hand. 10 is the best so far; 9.5 is no tenth better; after two bad epochs the rate falls,
  // and the next two are not judged.
  const std::vector<std::pair<double, double>> epochs = {
      {10, 1},    {8, 1},   {7.5, 1}, {7.3, 0.5}, {7.9, 0.5}, {7.9, 0.5}, {7.9, 0.5},
      {nan, 0.3}, {5, 0.3}, {9, 0.3}, {9, 0.3},   {9, 0.3},   {9, 0.3}};
  for (const auto& [loss, rate] : epochs) {
    INFO("loss " << loss);
    schedule.end_epoch(loss, 1);
    CHECK(schedule.rate(1) == Approx(rate));
  }
  LrSchedule rising(scheduler("ReduceLROnPlateau", {{"mode", std::string("max")},
                                                    {"threshold_mode", std::string("abs")},
                                                    {"threshold", 0.5},
                                                    {"patience", number(0)}}));
  for (const auto& [loss, rate] : std::vector<std::pair<double, double>>{
           {1, 1}, {1.6, 1}, {2, 0.1}, {2.2, 0.1}, {2.2, 0.01}}) {
    rising.end_epoch(loss, 1);
    CHECK(rising.rate(1) == Approx(rate));
  }
}

TEST_CASE("a schedule goes on from its state") {
  const LrSchedulerDescription description =
      scheduler("ReduceLROnPlateau", {{"patience", number(1)}, {"cooldown", number(1)}});
  LrSchedule whole(description);
  std::mt19937 random(1);
  INFO("seed 1");
  for (int epoch = 0; epoch < 30; ++epoch) {
    LrSchedule resumed(description);
    REQUIRE(resumed.restore(whole.state()));
    const double loss = static_cast<double>(random() % 1000) / 7;
    whole.end_epoch(loss, 0.1);
    resumed.end_epoch(loss, 0.1);
    CHECK(whole.rate(0.1) == resumed.rate(0.1));
    CHECK(whole.state() == resumed.state());
  }
  CHECK(whole.rate(0.1) < 0.01);
  LrSchedule other;
  CHECK_FALSE(other.restore(""));
  CHECK_FALSE(other.restore("1 2 three"));
  CHECK_FALSE(other.restore("-1 2 1 1 1 0 0"));
  CHECK(other.epochs() == 0);
}

}  // namespace cnnc
