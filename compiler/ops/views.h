// What views share: the same elements in the same row-major order, under another shape.
#pragma once
#include "compiler/ops/dims.h"

namespace cnnc {

// Where the element at `at` of a tensor of shape `to` lies in one of shape `from`, as coordinates.
[[nodiscard]] std::vector<Halide::Expr> same_element(const Shape& from, const Shape& to,
                                                     const std::vector<Halide::Expr>& at);

// The record of a view, but for name, role and attributes. The rule of its shape may settle
// attributes.
using ShapeRule = Result<Shape> (*)(Attrs&, const Shape&);
[[nodiscard]] OpDef view_op() noexcept;
[[nodiscard]] Result<std::vector<Type>> infer_view(InferArgs& args, ShapeRule rule);

template <ShapeRule rule>
[[nodiscard]] OpDef view_op() noexcept {
  OpDef op = view_op();
  op.infer = [](InferArgs& args) { return infer_view(args, rule); };
  op.more_traits = [](const Attrs& attrs, const std::vector<Type>& inputs) {
    Attrs settled = attrs;
    const Result<Shape> out = rule(settled, inputs[0].shape);
    return out && out->at(0) == inputs[0].shape[0] ? 0u : static_cast<uint32_t>(kMixesBatch);
  };
  return op;
}

}  // namespace cnnc
