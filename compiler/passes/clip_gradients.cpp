// Tested by tests/passes/clip_gradients_test.cpp.
#include "compiler/passes/passes.h"

namespace cnnc {

Graph clip_gradients(Graph graph, std::vector<ValueId>& gradients, double most_value,
                     double most_norm) {
  const auto rewrite = [&](const std::string& op, const std::string& ending, const Attrs& attrs,
                           const std::vector<ValueId>& others) {
    for (ValueId& gradient : gradients) {
      if (gradient == kNoValue) continue;
      std::vector<ValueId> inputs = {gradient};
      inputs.insert(inputs.end(), others.begin(), others.end());
      gradient = graph.add(op, graph.values[gradient].name + ending, attrs, inputs)[0];
    }
  };
  if (most_value > 0) {
    Attrs attrs;
    attrs.set("limit", most_value);
    rewrite("LimitGrad", ".clamped", attrs, {});
  }
  if (most_norm > 0) {
    std::vector<ValueId> sums;
    for (const ValueId gradient : gradients) {
      if (gradient == kNoValue) continue;
      const std::string name = graph.values[gradient].name + ".square_sum";
      sums.push_back(graph.add("SquareSum", name, {}, {gradient})[0]);
    }
    if (sums.empty()) return graph;
    Attrs attrs;
    attrs.set("max_norm", most_norm);
    const ValueId factor = graph.add("ClipFactor", "clip_factor", attrs, sums)[0];
    rewrite("ScaleGrad", ".clipped", {}, {factor});
  }
  return graph;
}

}  // namespace cnnc
