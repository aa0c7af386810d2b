// Tested by tests/onnx/importer_test.cpp.
#include "compiler/onnx/importer.h"

#include <onnx.pb.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "compiler/onnx/fold.h"
#include "compiler/onnx/node.h"
#include "compiler/onnx/operators.h"
#include "compiler/support/files.h"

namespace cnnc {
namespace {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;

OnnxInput described(const ValueInfoProto& info) {
  OnnxInput input;
  input.name = info.name();
  if (!info.type().has_tensor_type()) return input;
  const auto& type = info.type().tensor_type();
  input.data_type = type.elem_type();
  for (const auto& extent : type.shape().dim()) {
    input.shape.push_back(extent.has_dim_value() ? extent.dim_value() : -1);
    input.symbols.push_back(extent.has_dim_param() ? extent.dim_param() : "?");
  }
  return input;
}

// A node as messages name it: `node "conv1" (Conv, opset 13)`.
std::string name_of(const NodeProto& node, int64_t opset) {
  std::string name = node.name();
  if (name.empty() && node.output_size() > 0) name = node.output(0);
  const std::string domain =
      node.domain().empty() || node.domain() == "ai.onnx" ? "" : node.domain() + ".";
  return "node \"" + name + "\" (" + domain + node.op_type() + ", opset " + std::to_string(opset) +
         ")";
}

}  // namespace

struct OnnxModel::Impl {
  std::string path;
  ModelProto model;
  std::map<std::string, KnownTensorPtr> initializers;
  std::vector<OnnxInput> inputs;
  std::map<std::string, int64_t> opsets;  // by domain

  [[nodiscard]] int64_t opset_of(const std::string& domain) const {
    const auto found = opsets.find(domain == "ai.onnx" ? "" : domain);
    return found == opsets.end() ? 0 : found->second;
  }
  [[nodiscard]] Status read();
  [[nodiscard]] Diagnostics read_opsets();
};

namespace {

// The nodes that outputs depend on.
std::vector<bool> live_nodes(const GraphProto& graph) {
  std::set<std::string> wanted;
  for (const ValueInfoProto& output : graph.output()) wanted.insert(output.name());
  std::vector<bool> live(graph.node_size());
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    const NodeProto& node = graph.node(i);
    live[i] = std::any_of(node.output().begin(), node.output().end(),
                          [&](const std::string& name) { return wanted.count(name) > 0; });
    if (!live[i]) continue;
    wanted.insert(node.input().begin(), node.input().end());
  }
  return live;
}

class Importer {
 public:
  Importer(const std::string& path, const GraphProto& graph,
           std::function<int64_t(const std::string&)> opset_of)
      : path_(path), source_(graph), opset_of_(std::move(opset_of)) {
    into_.folder = std::filesystem::path(path).parent_path().string();
    into_.graph.name = graph.name();
  }

  ImportedGraph& into() { return into_; }
  [[nodiscard]] Diagnostics& problems() { return problems_; }

  void add_known(const std::string& name, KnownTensorPtr constant, bool is_trained) {
    into_.operands[name] = {kNoValue, std::move(constant), name, is_trained};
  }

  void add_input(const OnnxInput& input, int64_t batch) {
    const auto problem = [&](const std::string& text) {
      refused_.insert(input.name);
      if (is_read(input.name)) {
        problems_.push_back(file_error(path_, "input \"" + input.name + "\" " + text));
      }
    };
    if (input.data_type == 0) return problem("is no tensor");
    Shape shape = input.shape;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] >= 0) continue;
      if (d > 0 || batch <= 0) {
        return problem("has the symbolic extent \"" + input.symbols[d] + "\" as dimension " +
                       std::to_string(d) + ": only the batch, dimension 0, may be left open");
      }
      shape[d] = batch;
    }
    if (input.data_type != TensorProto::FLOAT) {
      inputs_of_other_types_.push_back(input);
      return;
    }
    if (std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent == 0; })) {
      return problem("is empty: " + to_string(shape));
    }
    const bool is_scalar = shape.empty();
    if (is_scalar) shape = {1};
    const ValueId id = into_.graph.add_input(input.name, {DType::f32, std::move(shape)});
    into_.operands[input.name] = {id, nullptr, input.name, false, is_scalar};
  }

  void refuse_inputs_of_other_types() {
    for (const OnnxInput& input : inputs_of_other_types_) {
      refused_.insert(input.name);
      if (!is_read(input.name)) continue;
      ElementType type = ElementType::f32;
      // That type can only be known when the network is compiled.
      if (element_type(input.data_type, type)) into_.inputs_to_know.insert(input.name);
      problems_.push_back(file_error(path_, "input \"" + input.name + "\" is of type " +
                                                data_type_name(input.data_type) +
                                                "; the network's inputs are float"));
    }
  }

  void add_nodes() {
    const std::vector<bool> live = live_nodes(source_);
    for (int i = 0; i < source_.node_size(); ++i) {
      if (live[i]) add_node(source_.node(i));
    }
  }

  std::vector<OnnxOutput> outputs() {
    std::vector<OnnxOutput> result;
    for (const ValueInfoProto& output : source_.output()) {
      if (refused_.count(output.name()) > 0) continue;
      const auto found = into_.operands.find(output.name());
      if (found == into_.operands.end()) {
        problems_.push_back(
            file_error(path_, "output \"" + output.name() + "\" is computed by no node"));
        continue;
      }
      result.push_back(
          {output.name(), found->second.id, found->second.constant, found->second.is_scalar});
    }
    return result;
  }

 private:
  const std::string& path_;
  const GraphProto& source_;
  std::function<int64_t(const std::string&)> opset_of_;
  ImportedGraph into_;
  Diagnostics problems_;
  std::set<std::string> refused_;  // values that cannot be computed
  std::vector<OnnxInput> inputs_of_other_types_;

  [[nodiscard]] bool is_read(const std::string& name) const {
    for (const NodeProto& node : source_.node()) {
      for (const std::string& each : node.input()) {
        if (each == name) return true;
      }
    }
    return std::any_of(source_.output().begin(), source_.output().end(),
                       [&](const ValueInfoProto& each) { return each.name() == name; });
  }

  void add_node(const NodeProto& node) {
    const int64_t opset = opset_of_(node.domain());
    std::vector<std::string> reasons;
    const OnnxOperator* op = find_onnx_operator(node.domain(), node.op_type());
    if (op == nullptr) {
      reasons = {"cnnc does not have this operator"};
    } else {
      reasons = try_node(*op, node, opset);
    }
    for (const std::string& reason : reasons) {
      problems_.push_back(file_error(path_, name_of(node, opset) + ": " + reason));
    }
    for (const std::string& output : node.output()) {
      if (!output.empty() && into_.operands.count(output) == 0) refused_.insert(output);
    }
  }

  std::vector<std::string> try_node(const OnnxOperator& op, const NodeProto& node, int64_t opset) {
    for (const std::string& name : node.input()) {
      if (name.empty()) continue;
      if (refused_.count(name) > 0) return {};  // that refusal is enough
      if (into_.operands.count(name) == 0) {
        return {"reads \"" + name + "\", which no earlier node computes"};
      }
    }
    OnnxNode context(into_, node, opset);
    try {
      if (!fold(context)) op.import(context);
    } catch (const Refusal& refusal) {
      return refusal.reasons;
    }
    std::vector<std::string> reasons;
    for (const std::string& attribute : context.attributes_not_asked_for()) {
      reasons.push_back("cnnc does not have its attribute " + attribute);
    }
    return reasons;
  }
};

}  // namespace

Diagnostics OnnxModel::Impl::read_opsets() {
  Diagnostics problems;
  for (const auto& entry : model.opset_import()) {
    const std::string domain = entry.domain() == "ai.onnx" ? "" : entry.domain();
    opsets[domain] = entry.version();
    if (!domain.empty()) continue;
    if (entry.version() < kFirstOpset || entry.version() > kNewestOpset) {
      problems.push_back(file_error(path, "is of opset " + std::to_string(entry.version()) +
                                              "; cnnc reads opsets " + std::to_string(kFirstOpset) +
                                              " to " + std::to_string(kNewestOpset)));
    }
  }
  return problems;
}

Status OnnxModel::Impl::read() {
  if (!model.has_graph()) return file_error(path, "is no ONNX model: it has no graph");
  Diagnostics problems = read_opsets();
  if (!problems.empty()) return problems;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  std::set<std::string> given;
  for (TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    Result<KnownTensor> constant = read_tensor(tensor, folder);
    if (!constant) {
      problems.push_back(file_error(
          path, "initializer \"" + tensor.name() + "\" " + constant.diagnostics().front().message));
      continue;
    }
    given.insert(tensor.name());
    initializers[tensor.name()] = std::make_shared<const KnownTensor>(*std::move(constant));
    // The elements are kept once.
    tensor.clear_raw_data();
    tensor.clear_float_data();
  }
  for (const auto& sparse : model.graph().sparse_initializer()) {
    problems.push_back(
        file_error(path, "initializer \"" + sparse.values().name() + "\" is sparse"));
  }
  for (const NodeProto& node : model.graph().node()) {
    given.insert(node.output().begin(), node.output().end());
  }
  for (const ValueInfoProto& info : model.graph().input()) {
    if (given.count(info.name()) == 0) inputs.push_back(described(info));
  }
  if (!problems.empty()) return problems;
  return success();
}

Result<OnnxModel> OnnxModel::load(const std::string& path) {
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.diagnostics();
  return parse(*bytes, path);
}

Result<OnnxModel> OnnxModel::parse(const std::string& bytes, const std::string& path) {
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  if (!impl->model.ParseFromString(bytes)) {
    return file_error(path, "is no ONNX model, or a damaged one");
  }
  const Status read = impl->read();
  if (!read) return read.diagnostics();
  return OnnxModel(std::move(impl));
}

const std::vector<OnnxInput>& OnnxModel::inputs() const { return impl_->inputs; }

std::vector<std::string> OnnxModel::output_names() const {
  std::vector<std::string> names;
  for (const ValueInfoProto& output : impl_->model.graph().output()) names.push_back(output.name());
  return names;
}

int64_t OnnxModel::opset() const { return impl_->opset_of(""); }

Result<OnnxImport> OnnxModel::import(const OnnxImportOptions& options,
                                     std::set<std::string>* inputs_to_know) const {
  Importer importer(impl_->path, impl_->model.graph(),
                    [this](const std::string& domain) { return impl_->opset_of(domain); });
  for (const auto& [name, constant] : impl_->initializers)
    importer.add_known(name, constant, /*is_trained=*/true);
  for (const OnnxInput& input : impl_->inputs) {
    const auto known = options.known_inputs.find(input.name);
    if (known != options.known_inputs.end()) {
      importer.add_known(input.name, known->second, /*is_trained=*/false);
    } else {
      importer.add_input(input, options.batch);
    }
  }
  importer.refuse_inputs_of_other_types();
  importer.add_nodes();
  OnnxImport result;
  result.outputs = importer.outputs();
  ImportedGraph& into = importer.into();
  if (inputs_to_know != nullptr) *inputs_to_know = into.inputs_to_know;
  if (!importer.problems().empty()) return std::move(importer.problems());
  for (const OnnxOutput& output : result.outputs) {
    if (output.id != kNoValue) into.graph.outputs.push_back(output.id);
  }
  for (auto& [name, parameter] : into.parameters) {
    result.parameters[name] = std::move(parameter.constant);
  }
  result.graph = std::move(into.graph);
  return result;
}

}  // namespace cnnc
