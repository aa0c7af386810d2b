// Sliding windows over images, in compiled code.
#pragma once
#include <Halide.h>

#include "compiler/ops/axes.h"

namespace cnnc {

struct Window {
  WindowAxis y;
  WindowAxis x;

  [[nodiscard]] int64_t taps() const { return y.kernel * x.kernel; }
};

// The axes of kernel_size, stride and dilation; padding and extents are left as they are.
[[nodiscard]] Window window_of(const Attrs& attrs);
// With padding, which must be in numbers, over an input of that height and width; `out` is left.
[[nodiscard]] Window window_over(const Attrs& attrs, int64_t height, int64_t width);

// The position that output `o` and tap `k` read. Where others than those inside the input can
// occur, restricts `r` to them; but with one output or one tap it adds the condition to `exists`,
// which is undefined at first: the reader selects. (A guard that depends on one of the two alone is
// merged with the other axis's, and Halide no longer sees which positions the two leave: it then
// asks for more of the input than there is, and draws false conclusions from that.)
[[nodiscard]] Halide::Expr read_position(const WindowAxis& axis, Halide::RDom& r,
                                         const Halide::Expr& o, const Halide::Expr& k,
                                         Halide::Expr& exists);

// `value` where `exists` is undefined or true, else `otherwise`.
[[nodiscard]] Halide::Expr if_exists(const Halide::Expr& exists, const Halide::Expr& value,
                                     const Halide::Expr& otherwise);

// The output that reads position `p` with tap `k`. Restricts `r` to taps for which there is one.
[[nodiscard]] Halide::Expr reading_output(const WindowAxis& axis, Halide::RDom& r,
                                          const Halide::Expr& p, const Halide::Expr& k);

}  // namespace cnnc
