#include "compiler/frontend/model.h"
#include "cnnc/cnnc.h"

namespace cnnc {

Model::Model(std::shared_ptr<const ModelDescription> description)
    : description_(std::move(description)) {}

Result<Model> Model::load(const std::string& path) {
  Result<ModelDescription> description = load_model(path);
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
const Diagnostics& Model::warnings() const { return description_->warnings; }

}  // namespace cnnc
