// Nodes whose inputs are all known: shape arithmetic, and what else depends on constants alone.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/onnx/node.h"

namespace cnnc {

// Computes the node's outputs if its inputs are known and it is one of those that can be computed
// on all types of elements. Others remain for their import.
[[nodiscard]] bool fold(OnnxNode& node);
// Names of these operators, sorted.
[[nodiscard]] std::vector<std::string> foldable_operators();

struct Folding {
  const char* name;
  void (*fold)(OnnxNode&);
};
[[nodiscard]] std::vector<Folding> elementwise_foldings();
[[nodiscard]] std::vector<Folding> movement_foldings();

// The shape to which shapes are broadcast, as NumPy does; refuses those that do not go together.
[[nodiscard]] Shape common_shape(const Shape& a, const Shape& b);
// Calls visit(position, index) for every index of a shape in row-major order.
void for_each_index(const Shape& shape,
                    const std::function<void(int64_t, const std::vector<int64_t>&)>& visit);
// The row-major position of an index; extents of 1 are repeated, missing first dimensions left out.
[[nodiscard]] int64_t broadcast_position(const Shape& shape, const std::vector<int64_t>& index);
// The elements at those places of the source.
[[nodiscard]] KnownTensor gathered(
    const KnownTensor& source, const Shape& shape,
    const std::function<int64_t(const std::vector<int64_t>&)>& position_of);

}  // namespace cnnc
