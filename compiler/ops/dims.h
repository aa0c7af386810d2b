// What ops that move elements share: dimensions by number, and elements by their coordinates, one
// per dimension, the first dimension's first.
#pragma once
#include <Halide.h>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// Empty if input `index` is there, with any dtype, of 1 to kMostRank dimensions.
[[nodiscard]] Diagnostics expect_any(const InferArgs& args, size_t index, const std::string& name);

// Makes an attribute that numbers a dimension of `shape` count from the front; negative numbers
// count from the back. Says which are out of range.
[[nodiscard]] Diagnostics settle_dim(Attrs& attrs, const std::string& name, const Shape& shape);
// The same of a list, which must not name a dimension twice.
[[nodiscard]] Diagnostics settle_dims(Attrs& attrs, const std::string& name, const Shape& shape);

// The attributes that most of these ops have.
[[nodiscard]] AttrSpec dim_attr(const std::string& name, AttrValue fallback, std::string doc);
[[nodiscard]] AttrSpec dims_attr(const std::string& name, std::string doc);

// The gradient of the node's only differentiable input, its first: one more node, which reads the
// gradient of the node's output. None where nobody asks for it.
[[nodiscard]] std::vector<ValueId> gradient_by(const GradientArgs& args, const std::string& op,
                                               const Attrs& attrs);

// Coordinates as arguments of a Func, and arguments as coordinates.
template <class T>
[[nodiscard]] std::vector<Halide::Expr> reversed(const std::vector<T>& list) {
  return std::vector<Halide::Expr>(list.rbegin(), list.rend());
}

// Defines output 0 as elements of input 0: `source` says, for the coordinates of an element of the
// output, those of the input's.
template <class Source>
void lower_move(Lowering& lowering, const char* name, const Source& source) {
  const std::vector<Halide::Var> vars = variables(lowering.output_types[0].rank());
  Halide::Func output(name);
  output(vars) = at(lowering.inputs[0], reversed(source(reversed(vars))));
  lowering.outputs = {output};
}

// For references: the coordinates of element `index` in row-major order, and back.
[[nodiscard]] Shape coordinates_of(const Shape& shape, int64_t index);
[[nodiscard]] int64_t position_of(const Shape& shape, const Shape& coordinates);

}  // namespace cnnc
