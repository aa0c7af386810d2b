// From a graph of inference to an ONNX model, for other programs to run.
#pragma once
#include <functional>
#include <string>

#include "compiler/graph/graph.h"
#include "compiler/support/result.h"

namespace cnnc {

// The bytes of a model that computes what the graph does, with the graph's parameters as
// initializers. The first dimension of input and output, the batch, is symbolic. Names every node
// that ONNX has no twin of.
[[nodiscard]] Result<std::string> export_onnx(
    const Graph& graph, const std::function<const float*(const std::string& parameter)>& elements);

}  // namespace cnnc
