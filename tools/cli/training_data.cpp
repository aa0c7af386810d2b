// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/training_data.h"

#include <algorithm>
#include <utility>

#include "compiler/frontend/model.h"

namespace cnnc::cli {
namespace {

// The number of classes that the network tells apart; 0 if its output is not of that kind.
Result<int64_t> output_count(const Model& model) {
  const Result<Graph> graph = build_graph(model.description(), 1);
  if (!graph) return graph.diagnostics();
  const Type& output = graph->type(graph->outputs[0]);
  return output.rank() == 2 ? output.shape[1] : 0;
}

// The label of images that count for nothing.
int64_t ignored_label(const Model& model) {
  const Attrs& attrs = model.description().loss.attrs;
  return attrs.has("ignore_index") ? attrs.integer("ignore_index") : -1;
}

void check_set(const ImageSet& set, const std::string& name, const Model& model, int64_t outputs,
               Diagnostics& problems) {
  const Shape& input = model.input_shape();
  const Shape image = {set.channels, set.height, set.width};
  const bool flat = input.size() == 1 && input[0] == set.image_size();
  if (set.count == 0) {
    problems.push_back(error("there are no " + name + " images"));
  } else if (image != input && !flat) {
    problems.push_back(error("the " + name + " images are " + to_string(image) +
                             ", but the network's input is " + to_string(input)));
  }
  if (outputs == 0) return;
  const int64_t ignored = ignored_label(model);
  const auto wrong = std::find_if(set.labels.begin(), set.labels.end(), [&](int32_t label) {
    return (label < 0 || label >= outputs) && label != ignored;
  });
  if (wrong == set.labels.end()) return;
  problems.push_back(
      error("the label of " + name + " image " + std::to_string(wrong - set.labels.begin()) +
            " is " + std::to_string(*wrong) + ", but the network has " + std::to_string(outputs) +
            " outputs, for labels 0 to " + std::to_string(outputs - 1)));
}

}  // namespace

Result<TrainingData> load_training_data(const std::string& folder, const Model& model) {
  const Result<int64_t> outputs = output_count(model);
  if (!outputs) return outputs.diagnostics();
  Result<ImageSet> train = load_mnist_folder(folder, Split::train);
  if (!train) return train.diagnostics();
  Result<ImageSet> test = load_mnist_folder(folder, Split::test);
  if (!test) return test.diagnostics();
  Diagnostics problems;
  check_set(*train, "training", model, *outputs, problems);
  check_set(*test, "test", model, *outputs, problems);
  for (Diagnostic& problem : problems) problem = file_error(folder, problem.message);
  if (!problems.empty()) return problems;
  return TrainingData{std::move(*train), std::move(*test)};
}

}  // namespace cnnc::cli
