// Small ONNX models for tests.
#pragma once
#include <onnx.pb.h>

#include <string>
#include <vector>

namespace cnnc::test {

// A model of one opset with nothing in it.
[[nodiscard]] ::onnx::ModelProto empty_model(int64_t opset);
// -1: symbolic, called "batch"
void add_input(::onnx::ModelProto& model, const std::string& name,
               const std::vector<int64_t>& shape, int32_t type = ::onnx::TensorProto::FLOAT);
void add_output(::onnx::ModelProto& model, const std::string& name);
::onnx::NodeProto& add_node(::onnx::ModelProto& model, const std::string& type,
                            const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs);
void add_floats(::onnx::ModelProto& model, const std::string& name,
                const std::vector<int64_t>& shape, const std::vector<float>& elements);
void add_integers(::onnx::ModelProto& model, const std::string& name,
                  const std::vector<int64_t>& elements);
void set_attribute(::onnx::NodeProto& node, const std::string& name, int64_t value);
void set_attribute(::onnx::NodeProto& node, const std::string& name,
                   const std::vector<int64_t>& values);
void set_attribute(::onnx::NodeProto& node, const std::string& name, const std::string& text);

[[nodiscard]] std::string bytes_of(const ::onnx::ModelProto& model);

// x f32[batch, 1, 4, 4] -> Conv (weight "w" of ones [2, 1, 3, 3], bias "b" {1, 2}) -> Relu -> y
[[nodiscard]] ::onnx::ModelProto small_model(int64_t opset);

}  // namespace cnnc::test
