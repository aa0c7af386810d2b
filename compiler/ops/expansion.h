// What layers that other ops compute share.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace cnnc {

// `value` in that shape, which has as many elements: itself, if it has it. A parameter that nothing
// else reads takes the shape; files keep the one that it had.
[[nodiscard]] ValueId view_of(Graph& graph, ValueId value, const Shape& shape,
                              const std::string& name);

// An `expand` of layers of sequences: the layer `op` of images, whose attributes have the same
// names, on images of one row.
[[nodiscard]] std::vector<ValueId> expand_to_rows(Graph& graph, const Node& node,
                                                  const std::string& op);

// The attributes of a layer of volumes for images: without the numbers of the depth.
[[nodiscard]] Attrs without_depth(const Attrs& attrs);

}  // namespace cnnc
