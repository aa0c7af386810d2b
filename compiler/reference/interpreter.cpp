// Entry point: interpret. Tested by tests/ops/interpreter_test.cpp.
#include "compiler/reference/interpreter.h"

#include "compiler/support/check.h"

namespace cnnc {

ReferenceTensor zeros(const Shape& shape) {
  ReferenceTensor tensor;
  tensor.shape = shape;
  tensor.data.assign(static_cast<size_t>(element_count(shape)), 0.0);
  return tensor;
}

std::vector<ReferenceTensor> interpret(const Graph& graph, const GivenValues& given) {
  std::vector<ReferenceTensor> values(graph.values.size());
  std::vector<bool> is_known(graph.values.size());
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    const auto found = given.find(static_cast<ValueId>(id));
    if (found != given.end()) {
      CNNC_CHECK(found->second.shape == value.type.shape, "%" + value.name + " has another shape");
      CNNC_CHECK(element_count(value.type.shape) == static_cast<int64_t>(found->second.data.size()),
                 "%" + value.name + " has another number of elements");
      values[id] = found->second;
    } else if (value.kind == ValueKind::state) {
      values[id] = zeros(value.type.shape);
    } else {
      continue;
    }
    is_known[id] = true;
  }
  for (const Node& node : graph.nodes) {
    std::vector<const ReferenceTensor*> inputs;
    for (ValueId id : node.inputs) {
      CNNC_CHECK(id == kNoValue || is_known[id], node.name + " reads an unknown value");
      inputs.push_back(id == kNoValue ? nullptr : &values[id]);
    }
    std::vector<ReferenceTensor> outputs;
    outputs.reserve(node.outputs.size());
    for (ValueId id : node.outputs) outputs.push_back(zeros(graph.type(id).shape));
    ReferenceArgs args{node.attrs, inputs, outputs};
    node.op->reference(args);
    for (size_t i = 0; i < outputs.size(); ++i) {
      values[node.outputs[i]] = std::move(outputs[i]);
      is_known[node.outputs[i]] = true;
    }
  }
  return values;
}

}  // namespace cnnc
