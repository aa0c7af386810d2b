// From an ONNX model to a graph.
//
// Everything is computed that can be: shapes, and whatever depends on constants alone. What cnnc
// does not support is refused, every node of it, before anything is compiled.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/onnx/known_tensor.h"
#include "compiler/support/result.h"

namespace cnnc {

inline constexpr int64_t kFirstOpset = 6;  // that is read; the format asks for 7 or newer
inline constexpr int64_t kNewestOpset = 22;

// An input that the caller hands over.
struct OnnxInput {
  std::string name;
  int32_t data_type = 0;             // TensorProto::DataType; 0: no tensor
  std::vector<int64_t> shape;        // -1: symbolic
  std::vector<std::string> symbols;  // the names of symbolic extents
};

struct OnnxImportOptions {
  int64_t batch = 0;  // of a symbolic first extent; 0: there must be none
  // Inputs that are handed over now, once and for all.
  std::map<std::string, KnownTensorPtr> known_inputs;
};

// What an output of the model is: a value of the graph, or known.
struct OnnxOutput {
  std::string name;
  ValueId id = kNoValue;
  KnownTensorPtr constant;
  bool is_scalar = false;  // it has no dimensions, and one in the graph
};

struct OnnxImport {
  Graph graph;  // its outputs are those of `outputs` that are not known
  std::map<std::string, KnownTensorPtr> parameters;
  std::vector<OnnxOutput> outputs;
};

class OnnxModel {
 public:
  static Result<OnnxModel> load(const std::string& path);
  // `path` is what messages call the model; external data lies in its folder.
  static Result<OnnxModel> parse(const std::string& bytes, const std::string& path);

  [[nodiscard]] const std::vector<OnnxInput>& inputs() const;
  [[nodiscard]] std::vector<std::string> output_names() const;
  [[nodiscard]] int64_t opset() const;

  // On failure, `inputs_to_know` names the inputs that must be known_inputs.
  [[nodiscard]] Result<OnnxImport> import(const OnnxImportOptions& options,
                                          std::set<std::string>* inputs_to_know = nullptr) const;

 private:
  struct Impl;
  explicit OnnxModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace cnnc
