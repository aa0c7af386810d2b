// What the functions of the ops append to an ONNX model.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace onnx {
class ModelProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace cnnc {

// One node of the graph on its way into a model.
class OnnxExporter {
 public:
  OnnxExporter(::onnx::ModelProto& model, const Graph& graph) : model_(model), graph_(graph) {}

  void begin(const Node& node) { node_ = &node; }
  [[nodiscard]] const Node& node() const { return *node_; }
  [[nodiscard]] const Attrs& attrs() const { return node_->attrs; }
  [[nodiscard]] bool has_input(size_t i) const;
  [[nodiscard]] std::string input(size_t i) const;  // empty: there is none
  [[nodiscard]] std::string output() const;
  [[nodiscard]] const Shape& input_shape(size_t i = 0) const;
  [[nodiscard]] const Shape& output_shape() const;

  // Appends a node; the newest opset that any asks for becomes the model's.
  ::onnx::NodeProto& add(const std::string& type, const std::vector<std::string>& inputs,
                         const std::string& output, int64_t opset = 0);
  // The same from input 0 to the output.
  ::onnx::NodeProto& add(const std::string& type, int64_t opset = 0);
  // Constants, which training does not change; their names.
  std::string add_integers(const std::string& name, const std::vector<int64_t>& elements);
  std::string add_floats(const std::string& name, const Shape& shape,
                         const std::vector<float>& elements);
  [[nodiscard]] std::string between(const std::string& name) const;

  // The shape of the output for a Reshape, with any batch.
  [[nodiscard]] std::vector<int64_t> open_output_shape() const;

 private:
  ::onnx::ModelProto& model_;
  const Graph& graph_;
  const Node* node_ = nullptr;

  void add_constant(const ::onnx::TensorProto& value);
};

void set_integer(::onnx::NodeProto& node, const std::string& name, int64_t value);
void set_integers(::onnx::NodeProto& node, const std::string& name,
                  const std::vector<int64_t>& values);
void set_real(::onnx::NodeProto& node, const std::string& name, double value);
void set_text(::onnx::NodeProto& node, const std::string& name, const std::string& value);

// What is wrong with exporting a node; empty: it is exported.
using ExportNode = std::string (*)(OnnxExporter&);
struct OpExport {
  std::string op;
  ExportNode function;
};
[[nodiscard]] std::vector<OpExport> layer_exports();
[[nodiscard]] std::vector<OpExport> elementwise_exports();
[[nodiscard]] std::vector<OpExport> movement_exports();

}  // namespace cnnc
