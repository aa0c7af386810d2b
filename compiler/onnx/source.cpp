// Tested by tests/onnx/source_test.cpp.
#include "compiler/onnx/source.h"

#include "compiler/onnx/importer.h"

namespace cnnc {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& each : names) text += (text.empty() ? "\"" : ", \"") + each + "\"";
  return text;
}

class OnnxSource : public NetworkSource {
 public:
  OnnxSource(OnnxModel model, std::string path, int64_t fixed_batch)
      : model_(std::move(model)), path_(std::move(path)), fixed_batch_(fixed_batch) {}

  [[nodiscard]] int64_t fixed_batch() const override { return fixed_batch_; }

  [[nodiscard]] Result<SourcedNetwork> network(int64_t batch) const override {
    if (fixed_batch_ != 0 && batch != fixed_batch_) {
      return file_error(path_, "computes batches of " + std::to_string(fixed_batch_) +
                                   ", as its input says, and no others: not of " +
                                   std::to_string(batch));
    }
    OnnxImportOptions options;
    options.batch = batch;
    Result<OnnxImport> imported = model_.import(options);
    if (!imported) return imported.diagnostics();
    const Status formed = check_form(*imported, batch);
    if (!formed) return formed.diagnostics();
    SourcedNetwork result;
    result.graph = std::move(imported->graph);
    for (const auto& [name, constant] : imported->parameters) {
      result.parameters[name] = {constant, &constant->floats()};
    }
    return result;
  }

 private:
  OnnxModel model_;
  std::string path_;
  int64_t fixed_batch_;

  [[nodiscard]] Status check_form(const OnnxImport& imported, int64_t batch) const {
    if (imported.graph.outputs.size() != 1) {
      return file_error(path_,
                        "output \"" + imported.outputs[0].name + "\" does not depend on the input");
    }
    const Shape& shape = imported.graph.type(imported.graph.outputs[0]).shape;
    if (!shape.empty() && shape[0] == batch) return success();
    return file_error(path_, "output \"" + imported.outputs[0].name + "\" is " + to_string(shape) +
                                 " for a batch of " + std::to_string(batch) +
                                 ": an output has the batch as its first dimension");
  }
};

}  // namespace

Result<OnnxNetwork> load_onnx_network(const std::string& path) {
  Result<OnnxModel> model = OnnxModel::load(path);
  if (!model) return model.diagnostics();
  const std::vector<std::string> outputs = model->output_names();
  std::vector<std::string> inputs;
  for (const OnnxInput& input : model->inputs()) inputs.push_back(input.name);
  Diagnostics problems;
  if (inputs.size() != 1) {
    problems.push_back(file_error(path, "has " + std::to_string(inputs.size()) + " inputs (" +
                                            list_of(inputs) + "); a network has one"));
  }
  if (outputs.size() != 1) {
    problems.push_back(file_error(path, "has " + std::to_string(outputs.size()) + " outputs (" +
                                            list_of(outputs) + "); a network has one"));
  }
  if (!problems.empty()) return problems;
  const OnnxInput& input = model->inputs()[0];
  if (input.shape.empty()) {
    return file_error(
        path, "input \"" + input.name + "\" has no dimensions; the first is that of the batch");
  }
  OnnxNetwork network;
  network.input_shape = {input.shape.begin() + 1, input.shape.end()};
  network.output = outputs[0];
  const int64_t fixed_batch = input.shape[0] < 0 ? 0 : input.shape[0];
  network.source = std::make_shared<const OnnxSource>(*std::move(model), path, fixed_batch);
  return network;
}

}  // namespace cnnc
