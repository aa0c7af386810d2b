// Reductions over dimensions.
#include <map>

#include "compiler/onnx/operators.h"
#include "compiler/onnx/views.h"

namespace cnnc {
namespace {

const std::map<std::string, std::string>& reduction_ops() {
  static const std::map<std::string, std::string> kOps = {{"ReduceL1", "ReduceL1"},
                                                          {"ReduceL2", "ReduceL2"},
                                                          {"ReduceLogSum", "ReduceLogSum"},
                                                          {"ReduceLogSumExp", "LogSumExp"},
                                                          {"ReduceMax", "Amax"},
                                                          {"ReduceMean", "Mean"},
                                                          {"ReduceMin", "Amin"},
                                                          {"ReduceProd", "Prod"},
                                                          {"ReduceSum", "Sum"},
                                                          {"ReduceSumSquare", "ReduceSumSquare"}};
  return kOps;
}

}  // namespace

// Dimensions are kept in the graph and taken away by a view: so no result is without dimensions.
Operand reduced(OnnxNode& node, const std::string& op, const Operand& operand,
                const OnnxReduction& reduction) {
  const Shape shape = node.shape(operand);
  if (reduction.axes.empty()) return operand;
  Attrs attrs;
  attrs.set("dim", reduction.axes);
  attrs.set("keepdim", true);
  return reshaped(node, node.emit(op, std::move(attrs), {operand}), reduction.shape(shape));
}

namespace {

void import_reduction(OnnxNode& node) {
  const Operand input = node.input(0);
  const OnnxReduction reduction = reduction_of(node, node.rank(input));
  node.set_output(0, reduced(node, reduction_ops().at(node.type()), input, reduction));
}

// Divides by a norm along one dimension.
void import_lp_normalization(OnnxNode& node) {
  const Operand input = node.input(0);
  const int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2) refuse("its attribute p is neither 1 nor 2");
  OnnxReduction reduction;
  reduction.axes = {OnnxNode::axis_within(node.integer("axis", -1), node.rank(input))};
  const Operand norm = reduced(node, p == 1 ? "ReduceL1" : "ReduceL2", input, reduction);
  node.set_output(0, combined(node, "Div", input, norm));
}

void import_global_lp_pool(OnnxNode& node) {
  const Operand input = node.input(0);
  const int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2) refuse("its attribute p is neither 1 nor 2");
  OnnxReduction reduction;
  for (int64_t d = 2; d < node.rank(input); ++d) reduction.axes.push_back(d);
  node.set_output(0, reduced(node, p == 1 ? "ReduceL1" : "ReduceL2", input, reduction));
}

// (x - mean) / deviation over the given dimensions.
void import_mean_variance_normalization(OnnxNode& node) {
  const Operand input = node.input(0);
  OnnxReduction reduction;
  reduction.axes = OnnxNode::axes_within(node.integers("axes", {0, 2, 3}), node.rank(input));
  constexpr double kEpsilon = 1e-9;  // of the operator's definition
  const Operand mean = reduced(node, "Mean", input, reduction);
  const Operand centred = combined(node, "Sub", input, mean);
  const Operand variance =
      reduced(node, "Mean", combined(node, "Mul", centred, centred), reduction);
  const Operand deviation = combined(node, "Add", node.emit("Sqrt", {}, {variance}), kEpsilon);
  node.set_output(0, combined(node, "Div", centred, deviation));
}

}  // namespace

OnnxOperators reduction_operators() {
  OnnxOperators operators = {{"GlobalLpPool", import_global_lp_pool},
                             {"LpNormalization", import_lp_normalization},
                             {"MeanVarianceNormalization", import_mean_variance_normalization}};
  for (const auto& [name, op] : reduction_ops()) operators.push_back({name, import_reduction});
  return operators;
}

}  // namespace cnnc
