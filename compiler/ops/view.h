// Views: the same elements in the same row-major order, under another shape.
#pragma once
#include <string>

#include "compiler/graph/graph.h"

namespace cnnc {

// `value` in that shape: itself, if it has it. A parameter that nothing else reads takes the shape;
// files keep the one that it had.
[[nodiscard]] ValueId view_of(Graph& graph, ValueId value, const Shape& shape,
                              const std::string& name);

}  // namespace cnnc
