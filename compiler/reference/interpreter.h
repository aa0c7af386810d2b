// Evaluates a graph node by node with the reference functions of the ops, in double.
//
// It is the oracle of compiled graphs, of gradients through finite differences, and of
// cnnc-compare.
#pragma once
#include <map>
#include <vector>

#include "compiler/graph/graph.h"

namespace cnnc {

using GivenValues = std::map<ValueId, ReferenceTensor>;

// Zeros of that shape.
[[nodiscard]] ReferenceTensor zeros(const Shape& shape);

// All values of the graph, indexed by ValueId; unused ones are empty. Inputs and parameters that
// nodes read must be given, with the shapes of the graph; state that is not given is zero.
[[nodiscard]] std::vector<ReferenceTensor> interpret(const Graph& graph, const GivenValues& given);

}  // namespace cnnc
