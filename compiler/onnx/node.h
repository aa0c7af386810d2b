// One node of an ONNX model while it is imported: what the functions of the operators read, and
// what they make of it.
//
// An operand is a value of the graph, or a constant: one whose elements are known when the network
// is compiled. A node all of whose operands are constants is computed at once; what it leaves in
// the graph is its result, if anything reads it. What cannot be imported is refused by a Refusal,
// which the importer catches node by node, so that one import names every node that is refused.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/onnx/known_tensor.h"

namespace onnx {
class AttributeProto;
class NodeProto;
}  // namespace onnx

namespace cnnc {

struct Operand {
  ValueId id = kNoValue;
  KnownTensorPtr constant;  // else null
  std::string name;         // of the ONNX value; what parameters are called
  bool is_trained = false;  // a constant that is an initializer, or made of one
  // Tensors without dimensions have one in the graph, of extent 1.
  bool is_scalar = false;

  [[nodiscard]] bool is_absent() const { return id == kNoValue && constant == nullptr; }
  [[nodiscard]] bool is_constant() const { return constant != nullptr; }
};

// Why a node cannot be imported.
struct Refusal {
  std::vector<std::string> reasons;
};
[[noreturn]] void refuse(const std::string& reason);

// What the nodes of a model are imported into.
struct ImportedGraph {
  Graph graph;
  std::map<std::string, Operand> operands;  // by ONNX's names
  // The graph's parameters, by name.
  struct Parameter {
    KnownTensorPtr constant;
    ValueId id = kNoValue;
  };
  std::map<std::string, Parameter> parameters;
  // Inputs of the model that an operator has to know when it is compiled.
  std::set<std::string> inputs_to_know;
  std::string folder;  // of the model: external data lies there
};

class OnnxNode {
 public:
  OnnxNode(ImportedGraph& into, const ::onnx::NodeProto& node, int64_t opset);

  [[nodiscard]] const std::string& type() const;  // "Conv"
  [[nodiscard]] int64_t opset() const { return opset_; }

  // Inputs. An absent one has no name or is not listed.
  [[nodiscard]] int64_t input_count() const;
  [[nodiscard]] bool has_input(int64_t i) const;
  [[nodiscard]] Operand input(int64_t i) const;
  [[nodiscard]] Operand input_or_none(int64_t i) const;
  // An input that has to be known; refuses if it is not.
  [[nodiscard]] KnownTensorPtr known_input(int64_t i) const;
  [[nodiscard]] std::vector<int64_t> known_integers(int64_t i) const;
  [[nodiscard]] Number known_scalar(int64_t i) const;
  // Whether all inputs that are given are constants.
  [[nodiscard]] bool all_known() const;

  [[nodiscard]] Shape shape(const Operand& operand) const;
  [[nodiscard]] Shape shape_in_graph(const Operand& operand) const;
  [[nodiscard]] int64_t rank(const Operand& operand) const;
  [[nodiscard]] bool is_f32(const Operand& operand) const;

  // Attributes. Those that no function asks for are refused in the end.
  [[nodiscard]] bool has(const std::string& name);
  [[nodiscard]] int64_t integer(const std::string& name, int64_t fallback);
  [[nodiscard]] int64_t required_integer(const std::string& name);
  [[nodiscard]] double real(const std::string& name, double fallback);
  [[nodiscard]] std::string text(const std::string& name, const std::string& fallback);
  [[nodiscard]] std::vector<int64_t> integers(const std::string& name,
                                              std::vector<int64_t> fallback = {});
  [[nodiscard]] std::vector<double> reals(const std::string& name);
  [[nodiscard]] KnownTensorPtr tensor(const std::string& name);
  void ignore(const std::string& name) { asked_.insert(name); }
  [[nodiscard]] std::vector<std::string> attributes_not_asked_for() const;

  // Refuses unless the number lies in [0, extent) after adding extent to negative ones.
  [[nodiscard]] static int64_t axis_within(int64_t axis, int64_t extent);
  [[nodiscard]] static std::vector<int64_t> axes_within(std::vector<int64_t> axes, int64_t rank);

  // Outputs.
  [[nodiscard]] int64_t output_count() const;
  [[nodiscard]] bool has_output(int64_t i) const;  // somebody wants it
  void set_output(int64_t i, Operand operand);
  void set_output(int64_t i, KnownTensor constant);
  // Refuses if anybody wants it.
  void refuse_output(int64_t i, const std::string& what) const;

  // A node of the graph, or its result where all arguments are known. Refuses what the op's rules
  // refuse. `parameters` are known operands, by the names of the op's inputs.
  using Parameters = std::vector<std::pair<std::string, Operand>>;
  std::vector<Operand> emit_all(const std::string& op, Attrs attrs,
                                const std::vector<Operand>& arguments,
                                const Parameters& parameters = {});
  Operand emit(const std::string& op, Attrs attrs, const std::vector<Operand>& arguments,
               const Parameters& parameters = {});

  // A known operand with other elements, called after the first; and one of the node's own.
  [[nodiscard]] static Operand derived(const Operand& from, const std::string& suffix,
                                       KnownTensor constant);
  [[nodiscard]] Operand own(const std::string& suffix, KnownTensor constant) const;
  [[nodiscard]] Operand own_scalar(const std::string& suffix, double value) const;

  // Whether cnnc has the op.
  [[nodiscard]] static bool exists(const std::string& op);

 private:
  ImportedGraph& into_;
  const ::onnx::NodeProto& node_;
  int64_t opset_;
  std::set<std::string> asked_;
  int64_t emitted_ = 0;

  [[nodiscard]] const ::onnx::AttributeProto* find(const std::string& name, int32_t type);
  // `slot` is what the op says of a parameter that is its own.
  [[nodiscard]] ValueId value_of(const Operand& operand, const ParameterSpec* slot);
  [[nodiscard]] std::string next_name();
  [[nodiscard]] std::vector<Operand> compute(const OpDef& op, Attrs attrs,
                                             const std::vector<Operand>& inputs,
                                             const std::vector<Type>& argument_types);
};

}  // namespace cnnc
