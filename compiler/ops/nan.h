// NaN through comparisons. Halide and LLVM make minima and maxima of comparisons and selections,
// which may lose it.
#pragma once
#include <Halide.h>

namespace cnnc {

// x where it is NaN, else `value`.
[[nodiscard]] inline Halide::Expr or_nan(const Halide::Expr& x, const Halide::Expr& value) {
  return Halide::select(Halide::strict_float(x != x), x, value);
}

}  // namespace cnnc
