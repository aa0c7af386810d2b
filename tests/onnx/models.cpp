#include "tests/onnx/models.h"

namespace cnnc::test {

using ::onnx::AttributeProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

namespace {

AttributeProto& attribute(NodeProto& node, const std::string& name,
                          AttributeProto::AttributeType type) {
  AttributeProto& result = *node.add_attribute();
  result.set_name(name);
  result.set_type(type);
  return result;
}

}  // namespace

ModelProto empty_model(int64_t opset) {
  ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(opset);
  model.mutable_graph()->set_name("test");
  return model;
}

void add_input(ModelProto& model, const std::string& name, const std::vector<int64_t>& shape,
               int32_t type) {
  auto& info = *model.mutable_graph()->add_input();
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (const int64_t extent : shape) {
    auto& dimension = *tensor.mutable_shape()->add_dim();
    if (extent < 0) {
      dimension.set_dim_param("batch");
    } else {
      dimension.set_dim_value(extent);
    }
  }
}

void add_output(ModelProto& model, const std::string& name) {
  auto& info = *model.mutable_graph()->add_output();
  info.set_name(name);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(TensorProto::FLOAT);
}

NodeProto& add_node(ModelProto& model, const std::string& type,
                    const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs) {
  NodeProto& node = *model.mutable_graph()->add_node();
  node.set_op_type(type);
  for (const std::string& each : inputs) node.add_input(each);
  for (const std::string& each : outputs) node.add_output(each);
  return node;
}

void add_floats(ModelProto& model, const std::string& name, const std::vector<int64_t>& shape,
                const std::vector<float>& elements) {
  TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(TensorProto::FLOAT);
  for (const int64_t extent : shape) tensor.add_dims(extent);
  for (const float element : elements) tensor.add_float_data(element);
}

void add_integers(ModelProto& model, const std::string& name,
                  const std::vector<int64_t>& elements) {
  TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(TensorProto::INT64);
  tensor.add_dims(static_cast<int64_t>(elements.size()));
  for (const int64_t element : elements) tensor.add_int64_data(element);
}

void set_attribute(NodeProto& node, const std::string& name, int64_t value) {
  attribute(node, name, AttributeProto::INT).set_i(value);
}

void set_attribute(NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
  AttributeProto& result = attribute(node, name, AttributeProto::INTS);
  for (const int64_t value : values) result.add_ints(value);
}

void set_attribute(NodeProto& node, const std::string& name, const std::string& text) {
  attribute(node, name, AttributeProto::STRING).set_s(text);
}

std::string bytes_of(const ModelProto& model) { return model.SerializeAsString(); }

ModelProto small_model(int64_t opset) {
  ModelProto model = empty_model(opset);
  add_input(model, "x", {-1, 1, 4, 4});
  add_floats(model, "w", {2, 1, 3, 3}, std::vector<float>(18, 1.f));
  add_floats(model, "b", {2}, {1.f, 2.f});
  add_node(model, "Conv", {"x", "w", "b"}, {"c"});
  add_node(model, "Relu", {"c"}, {"y"});
  add_output(model, "y");
  return model;
}

}  // namespace cnnc::test
