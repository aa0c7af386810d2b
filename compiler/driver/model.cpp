#include "compiler/frontend/model.h"

#include <algorithm>
#include <filesystem>

#include "cnnc/cnnc.h"
#include "compiler/codegen/header.h"
#include "compiler/frontend/sections.h"
#include "compiler/onnx/source.h"

namespace cnnc {
namespace {

// An op by name, with its defaults.
Status choose(const std::string& path, const std::string& name, OpRole role,
              LayerDescription& description) {
  const std::vector<std::string> names = names_of_role(role);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    Diagnostic problem = file_error(path, std::string("cannot be trained with the ") +
                                              (role == OpRole::loss ? "loss" : "optimizer") +
                                              " \"" + name + "\", which cnnc does not have");
    problem.suggestion = nearest(name, names);
    return problem;
  }
  description.name = name;
  description.op = find_op(name);
  set_defaults(description.attrs, description.op->attrs);
  return success();
}

Result<ModelDescription> describe_onnx(const std::string& path, const TrainingChoice& training) {
  Result<OnnxNetwork> network = load_onnx_network(path);
  if (!network) return network.diagnostics();
  ModelDescription description;
  description.name = c_identifier(std::filesystem::path(path).stem().string());
  description.input_shape = std::move(network->input_shape);
  description.output = std::move(network->output);
  description.network = std::move(network->source);
  const int64_t fixed = description.network->fixed_batch();
  if (fixed != 0) description.batch_size = fixed;
  if (training.batch_size != 0) description.batch_size = training.batch_size;
  if (training.loss.empty()) return description;
  const Status loss = choose(path, training.loss, OpRole::loss, description.loss);
  if (!loss) return loss.diagnostics();
  const std::string& optimizer = training.optimizer.empty() ? "SGD" : training.optimizer;
  const Status updates = choose(path, optimizer, OpRole::optimizer, description.optimizer);
  if (!updates) return updates.diagnostics();
  return description;
}

Result<ModelDescription> describe(const std::string& path, const TrainingChoice& training) {
  if (std::filesystem::path(path).extension() == ".onnx") return describe_onnx(path, training);
  if (training.loss.empty() && training.optimizer.empty()) return load_model(path);
  return file_error(path, "says itself how the network is trained: in \"loss\" and \"optimizer\"");
}

}  // namespace

Model::Model(std::shared_ptr<const ModelDescription> description)
    : description_(std::move(description)) {}

Result<Model> Model::load(const std::string& path, const TrainingChoice& training) {
  Result<ModelDescription> description = describe(path, training);
  if (!description) return description.diagnostics();
  // Shapes are part of what a description can get wrong.
  const Result<Graph> graph = build_graph(*description, description->batch_size);
  if (!graph) return graph.diagnostics();
  return Model(std::make_shared<const ModelDescription>(std::move(*description)));
}

const std::string& Model::name() const { return description_->name; }
const std::vector<int64_t>& Model::input_shape() const { return description_->input_shape; }
int64_t Model::batch_size() const { return description_->batch_size; }
int64_t Model::epochs() const { return description_->epochs; }
double Model::learning_rate() const {
  const Attrs& attrs = description_->optimizer.attrs;
  return attrs.has("lr") ? attrs.real("lr") : 0;
}
const std::string& Model::weights_path() const { return description_->weights; }
bool Model::has_weights() const { return description_->network != nullptr; }
int64_t Model::fixed_batch() const {
  return description_->network == nullptr ? 0 : description_->network->fixed_batch();
}
const Diagnostics& Model::warnings() const { return description_->warnings; }

}  // namespace cnnc
