// Tested by tests/passes/add_optimizer_test.cpp.
#include "compiler/passes/passes.h"

namespace cnnc {

Graph add_optimizer(Graph graph, const OpDef& optimizer, const Attrs& attrs,
                    const std::vector<ValueId>& parameters, const std::vector<ValueId>& gradients,
                    ValueId learning_rate, ValueId step, const std::vector<bool>& undecayed) {
  CNNC_CHECK(parameters.size() == gradients.size(), "one gradient per parameter");
  Attrs all = attrs;
  set_defaults(all, optimizer.attrs);
  Attrs without_decay = all;
  if (all.has("weight_decay")) without_decay.set("weight_decay", 0.0);
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (gradients[i] == kNoValue) continue;
    const std::string name = graph.values[parameters[i]].name;
    const Type type = graph.type(parameters[i]);
    std::vector<ValueId> inputs = {parameters[i]};
    for (const ParameterSpec& state : optimizer.parameters(all, {type})) {
      const ValueId id = graph.add_state(name + "." + state.name, {DType::f32, state.shape});
      if (state.shape == type.shape) {
        graph.values[id].init.shape = graph.values[parameters[i]].init.shape;
      }
      inputs.push_back(id);
    }
    inputs.resize(optimizer.outputs.size(), kNoValue);  // slots of states that are not kept
    inputs.insert(inputs.end(), {gradients[i], learning_rate, step});
    const Attrs& own = i < undecayed.size() && undecayed[i] ? without_decay : all;
    for (ValueId updated : graph.add(optimizer.name, name + ".update", own, inputs)) {
      graph.outputs.push_back(updated);
    }
  }
  return graph;
}

}  // namespace cnnc
