#include "compiler/graph/graph.h"

#include <algorithm>

namespace cnnc {
namespace {

// Of an output that the record does not name: "[1]".
std::string output_number(size_t i) { return "[" + std::to_string(i) + "]"; }

std::vector<ValueId> append_node(Graph& graph, const OpDef& op, std::string name, Attrs attrs,
                                 std::vector<ValueId> inputs, const std::vector<Type>& types,
                                 Span span, std::string pointer) {
  Node node;
  node.op = &op;
  node.name = std::move(name);
  node.attrs = std::move(attrs);
  node.inputs = std::move(inputs);
  node.span = std::move(span);
  node.pointer = std::move(pointer);
  node.traits = op.traits;
  if (op.more_traits) node.traits |= op.more_traits(node.attrs, graph.types(node.inputs));
  for (size_t i = 0; i < types.size(); ++i) {
    Value value;
    value.name = node.name;
    if (i > 0) value.name += i < op.outputs.size() ? "." + op.outputs[i] : output_number(i);
    value.type = types[i];
    value.producer = static_cast<int32_t>(graph.nodes.size());
    node.outputs.push_back(static_cast<ValueId>(graph.values.size()));
    graph.values.push_back(std::move(value));
  }
  std::vector<ValueId> outputs = node.outputs;
  graph.nodes.push_back(std::move(node));
  return outputs;
}

ValueId append_value(Graph& graph, std::string name, Type type, ValueKind kind) {
  Value value;
  value.name = std::move(name);
  value.type = std::move(type);
  value.kind = kind;
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size()) - 1;
}

}  // namespace

std::vector<Type> Graph::types(const std::vector<ValueId>& ids) const {
  std::vector<Type> result;
  result.reserve(ids.size());
  for (ValueId id : ids) result.push_back(id == kNoValue ? Type{} : type(id));
  return result;
}

ValueId Graph::add_input(std::string value_name, Type value_type) {
  inputs.push_back(
      append_value(*this, std::move(value_name), std::move(value_type), ValueKind::input));
  return inputs.back();
}

ValueId Graph::add_state(std::string value_name, Type value_type) {
  const ValueId id =
      append_value(*this, std::move(value_name), std::move(value_type), ValueKind::state);
  values[id].init.shape = values[id].type.shape;
  return id;
}

ValueId Graph::add_parameter(std::string value_name, ParameterSpec spec) {
  const ValueId id = append_value(*this, std::move(value_name), Type{DType::f32, spec.shape},
                                  ValueKind::parameter);
  values[id].init = std::move(spec);
  return id;
}

Result<std::vector<ValueId>> Graph::try_add(const OpDef& op, std::string node_name, Attrs attrs,
                                            const std::vector<ValueId>& arguments, Span span,
                                            std::string pointer) {
  set_defaults(attrs, op.attrs);
  const std::vector<Type> argument_types = types(arguments);
  InferArgs args{attrs, argument_types};
  Result<std::vector<Type>> result_types = op.infer(args);
  if (!result_types) {
    Diagnostics found = result_types.diagnostics();
    for (Diagnostic& diagnostic : found) {
      diagnostic.message = op.name + " \"" + node_name + "\": " + diagnostic.message;
      diagnostic.span = span;
      diagnostic.pointer = pointer;
    }
    return found;
  }
  std::vector<ValueId> node_inputs;
  std::vector<ParameterSpec> specs;
  if (op.parameters) specs = op.parameters(attrs, argument_types);
  auto spec = specs.begin();
  size_t argument = 0;
  for (const OpInput& input : op.inputs) {
    if (input.parameter) {
      if (spec != specs.end() && spec->name == input.name) {
        node_inputs.push_back(add_parameter(node_name + "." + spec->name, *spec));
        ++spec;
      } else {
        node_inputs.push_back(kNoValue);
      }
    } else if (input.variadic) {
      while (argument < arguments.size()) node_inputs.push_back(arguments[argument++]);
    } else {
      node_inputs.push_back(argument < arguments.size() ? arguments[argument++] : kNoValue);
    }
  }
  CNNC_CHECK(spec == specs.end(), op.name + ": a parameter has no input slot");
  return append_node(*this, op, std::move(node_name), std::move(attrs), std::move(node_inputs),
                     *result_types, std::move(span), std::move(pointer));
}

std::vector<ValueId> Graph::add(const std::string& op_name, std::string node_name, Attrs attrs,
                                const std::vector<ValueId>& all_inputs) {
  const OpDef* op = find_op(op_name);
  CNNC_CHECK(op != nullptr, "no op " + op_name);
  set_defaults(attrs, op->attrs);
  const std::vector<Type> input_types = types(all_inputs);
  InferArgs args{attrs, input_types};
  Result<std::vector<Type>> result_types = op->infer(args);
  CNNC_CHECK(result_types.ok(),
             op_name + " " + node_name + ": " + render(result_types.diagnostics()));
  return append_node(*this, *op, std::move(node_name), std::move(attrs), all_inputs, *result_types,
                     {}, {});
}

std::vector<std::vector<int32_t>> consumers(const Graph& graph) {
  std::vector<std::vector<int32_t>> result(graph.values.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (ValueId id : graph.nodes[i].inputs) {
      if (id == kNoValue) continue;
      std::vector<int32_t>& list = result[id];
      if (list.empty() || list.back() != static_cast<int32_t>(i)) {
        list.push_back(static_cast<int32_t>(i));
      }
    }
  }
  return result;
}

std::string verify(const Graph& graph) {
  std::string problems;
  std::vector<bool> available(graph.values.size());
  for (size_t id = 0; id < graph.values.size(); ++id) {
    available[id] = graph.values[id].kind != ValueKind::result;
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (ValueId id : node.inputs) {
      if (id != kNoValue && !available[id]) {
        problems += node.name + " reads %" + graph.values[id].name + " before it is computed\n";
      }
    }
    for (ValueId id : node.outputs) {
      if (graph.values[id].producer != static_cast<int32_t>(i)) {
        problems += "%" + graph.values[id].name + " does not know its producer " + node.name + "\n";
      }
      available[id] = true;
    }
    if (node.has(kInPlace)) {
      for (size_t k = 0; k < node.outputs.size(); ++k) {
        if (k >= node.inputs.size() || node.inputs[k] == kNoValue ||
            graph.type(node.inputs[k]) != graph.type(node.outputs[k])) {
          problems += node.name + " overwrites an input of another type\n";
        }
      }
    }
  }
  for (ValueId id : graph.outputs) {
    if (!available[id]) problems += "output %" + graph.values[id].name + " is never computed\n";
  }
  return problems;
}

std::string print(const Graph& graph) {
  std::string text = "graph " + graph.name + " {\n";
  for (ValueId id : graph.inputs) {
    text += "  input %" + graph.values[id].name + ": " + to_string(graph.type(id)) + "\n";
  }
  for (const Value& value : graph.values) {
    if (value.kind != ValueKind::parameter && value.kind != ValueKind::state) continue;
    text += std::string(value.kind == ValueKind::parameter ? "  parameter %" : "  state %") +
            value.name + ": " + to_string(value.type) + "\n";
  }
  for (const Node& node : graph.nodes) {
    text += "  ";
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      text += (i ? ", %" : "%") + graph.values[node.outputs[i]].name + ": " +
              to_string(graph.type(node.outputs[i]));
    }
    text += " = " + node.op->name + "(";
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      text += i ? ", " : "";
      text += node.inputs[i] == kNoValue ? "none" : "%" + graph.values[node.inputs[i]].name;
    }
    text += ")";
    if (!node.attrs.all().empty()) {
      text += " {";
      bool first = true;
      for (const auto& [name, value] : node.attrs.all()) {
        text += (first ? "" : ", ") + name + " = " + to_string(value);
        first = false;
      }
      text += "}";
    }
    text += "\n";
  }
  for (ValueId id : graph.outputs) text += "  output %" + graph.values[id].name + "\n";
  return text + "}\n";
}

}  // namespace cnnc
