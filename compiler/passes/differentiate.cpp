// Tested by tests/passes/differentiate_test.cpp.
#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace cnnc {
namespace {

class ReverseWalk {
 public:
  ReverseWalk(Graph graph, const std::vector<ValueId>& wrt)
      : graph_(std::move(graph)),
        gradient_(graph_.values.size(), kNoValue),
        reached_(graph_.nodes.size()),
        depends_(graph_.values.size()) {
    for (ValueId id : wrt) depends_[id] = true;
    for (const Node& node : graph_.nodes) {
      if (!any(depends_on(node))) continue;
      for (ValueId id : node.outputs) depends_[id] = true;
    }
  }

  // The rule of that node takes its output's gradient to be 1.
  void begin_at(int32_t node) { reached_[node] = true; }

  void accumulate(ValueId value, ValueId gradient) {
    CNNC_CHECK(graph_.type(gradient) == graph_.type(value),
               "the gradient of %" + graph_.values[value].name + " has type " +
                   to_string(graph_.type(gradient)));
    if (graph_.values[value].producer >= 0) reached_[graph_.values[value].producer] = true;
    ValueId& sum = gradient_[value];
    if (sum == kNoValue) {
      sum = gradient;
    } else {
      const std::string name = graph_.values[value].name + ".grad_sum" + std::to_string(++sums_);
      sum = graph_.add("Add", name, {}, {sum, gradient})[0];
    }
  }

  Result<Gradients> run(const std::vector<ValueId>& wrt) && {
    Diagnostics problems;
    for (size_t i = reached_.size(); i-- > 0;) {
      if (reached_[i]) visit(graph_.nodes[i], problems);  // a copy: rules append nodes
    }
    if (!problems.empty()) return problems;
    Gradients result;
    for (ValueId id : wrt) result.of.push_back(gradient_[id]);
    result.graph = std::move(graph_);
    return result;
  }

 private:
  std::vector<bool> depends_on(const Node& node) const {
    std::vector<bool> result;
    result.reserve(node.inputs.size());
    for (ValueId id : node.inputs) result.push_back(id != kNoValue && depends_[id]);
    return result;
  }

  static bool any(const std::vector<bool>& flags) {
    for (bool flag : flags) {
      if (flag) return true;
    }
    return false;
  }

  void visit(const Node node, Diagnostics& problems) {
    const std::vector<bool> wanted = depends_on(node);
    if (!any(wanted)) return;
    if (!node.op->gradient) {
      Diagnostic diagnostic = error(node.op->name + " \"" + node.name +
                                    "\" cannot be trained through: it has no gradient");
      diagnostic.span = node.span;
      diagnostic.pointer = node.pointer;
      problems.push_back(std::move(diagnostic));
      return;
    }
    std::vector<ValueId> of_outputs;
    of_outputs.reserve(node.outputs.size());
    for (ValueId id : node.outputs) of_outputs.push_back(gradient_[id]);
    GradientArgs args{graph_, node, of_outputs, wanted};
    const std::vector<ValueId> of_inputs = node.op->gradient(args);
    CNNC_CHECK(of_inputs.size() == node.inputs.size(), node.name + ": one gradient per input");
    for (size_t k = 0; k < of_inputs.size(); ++k) {
      if (wanted[k] && of_inputs[k] != kNoValue) accumulate(node.inputs[k], of_inputs[k]);
    }
  }

  Graph graph_;
  std::vector<ValueId> gradient_;  // of the values that were there at the start
  std::vector<bool> reached_;      // something flows back into the node
  std::vector<bool> depends_;      // on what is asked for
  int32_t sums_ = 0;
};

}  // namespace

Result<Gradients> differentiate(Graph graph, ValueId loss, const std::vector<ValueId>& wrt) {
  const int32_t node = graph.values[loss].producer;
  CNNC_CHECK(node >= 0 && graph.nodes[node].op->role == OpRole::loss, "no loss");
  ReverseWalk walk(std::move(graph), wrt);
  walk.begin_at(node);
  return std::move(walk).run(wrt);
}

Result<Gradients> differentiate(Graph graph, const std::vector<ValueId>& outputs,
                                const std::vector<ValueId>& output_gradients,
                                const std::vector<ValueId>& wrt) {
  CNNC_CHECK(outputs.size() == output_gradients.size(), "one gradient per output");
  ReverseWalk walk(std::move(graph), wrt);
  for (size_t i = 0; i < outputs.size(); ++i) walk.accumulate(outputs[i], output_gradients[i]);
  return std::move(walk).run(wrt);
}

}  // namespace cnnc
