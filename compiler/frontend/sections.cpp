#include "compiler/frontend/sections.h"

namespace cnnc {

const std::vector<std::string>& top_level_keys() {
  static const std::vector<std::string> kKeys = {"$schema",  "cnnc",    "name",    "input",
                                                 "blocks",   "layers",  "loss",    "optimizer",
                                                 "training", "weights", "winograd"};
  return kKeys;
}

const std::vector<std::string>& block_keys() {
  static const std::vector<std::string> kKeys = {"parameters", "defaults", "inputs", "layers"};
  return kKeys;
}

const std::vector<std::string>& block_use_keys() {
  static const std::vector<std::string> kKeys = {"block", "name", "inputs", "with"};
  return kKeys;
}

const std::vector<AttrSpec>& block_use_specs() {
  static const std::vector<AttrSpec> kSpecs = [] {
    AttrSpec repeat;
    repeat.name = "repeat";
    repeat.least = 1;
    repeat.most = 10000;
    repeat.doc = "copies, each of which reads the one before; they are called name.0, name.1, ...";
    AttrSpec first = repeat;
    first.name = "first";
    first.fallback = int64_t{0};
    first.least = 0;
    first.doc = "the number of the first copy";
    return std::vector<AttrSpec>{repeat, first};
  }();
  return kSpecs;
}

const std::vector<AttrSpec>& input_specs() {
  static const std::vector<AttrSpec> kSpecs = [] {
    AttrSpec mean;
    mean.name = "mean";
    mean.kind = AttrKind::reals;
    mean.doc = "subtracted from the input: one number, or one for each channel";
    AttrSpec std = mean;
    std.name = "std";
    std.least = 1e-6;
    std.doc = "divides the input after that: one number, or one for each channel";
    return std::vector<AttrSpec>{mean, std};
  }();
  return kSpecs;
}

const std::vector<AttrSpec>& training_specs() {
  static const std::vector<AttrSpec> kSpecs = [] {
    AttrSpec batch;
    batch.name = "batch_size";
    batch.fallback = int64_t{64};
    batch.least = 1;
    batch.doc = "samples of one training step";
    AttrSpec epochs = batch;
    epochs.name = "epochs";
    epochs.fallback = int64_t{1};
    epochs.doc = "how often training goes through the data";
    AttrSpec norm;
    norm.name = "clip_grad_norm";
    norm.kind = AttrKind::real;
    norm.least = 1e-30;
    norm.doc = "the greatest norm of all gradients together; longer ones are scaled down to it";
    AttrSpec value = norm;
    value.name = "clip_grad_value";
    value.doc = "the greatest magnitude of an element of a gradient; greater ones are cut";
    return std::vector<AttrSpec>{batch, epochs, norm, value};
  }();
  return kSpecs;
}

std::vector<const OpDef*> ops_of_role(OpRole role) {
  std::vector<const OpDef*> result;
  for (const OpDef* op : all_ops()) {
    if (op->role == role) result.push_back(op);
  }
  return result;
}

std::vector<std::string> names_of_role(OpRole role) {
  std::vector<std::string> result;
  for (const OpDef* op : ops_of_role(role)) result.push_back(op->name);
  return result;
}

InputCount input_count(const OpDef& op) {
  InputCount count;
  for (const OpInput& input : op.inputs) {
    if (input.parameter) continue;
    if (!input.optional) ++count.least;
    if (input.variadic) {
      count.most = -1;
    } else if (count.most >= 0) {
      ++count.most;
    }
  }
  return count;
}

}  // namespace cnnc
