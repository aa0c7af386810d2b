// Small pieces that the lowerings share.
#pragma once
#include <Halide.h>

#include "compiler/ops/lowering.h"

namespace cnnc {

// A constant of the index type.
[[nodiscard]] inline Halide::Expr constant(int64_t value) {
  return Halide::Expr(static_cast<int32_t>(value));
}

// Input `index`, or an undefined Func where it is absent.
[[nodiscard]] inline Halide::Func input_or_none(const Lowering& lowering, size_t index) {
  return index < lowering.inputs.size() ? lowering.inputs[index] : Halide::Func();
}

// The arguments as expressions, to be replaced one by one.
[[nodiscard]] inline std::vector<Halide::Expr> as_exprs(const std::vector<Halide::Var>& vars) {
  return std::vector<Halide::Expr>(vars.begin(), vars.end());
}

}  // namespace cnnc
