// Tested by tests/schedules.
#include "compiler/codegen/pool_problem.h"

namespace cnnc {

void describe_window(const Graph& graph, const Node& node, Problem& problem) {
  const Shape& in = graph.type(node.inputs[0]).shape;
  const Shape& out = graph.type(node.outputs[0]).shape;
  const Attrs& attrs = node.attrs;
  problem.family = node.op->schedule;
  problem.n = out[0];
  problem.c = out[1];
  problem.h = out[2];
  problem.w = out[3];
  problem.input_h = in[2];
  problem.input_w = in[3];
  if (!attrs.has("kernel_size")) {
    problem.reduce_h = (in[2] + out[2] - 1) / out[2];
    problem.reduce_w = (in[3] + out[3] - 1) / out[3];
    return;
  }
  problem.reduce_h = attrs.integers("kernel_size")[0];
  problem.reduce_w = attrs.integers("kernel_size")[1];
  problem.stride_h = attrs.integers("stride")[0];
  problem.stride_w = attrs.integers("stride")[1];
  problem.dilation_h = attrs.integers("dilation")[0];
  problem.dilation_w = attrs.integers("dilation")[1];
  for (int64_t pad : attrs.integers("padding")) problem.padded |= pad != 0;
  problem.padded |= attrs.boolean("ceil_mode");
}

}  // namespace cnnc
