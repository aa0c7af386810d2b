// Tested by tests/passes/add_optimizer_test.cpp.
#include "compiler/passes/passes.h"

namespace cnnc {
namespace {

bool uses_momentum(const Attrs& attrs) {
  return !attrs.has("momentum") || attrs.real("momentum") != 0;
}

}  // namespace

Graph add_optimizer(Graph graph, const OpDef& optimizer, const Attrs& attrs,
                    const std::vector<ValueId>& parameters, const std::vector<ValueId>& gradients,
                    ValueId learning_rate, ValueId step) {
  CNNC_CHECK(parameters.size() == gradients.size(), "one gradient per parameter");
  Attrs all = attrs;
  set_defaults(all, optimizer.attrs);
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (gradients[i] == kNoValue) continue;
    const std::string name = graph.values[parameters[i]].name;
    const Type type = graph.type(parameters[i]);
    std::vector<ValueId> inputs = {parameters[i]};
    for (size_t k = 1; k < optimizer.outputs.size(); ++k) {  // output k overwrites input k
      const OpInput& state = optimizer.inputs[k];
      const bool absent = state.optional && !uses_momentum(all);
      inputs.push_back(absent ? kNoValue : graph.add_state(name + "." + state.name, type));
    }
    inputs.insert(inputs.end(), {gradients[i], learning_rate, step});
    for (ValueId updated : graph.add(optimizer.name, name + ".update", all, inputs)) {
      graph.outputs.push_back(updated);
    }
  }
  return graph;
}

}  // namespace cnnc
