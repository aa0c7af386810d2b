// "training": schedulers of the learning rate, limits of gradients; and "weight_decay_exclude".
#include <catch2/catch.hpp>
#include <string>

#include "compiler/frontend/model.h"
#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

ModelDescription parsed(const std::string& more) {
  const std::string text =
      R"({"cnnc": 1, "name": "net", "input": {"shape": [4]}, "layers": [{"type": "ReLU"}], )" +
      more + "}";
  Result<ModelDescription> model = parse_model(std::make_shared<Source>(Source{"m.json", text}));
  INFO(render(model.diagnostics()));
  REQUIRE(model.ok());
  return *model;
}

LrSchedulerDescription scheduler(const std::string& json) {
  return parsed(R"("training": {"lr_scheduler": )" + json + "}").lr_scheduler;
}

}  // namespace

TEST_CASE("what training has unless told otherwise", "[frontend]") {
  const ModelDescription model = parsed(R"("training": {})");
  CHECK(model.clip_grad_norm == 0);
  CHECK(model.clip_grad_value == 0);
  CHECK(model.lr_scheduler.type.empty());
  CHECK(model.weight_decay_exclude.empty());
}

TEST_CASE("limits of gradients", "[frontend]") {
  const ModelDescription model =
      parsed(R"("training": {"clip_grad_norm": 1, "clip_grad_value": 0.5})");
  CHECK(model.clip_grad_norm == 1);
  CHECK(model.clip_grad_value == 0.5);
}

TEST_CASE("parameters without weight decay", "[frontend]") {
  const ModelDescription model = parsed(
      R"("optimizer": {"type": "AdamW", "weight_decay_exclude": ["bias", "norm", "embed.*"]})");
  CHECK(model.weight_decay_exclude == std::vector<std::string>{"bias", "norm", "embed.*"});
  CHECK(model.weight_decay_exclude_place.pointer == "/optimizer/weight_decay_exclude");
  CHECK(model.optimizer.op->name == "AdamW");
  CHECK(model.optimizer.attrs.all().empty());
}

TEST_CASE("schedulers have PyTorch's defaults", "[frontend]") {
  const LrSchedulerDescription step = scheduler(R"({"type": "StepLR", "step_size": 10})");
  CHECK(step.type == "StepLR");
  CHECK(step.attrs.integer("step_size") == 10);
  CHECK(step.attrs.real("gamma") == 0.1);
  CHECK_FALSE(step.per_step);
  CHECK(step.place.pointer == "/training/lr_scheduler");
  CHECK(scheduler(R"({"type": "StepLR", "step_size": 10, "interval": "steps"})").per_step);

  const LrSchedulerDescription cycle = scheduler(R"({"type": "OneCycleLR", "max_lr": 0.1})");
  CHECK(cycle.per_step);
  CHECK_FALSE(cycle.attrs.has("total_steps"));
  CHECK(cycle.attrs.real("pct_start") == 0.3);
  CHECK(cycle.attrs.real("div_factor") == 25);
  CHECK(cycle.attrs.real("final_div_factor") == 1e4);
  CHECK(cycle.attrs.text("anneal_strategy") == "cos");
  CHECK_FALSE(cycle.attrs.boolean("three_phase"));

  const LrSchedulerDescription plateau = scheduler(R"({"type": "ReduceLROnPlateau"})");
  CHECK(plateau.attrs.text("mode") == "min");
  CHECK(plateau.attrs.real("factor") == 0.1);
  CHECK(plateau.attrs.integer("patience") == 10);
  CHECK(plateau.attrs.real("threshold") == 1e-4);
  CHECK(plateau.attrs.text("threshold_mode") == "rel");
  CHECK(plateau.attrs.integer("cooldown") == 0);
  CHECK(plateau.attrs.real("min_lr") == 0);
  CHECK(plateau.attrs.real("eps") == 1e-8);

  const LrSchedulerDescription linear = scheduler(R"({"type": "LinearLR"})");
  CHECK(linear.attrs.real("start_factor") == 1.0 / 3);
  CHECK(linear.attrs.real("end_factor") == 1);
  CHECK(linear.attrs.integer("total_iters") == 5);
  CHECK(scheduler(R"({"type": "CosineAnnealingLR", "T_max": 9})").attrs.real("eta_min") == 0);
  CHECK(scheduler(R"({"type": "MultiStepLR", "milestones": [30, 80]})").attrs.reals("milestones") ==
        std::vector<double>{30, 80});
}

TEST_CASE("schedulers one after the other", "[frontend]") {
  const LrSchedulerDescription sequence = scheduler(R"({"type": "SequentialLR", "interval": "steps",
    "schedulers": [{"type": "LinearLR"}, {"type": "ExponentialLR", "gamma": 0.9}],
    "milestones": [5]})");
  CHECK(sequence.type == kSequentialLr);
  CHECK(sequence.per_step);
  REQUIRE(sequence.schedulers.size() == 2);
  CHECK(sequence.schedulers[0].type == "LinearLR");
  CHECK(sequence.schedulers[1].attrs.real("gamma") == 0.9);
  CHECK(sequence.attrs.reals("milestones") == std::vector<double>{5});
}

}  // namespace cnnc
