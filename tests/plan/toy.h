// Ops that have traits and types, but compute nothing: what grouping, ordering and memory see.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/plan/plan.h"

namespace cnnc::test {

inline Result<std::vector<Type>> like_input_0(InferArgs& args) {
  return std::vector<Type>{args.inputs[0]};
}

inline Result<std::vector<Type>> halved(InferArgs& args) {
  Type type = args.inputs[0];
  type.shape[2] /= 2;
  type.shape[3] /= 2;
  return std::vector<Type>{type, Type{DType::u8, type.shape}};
}

inline Result<std::vector<Type>> doubled(InferArgs& args) {
  Type type = args.inputs[0];
  type.shape[2] *= 2;
  type.shape[3] *= 2;
  return std::vector<Type>{type};
}

inline Result<std::vector<Type>> flat(InferArgs& args) {
  const Type& type = args.inputs[0];
  const int64_t n = type.shape[0];
  return std::vector<Type>{Type{type.dtype, {n, element_count(type.shape) / n}}};
}

inline Result<std::vector<Type>> scalar(InferArgs&) {
  return std::vector<Type>{Type{DType::f32, {}}};
}

using Infer = Result<std::vector<Type>> (*)(InferArgs&);

inline OpDef toy(std::string name, uint32_t traits, Infer infer, std::vector<OpInput> inputs,
                 std::vector<std::string> outputs = {"output"}) {
  OpDef op;
  op.name = std::move(name);
  op.traits = traits;
  op.infer = infer;
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  return op;
}

// What a toy network is made of. Short names: tests are read as formulas.
struct Toys {
  OpDef anchor = toy("Anchor", kAnchor, like_input_0, {{"x"}, {"w", true}});
  OpDef staging = toy("Staging", kAnchor | kStagesInput0, like_input_0, {{"x"}, {"w", true}});
  OpDef unary = toy("Unary", kElementwise, like_input_0, {{"x"}});
  OpDef binary = toy("Binary", kElementwise, like_input_0, {{"x"}, {"y"}});
  OpDef pool = toy("Pool", kWindow | kSelectsMaximum, halved, {{"x"}}, {"output", "index"});
  OpDef gather = toy("Gather", kCheapGather, doubled, {{"x"}, {"index", true}});
  OpDef flatten = toy("Flat", kView, flat, {{"x"}});
  OpDef total = toy("Total", 0, scalar, {{"x"}});
  OpDef update = toy("Update", kElementwise | kInPlace, like_input_0, {{"p"}, {"gradient"}});
};

class ToyGraph {
 public:
  ToyGraph() { graph.name = "toy"; }

  ValueId input(const std::string& name, Shape shape) {
    return graph.add_input(name, Type{DType::f32, std::move(shape)});
  }
  ValueId parameter(const std::string& name, Shape shape) {
    ParameterSpec spec;
    spec.name = name;
    spec.shape = std::move(shape);
    return graph.add_parameter(name, spec);
  }
  std::vector<ValueId> all(const OpDef& op, const std::string& name,
                           const std::vector<ValueId>& inputs) {
    return *graph.try_add(op, name, {}, inputs);
  }
  ValueId operator()(const OpDef& op, const std::string& name, const std::vector<ValueId>& inputs) {
    return all(op, name, inputs)[0];
  }

  Toys ops;
  Graph graph;
};

// "conv+relu(w, x -> relu); ...": each kernel's nodes, inputs and outputs.
inline std::string describe(const Graph& graph, const std::vector<Kernel>& kernels) {
  const auto list = [&](const std::vector<ValueId>& ids) {
    std::string text;
    for (ValueId id : ids) text += (text.empty() ? "" : ", ") + graph.values[id].name;
    return text;
  };
  std::string text;
  for (const Kernel& kernel : kernels) {
    std::string names;
    for (int32_t id : kernel.nodes) names += (names.empty() ? "" : "+") + graph.nodes[id].name;
    text += (text.empty() ? "" : "; ") + names + "(" + list(kernel.inputs) + " -> " +
            list(kernel.outputs) + ")";
  }
  return text;
}

// The names of the kernels in order.
inline std::string names(const std::vector<Kernel>& kernels) {
  std::string text;
  for (const Kernel& kernel : kernels) text += (text.empty() ? "" : " ") + kernel.name;
  return text;
}

}  // namespace cnnc::test
