// The graph: values and the nodes that compute them, in an order in which they can run.
//
// Ids index Graph::values and Graph::nodes. Every value has a type from the moment it exists.
// Passes are functions Graph -> Graph; nodes that are dropped leave their values unused.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/op.h"

namespace cnnc {

enum class ValueKind {
  input,      // handed in at each call, row-major
  parameter,  // trained, or constant in inference; row-major
  state,      // kept between training steps beside the parameters (momentum); starts at zero
  result,     // computed by a node
};

struct Value {
  std::string name;
  Type type;
  ValueKind kind = ValueKind::result;
  int32_t producer = -1;  // node id, for results
  ParameterSpec init;     // for parameters; of states, the shape. Its shape is that in files, and
                          // may be another view of the same elements than the type's
};

struct Node {
  const OpDef* op = nullptr;
  std::string name;
  Attrs attrs;
  std::vector<ValueId> inputs;  // in the order of OpDef::inputs; absent optional ones are kNoValue
  std::vector<ValueId> outputs;
  Span span;  // of the layer in the description, where it comes from one
  std::string pointer;

  [[nodiscard]] bool has(Trait trait) const { return (traits & trait) != 0; }
  uint32_t traits = 0;
};

struct Graph {
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;  // kind input
  std::vector<ValueId> outputs;

  [[nodiscard]] const Type& type(ValueId id) const { return values[id].type; }
  [[nodiscard]] std::vector<Type> types(const std::vector<ValueId>& ids) const;

  ValueId add_input(std::string value_name, Type value_type);
  ValueId add_state(std::string value_name, Type value_type);
  ValueId add_parameter(std::string value_name, ParameterSpec spec);

  // Appends a node: sets attribute defaults, creates its parameters (named <name>.<spec.name>),
  // infers its outputs. `arguments` are the inputs that are not parameters. Fails as infer fails.
  Result<std::vector<ValueId>> try_add(const OpDef& op, std::string node_name, Attrs attrs,
                                       const std::vector<ValueId>& arguments, Span span = {},
                                       std::string pointer = {});
  // The same with all inputs given, parameters included, where failure is a bug; for passes.
  std::vector<ValueId> add(const std::string& op, std::string node_name, Attrs attrs,
                           const std::vector<ValueId>& all_inputs);
};

// Nodes that read each value (a node that reads it twice is listed once).
[[nodiscard]] std::vector<std::vector<int32_t>> consumers(const Graph& graph);

// Names the fields that break the graph's rules; empty if none do.
[[nodiscard]] std::string verify(const Graph& graph);

// One line per node: `%y: f32[64, 32, 14, 14] = Conv2d(%x, %conv1.weight) {stride = [1, 1]}`.
[[nodiscard]] std::string print(const Graph& graph);

}  // namespace cnnc
