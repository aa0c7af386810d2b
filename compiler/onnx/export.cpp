// Tested by tests/onnx/export_test.cpp.
#include "compiler/onnx/export.h"

#include <onnx.pb.h>

#include <algorithm>
#include <map>

#include "compiler/onnx/exporter.h"

namespace cnnc {
namespace {

using ::onnx::AttributeProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;

constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;  // unless a node needs a newer one
constexpr const char* kBatch = "N";

AttributeProto& attribute(NodeProto& node, const std::string& name,
                          AttributeProto::AttributeType type) {
  AttributeProto& result = *node.add_attribute();
  result.set_name(name);
  result.set_type(type);
  return result;
}

TensorProto tensor(const std::string& name, const Shape& shape, int32_t type, const void* elements,
                   size_t bytes) {
  TensorProto result;
  result.set_name(name);
  result.set_data_type(type);
  for (int64_t extent : shape) result.add_dims(extent);
  result.set_raw_data(elements, bytes);
  return result;
}

void describe(ValueInfoProto& info, const std::string& name, const Shape& shape) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(TensorProto::FLOAT);
  for (size_t d = 0; d < shape.size(); ++d) {
    auto& extent = *type.mutable_shape()->add_dim();
    if (d == 0) {
      extent.set_dim_param(kBatch);
    } else {
      extent.set_dim_value(shape[d]);
    }
  }
}

const std::map<std::string, ExportNode>& table() {
  static const std::map<std::string, ExportNode> kTable = [] {
    std::map<std::string, ExportNode> result;
    for (const auto& family : {layer_exports(), elementwise_exports(), movement_exports()}) {
      for (const OpExport& each : family) result[each.op] = each.function;
    }
    return result;
  }();
  return kTable;
}

}  // namespace

void set_integer(NodeProto& node, const std::string& name, int64_t value) {
  attribute(node, name, AttributeProto::INT).set_i(value);
}

void set_integers(NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
  AttributeProto& result = attribute(node, name, AttributeProto::INTS);
  for (int64_t value : values) result.add_ints(value);
}

void set_real(NodeProto& node, const std::string& name, double value) {
  attribute(node, name, AttributeProto::FLOAT).set_f(static_cast<float>(value));
}

void set_text(NodeProto& node, const std::string& name, const std::string& value) {
  attribute(node, name, AttributeProto::STRING).set_s(value);
}

bool OnnxExporter::has_input(size_t i) const {
  return i < node_->inputs.size() && node_->inputs[i] != kNoValue;
}

std::string OnnxExporter::input(size_t i) const {
  return has_input(i) ? graph_.values[node_->inputs[i]].name : "";
}

std::string OnnxExporter::output() const { return graph_.values[node_->outputs[0]].name; }

const Shape& OnnxExporter::input_shape(size_t i) const {
  return graph_.type(node_->inputs[i]).shape;
}

const Shape& OnnxExporter::output_shape() const { return graph_.type(node_->outputs[0]).shape; }

NodeProto& OnnxExporter::add(const std::string& type, const std::vector<std::string>& inputs,
                             const std::string& output, int64_t opset) {
  NodeProto& result = *model_.mutable_graph()->add_node();
  result.set_op_type(type);
  result.set_name(output);
  size_t count = inputs.size();
  while (count > 0 && inputs[count - 1].empty()) --count;
  for (size_t i = 0; i < count; ++i) result.add_input(inputs[i]);
  result.add_output(output);
  auto& version = *model_.mutable_opset_import(0);
  version.set_version(std::max<int64_t>(version.version(), opset));
  return result;
}

NodeProto& OnnxExporter::add(const std::string& type, int64_t opset) {
  return add(type, {input(0)}, output(), opset);
}

std::string OnnxExporter::between(const std::string& name) const { return output() + "." + name; }

std::string OnnxExporter::add_integers(const std::string& name,
                                       const std::vector<int64_t>& elements) {
  add_constant(tensor(between(name), {static_cast<int64_t>(elements.size())}, TensorProto::INT64,
                      elements.data(), elements.size() * sizeof(int64_t)));
  return between(name);
}

std::string OnnxExporter::add_floats(const std::string& name, const Shape& shape,
                                     const std::vector<float>& elements) {
  add_constant(tensor(between(name), shape, TensorProto::FLOAT, elements.data(),
                      elements.size() * sizeof(float)));
  return between(name);
}

void OnnxExporter::add_constant(const TensorProto& value) {
  *attribute(add("Constant", {}, value.name()), "value", AttributeProto::TENSOR).mutable_t() =
      value;
}

std::vector<int64_t> OnnxExporter::open_output_shape() const {
  std::vector<int64_t> shape = output_shape();
  if (shape.empty()) return shape;
  // 0 keeps the input's extent; -1 is what is left.
  shape[0] = !input_shape().empty() && input_shape()[0] == shape[0] ? 0 : -1;
  return shape;
}

Result<std::string> export_onnx(
    const Graph& graph, const std::function<const float*(const std::string& parameter)>& elements) {
  ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("cnnc");
  model.add_opset_import()->set_version(kOpset);
  ::onnx::GraphProto& out = *model.mutable_graph();
  out.set_name(graph.name);
  for (ValueId id : graph.inputs) {
    describe(*out.add_input(), graph.values[id].name, graph.type(id).shape);
  }
  for (ValueId id : graph.outputs) {
    describe(*out.add_output(), graph.values[id].name, graph.type(id).shape);
  }
  for (const Value& value : graph.values) {
    if (value.kind != ValueKind::parameter) continue;
    const float* data = elements(value.name);
    CNNC_CHECK(data != nullptr, "no values for parameter " + value.name);
    *out.add_initializer() = tensor(value.name, value.type.shape, TensorProto::FLOAT, data,
                                    static_cast<size_t>(element_count(value.type.shape)) * 4);
  }
  OnnxExporter exporter(model, graph);
  Diagnostics problems;
  for (const Node& node : graph.nodes) {
    exporter.begin(node);
    const auto found = table().find(node.op->name);
    const std::string problem = found == table().end() ? "cnnc does not know how ONNX would say it"
                                                       : found->second(exporter);
    if (problem.empty()) continue;
    problems.push_back(
        error(node.op->name + " \"" + node.name + "\" cannot be exported: " + problem));
    problems.back().span = node.span;
    problems.back().pointer = node.pointer;
  }
  if (!problems.empty()) return problems;
  std::string bytes;
  // 2^31 bytes are the most that a model has without files of external data.
  if (!model.SerializeToString(&bytes)) return error("the model is too large for one file");
  return bytes;
}

}  // namespace cnnc
