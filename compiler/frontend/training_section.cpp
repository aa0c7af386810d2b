// Tested by tests/frontend/training_section_test.cpp.
#include "compiler/frontend/training_section.h"

#include <algorithm>
#include <cmath>

#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/sections.h"

namespace cnnc {
namespace {

// A schedule within a schedule within ... is of no use.
constexpr int kDeepest = 4;

class SchedulerReader {
 public:
  SchedulerReader(const Json& root, Report& report) : root_(root), report_(report) {}

  void read(const Json& json, int depth, LrSchedulerDescription& scheduler) {
    scheduler.place = {report_.span(json.begin, json.end), pointer_at(root_, json.begin, json.end)};
    const Json* type = json.find("type");
    if (!json.is(JsonKind::object) || !type || !type->is(JsonKind::text)) {
      report_.error(json,
                    "expected an object with the key \"type\" (a learning rate scheduler), "
                    "found " +
                        describe(json));
      return;
    }
    std::vector<std::string> names;
    for (const LrSchedulerSpec& spec : lr_scheduler_specs()) {
      names.push_back(spec.name);
      if (spec.name == type->text) read_simple(json, spec, scheduler);
    }
    names.emplace_back(kSequentialLr);
    if (type->text == kSequentialLr) read_sequence(json, depth, scheduler);
    if (!scheduler.type.empty()) return;
    const std::string suggestion = suggest(type->text, names);
    report_.error(*type,
                  "unknown learning rate scheduler " + in_quotes(type->text) +
                      (suggestion.empty() ? "; there are " + listed(names) : ""),
                  suggestion);
  }

 private:
  const Json& root_;
  Report& report_;

  void read_simple(const Json& json, const LrSchedulerSpec& spec,
                   LrSchedulerDescription& scheduler) {
    scheduler.type = spec.name;
    scheduler.per_step = spec.per_step;
    scheduler.attrs =
        read_attributes(json, spec.attrs, {"type", "interval"}, spec.name, root_, report_).attrs;
    set_defaults(scheduler.attrs, spec.attrs);
    read_interval(json, scheduler);
    if (const Json* milestones = json.find("milestones")) check_rising(*milestones);
    const Json* factor = json.find("factor");
    if (spec.name == "ReduceLROnPlateau" && factor && factor->is_number() && factor->real >= 1) {
      report_.error(*factor, "factor must be below 1, found " + describe(*factor));
    }
    if (spec.name == "ReduceLROnPlateau" && scheduler.per_step) {
      report_.error(*json.find("interval"),
                    "ReduceLROnPlateau is judged by epochs: interval must be \"epochs\"");
    }
  }

  void read_interval(const Json& json, LrSchedulerDescription& scheduler) {
    const Json* interval = json.find("interval");
    if (!interval) return;
    const bool is_steps = interval->is(JsonKind::text) && interval->text == "steps";
    if (is_steps || (interval->is(JsonKind::text) && interval->text == "epochs")) {
      scheduler.per_step = is_steps;
    } else {
      report_.error(*interval,
                    "interval: expected \"epochs\" or \"steps\", found " + describe(*interval));
    }
  }

  // Numbers of another kind have been reported.
  void check_rising(const Json& json) {
    const Json* before = nullptr;
    for (const Json& each : json.is(JsonKind::array) ? json.children : std::vector<Json>{json}) {
      if (!each.is_number()) return;
      if (each.real != std::floor(each.real) || (before && each.real < before->real)) {
        report_.error(json, "milestones must be whole numbers that rise, found " +
                                (before ? describe(*before) + " and then " : "") + describe(each));
        return;
      }
      before = &each;
    }
  }

  void read_sequence(const Json& json, int depth, LrSchedulerDescription& scheduler) {
    scheduler.type = kSequentialLr;
    AttrSpec milestones;
    milestones.name = "milestones";
    milestones.kind = AttrKind::reals;
    milestones.required = true;
    milestones.least = 1;
    scheduler.attrs = read_attributes(json, {milestones}, {"type", "interval", "schedulers"},
                                      kSequentialLr, root_, report_)
                          .attrs;
    read_interval(json, scheduler);
    const Json* given = json.find("milestones");
    if (given) check_rising(*given);
    const Json* list = json.find("schedulers");
    if (!list || !list->is(JsonKind::array) || list->children.empty()) {
      report_.error(list ? *list : json,
                    "SequentialLR needs \"schedulers\": a list of schedulers, found " +
                        (list ? describe(*list) : std::string("none")));
      return;
    }
    if (depth >= kDeepest) {
      report_.error(*list, "schedulers are nested too deeply");
      return;
    }
    for (const Json& each : list->children) {
      LrSchedulerDescription inner;
      read(each, depth + 1, inner);
      if (inner.type == "ReduceLROnPlateau") {
        report_.error(each, "ReduceLROnPlateau cannot be part of SequentialLR");
      }
      if (const Json* interval = each.find("interval")) {
        report_.error(*interval, "the interval belongs to SequentialLR as a whole");
      }
      scheduler.schedulers.push_back(std::move(inner));
    }
    if (!given || !scheduler.attrs.has("milestones")) return;
    const size_t count = scheduler.attrs.reals("milestones").size();
    if (count + 1 == list->children.size()) return;
    report_.error(*given, "milestones: " + std::to_string(list->children.size()) +
                              " schedulers need " + std::to_string(list->children.size() - 1) +
                              " milestones between them, found " + std::to_string(count));
  }
};

void read_augmentation(const Json& json, const Json& root, Report& report,
                       std::vector<AugmentationDescription>& steps) {
  if (!json.is(JsonKind::array)) {
    report.error(json, "augmentation: expected a list of objects with the key \"type\", found " +
                           describe(json));
    return;
  }
  for (const Json& each : json.children) {
    const Json* type = each.find("type");
    if (!type || !type->is(JsonKind::text)) {
      report.error(each, "expected an object with the key \"type\" (an augmentation), found " +
                             describe(each));
      continue;
    }
    std::vector<std::string> names;
    const AugmentationSpec* found = nullptr;
    for (const AugmentationSpec& spec : augmentation_specs()) {
      names.push_back(spec.name);
      if (spec.name == type->text) found = &spec;
    }
    if (!found) {
      const std::string suggestion = suggest(type->text, names);
      report.error(*type,
                   "unknown augmentation " + in_quotes(type->text) +
                       (suggestion.empty() ? "; there are " + listed(names) : ""),
                   suggestion);
      continue;
    }
    AugmentationDescription step;
    step.type = found->name;
    step.attrs = read_attributes(each, found->attrs, {"type"}, found->name, root, report).attrs;
    set_defaults(step.attrs, found->attrs);
    step.place = {report.span(each.begin, each.end), pointer_at(root, each.begin, each.end)};
    steps.push_back(std::move(step));
  }
}

}  // namespace

void read_training(const Json& json, const Json& root, Report& report, ModelDescription& model) {
  ReadAttributes read = read_attributes(json, training_specs(), {kLrScheduler, kAugmentation},
                                        "training", root, report);
  set_defaults(read.attrs, training_specs());
  // Absent where the value was wrong.
  if (read.attrs.has("batch_size")) model.batch_size = read.attrs.integer("batch_size");
  if (read.attrs.has("epochs")) model.epochs = read.attrs.integer("epochs");
  if (read.attrs.has("clip_grad_norm")) model.clip_grad_norm = read.attrs.real("clip_grad_norm");
  if (read.attrs.has("clip_grad_value")) model.clip_grad_value = read.attrs.real("clip_grad_value");
  if (const Json* scheduler = json.find(kLrScheduler)) {
    SchedulerReader(root, report).read(*scheduler, 1, model.lr_scheduler);
  }
  if (const Json* augmentation = json.find(kAugmentation)) {
    read_augmentation(*augmentation, root, report, model.augmentation);
  }
}

void read_weight_decay_exclude(const Json& json, const Json& root, Report& report,
                               ModelDescription& model) {
  model.weight_decay_exclude_place = {report.span(json.begin, json.end),
                                      pointer_at(root, json.begin, json.end)};
  if (!json.is(JsonKind::array)) {
    report.error(json, std::string(kWeightDecayExclude) +
                           ": expected a list of \"bias\", \"norm\" and names of parameters, "
                           "found " +
                           describe(json));
    return;
  }
  for (const Json& each : json.children) {
    if (each.is(JsonKind::text) && !each.text.empty()) {
      model.weight_decay_exclude.push_back(each.text);
    } else {
      report.error(each, std::string(kWeightDecayExclude) +
                             ": expected \"bias\", \"norm\" or the name of a parameter, found " +
                             describe(each));
    }
  }
}

}  // namespace cnnc
