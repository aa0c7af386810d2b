// lr_scheduler_specs: names, attributes and defaults of torch.optim.lr_scheduler. Tested by
// tests/frontend/training_section_test.cpp.
#include <limits>

#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

AttrSpec spec(std::string name, AttrKind kind, AttrValue fallback, double least, double most,
              std::string doc) {
  AttrSpec result;
  result.name = std::move(name);
  result.kind = kind;
  result.fallback = std::move(fallback);
  result.least = least;
  result.most = most;
  result.doc = std::move(doc);
  return result;
}

AttrSpec needed(AttrSpec result) {
  result.required = true;
  return result;
}

AttrSpec word(std::string name, std::vector<std::string> choices, std::string doc) {
  AttrSpec result;
  result.name = std::move(name);
  result.kind = AttrKind::text;
  result.fallback = choices[0];
  result.choices = std::move(choices);
  result.doc = std::move(doc);
  return result;
}

AttrSpec flag(std::string name, std::string doc) {
  AttrSpec result;
  result.name = std::move(name);
  result.kind = AttrKind::boolean;
  result.fallback = false;
  result.doc = std::move(doc);
  return result;
}

constexpr double kMost = std::numeric_limits<double>::infinity();

AttrSpec count(std::string name, AttrValue fallback, std::string doc) {
  return spec(std::move(name), AttrKind::integer, std::move(fallback), 1, kMost, std::move(doc));
}

AttrSpec amount(std::string name, AttrValue fallback, std::string doc) {
  return spec(std::move(name), AttrKind::real, std::move(fallback), 0, kMost, std::move(doc));
}

AttrSpec share(std::string name, AttrValue fallback, std::string doc) {
  return spec(std::move(name), AttrKind::real, std::move(fallback), 0, 1, std::move(doc));
}

}  // namespace

const std::vector<LrSchedulerSpec>& lr_scheduler_specs() {
  static const std::vector<LrSchedulerSpec> kSpecs = {
      {"StepLR",
       "Multiplies the rate by gamma after every step_size",
       {needed(count("step_size", {}, "distance of the changes")),
        amount("gamma", 0.1, "what the rate is multiplied with")},
       false},
      {"MultiStepLR",
       "Multiplies the rate by gamma at each milestone",
       {needed(spec("milestones", AttrKind::reals, {}, 0, 2147483647,
                    "when the rate changes: rising whole numbers")),
        amount("gamma", 0.1, "what the rate is multiplied with")},
       false},
      {"ConstantLR",
       "Multiplies the rate by factor until total_iters",
       {share("factor", 1.0 / 3, "what the rate is multiplied with"),
        count("total_iters", int64_t{5}, "when that ends")},
       false},
      {"LinearLR",
       "A factor that goes from one number to another in equal steps: a warm-up",
       {spec("start_factor", AttrKind::real, 1.0 / 3, 1e-30, 1, "the factor at the start"),
        share("end_factor", 1.0, "the factor from total_iters on"),
        count("total_iters", int64_t{5}, "when the end is reached")},
       false},
      {"ExponentialLR",
       "Multiplies the rate by gamma each time",
       {needed(amount("gamma", {}, "what the rate is multiplied with"))},
       false},
      {"PolynomialLR",
       "Falls to 0 as a power of the time left",
       {count("total_iters", int64_t{5}, "when the rate is 0"),
        amount("power", 1.0, "of the share of the time left")},
       false},
      {"CosineAnnealingLR",
       "Half a cosine from the rate to eta_min",
       {needed(count("T_max", {}, "when eta_min is reached; then the cosine goes on")),
        amount("eta_min", 0.0, "the least rate")},
       false},
      {"CosineAnnealingWarmRestarts",
       "Half a cosine from the rate to eta_min, again and again",
       {needed(count("T_0", {}, "length of the first period")),
        count("T_mult", int64_t{1}, "by how much each period is longer than the one before"),
        amount("eta_min", 0.0, "the least rate")},
       false},
      {"OneCycleLR",
       "Up to max_lr and down again, once in the whole training; the momentum stays as it is",
       {needed(amount("max_lr", {}, "the greatest rate")),
        count("total_steps", {}, "of the cycle; default: all steps of the training"),
        share("pct_start", 0.3, "share of the cycle that goes up"),
        word("anneal_strategy", {"cos", "linear"}, "the form of the ways up and down"),
        spec("div_factor", AttrKind::real, 25.0, 1e-30, kMost, "max_lr / the first rate"),
        spec("final_div_factor", AttrKind::real, 1e4, 1e-30, kMost,
             "the first rate / the last one"),
        flag("three_phase", "goes down to the first rate as it went up, then to the last one")},
       true},
      {"ReduceLROnPlateau",
       "Multiplies the rate by factor where the test loss has not become better for a while",
       {word("mode", {"min", "max"}, "which loss is better"),
        share("factor", 0.1, "what the rate is multiplied with; below 1"),
        spec("patience", AttrKind::integer, int64_t{10}, 0, kMost,
             "epochs without progress that are suffered"),
        amount("threshold", 1e-4, "progress that counts"),
        word("threshold_mode", {"rel", "abs"}, "whether the threshold is a share of the loss"),
        spec("cooldown", AttrKind::integer, int64_t{0}, 0, kMost,
             "epochs after a change that are not judged"),
        amount("min_lr", 0.0, "the least rate"),
        amount("eps", 1e-8, "smaller changes are left out")},
       false},
  };
  return kSpecs;
}

}  // namespace cnnc
