// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/training_data.h"

#include <algorithm>
#include <utility>

#include "compiler/frontend/model.h"
#include "tools/data/data_set.h"

namespace cnnc::cli {
namespace {

// What the network reads and tells apart; no outputs where it does not tell classes apart.
Result<NetworkShape> shape_of(const Model& model) {
  const Result<Graph> graph = build_graph(model.description(), 1);
  if (!graph) return graph.diagnostics();
  const Shape& output = graph->type(graph->outputs[0]).shape;
  NetworkShape shape;
  shape.input = model.input_shape();
  if (output.size() == 2 || output.size() == 4) shape.outputs = output[1];
  if (output.size() == 4) shape.label_size = output[2] * output[3];
  return shape;
}

Augmentation augmentation_of(const Model& model) {
  Augmentation augmentation;
  for (const AugmentationDescription& each : model.description().augmentation) {
    AugmentationStep step;
    if (each.type == "RandomCrop") {
      step.kind = AugmentationStep::Kind::crop;
      step.padding = each.attrs.integer("padding");
      const std::string& mode = each.attrs.text("padding_mode");
      step.mode = mode == "edge"      ? AugmentationStep::Padding::edge
                  : mode == "reflect" ? AugmentationStep::Padding::reflect
                                      : AugmentationStep::Padding::constant;
    } else {
      step.kind = each.type == "RandomVerticalFlip" ? AugmentationStep::Kind::vertical_flip
                                                    : AugmentationStep::Kind::horizontal_flip;
      step.probability = each.attrs.real("p");
    }
    augmentation.steps.push_back(step);
  }
  const Attrs& loss = model.description().loss.attrs;
  if (loss.has("ignore_index")) {
    augmentation.label_of_padding = static_cast<int32_t>(loss.integer("ignore_index"));
  }
  return augmentation;
}

Status check_augmentation(const Model& model) {
  const std::vector<AugmentationDescription>& steps = model.description().augmentation;
  if (steps.empty() || model.input_shape().size() == 3) return success();
  Diagnostic problem = error("augmentation changes images, but the network's input is " +
                             to_string(model.input_shape()));
  problem.span = steps[0].place.span;
  problem.pointer = steps[0].place.pointer;
  return problem;
}

// The label of images that count for nothing.
int64_t ignored_label(const Model& model) {
  const Attrs& attrs = model.description().loss.attrs;
  return attrs.has("ignore_index") ? attrs.integer("ignore_index") : -100;
}

void check_set(const ImageSet& set, const std::string& name, const Model& model, int64_t outputs,
               Diagnostics& problems) {
  const Shape& input = model.input_shape();
  const Shape image = {set.channels, set.height, set.width};
  const bool is_flat = input.size() == 1 && input[0] == set.image_size();
  if (set.count == 0) {
    problems.push_back(error("there are no " + name + " images"));
  } else if (image != input && !is_flat) {
    problems.push_back(error("the " + name + " images are " + to_string(image) +
                             ", but the network's input is " + to_string(input)));
  }
  if (outputs == 0) return;
  const int64_t ignored = ignored_label(model);
  const auto wrong = std::find_if(set.labels.begin(), set.labels.end(), [&](int32_t label) {
    return (label < 0 || label >= outputs) && label != ignored;
  });
  if (wrong == set.labels.end()) return;
  problems.push_back(error("the label of " + name + " image " +
                           std::to_string((wrong - set.labels.begin()) / set.label_size) + " is " +
                           std::to_string(*wrong) + ", but the network has " +
                           std::to_string(outputs) + " outputs, for labels 0 to " +
                           std::to_string(outputs - 1)));
}

}  // namespace

Result<TrainingData> load_training_data(const std::string& where, const Model& model) {
  const Status augments = check_augmentation(model);
  if (!augments) return augments.diagnostics();
  const Result<NetworkShape> network = shape_of(model);
  if (!network) return network.diagnostics();
  Result<DataSet> data = load_data_set(where, *network);
  if (!data) return data.diagnostics();
  Diagnostics problems;
  check_set(data->train, "training", model, network->outputs, problems);
  check_set(data->test, "test", model, network->outputs, problems);
  for (Diagnostic& problem : problems) problem = file_error(where, problem.message);
  if (!problems.empty()) return problems;
  return TrainingData{std::move(data->train), std::move(data->test), augmentation_of(model)};
}

}  // namespace cnnc::cli
