// The arithmetic of sliding windows, one axis at a time, for convolution and pooling.
#pragma once
#include <Halide.h>

#include <string>
#include <utility>

#include "compiler/graph/attributes.h"
#include "compiler/support/result.h"

namespace cnnc {

// Output o and tap k meet at input position o * stride + k * dilation - before. Positions outside
// [0, in) are padding.
struct WindowAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t before = 0;  // padding at the start
  int64_t after = 0;   // and at the end
  int64_t in = 1;
  int64_t out = 1;

  // Positions from the first tap to the last, both inclusive.
  [[nodiscard]] int64_t span() const { return (kernel - 1) * dilation + 1; }
  [[nodiscard]] int64_t position(int64_t o, int64_t k) const {
    return o * stride + k * dilation - before;
  }
  [[nodiscard]] bool is_inside(int64_t p) const { return p >= 0 && p < in; }
  // Whether tap k stays inside the input at its first and at its last output.
  [[nodiscard]] bool starts_inside(int64_t k) const { return position(0, k) >= 0; }
  [[nodiscard]] bool ends_inside(int64_t k) const { return position(out - 1, k) < in; }
  // The outputs [first, last) whose taps are all inside.
  [[nodiscard]] std::pair<int64_t, int64_t> inside() const;
  // The axis whose outputs are [first, last) of this one.
  [[nodiscard]] WindowAxis outputs(int64_t first, int64_t last) const;
};

struct Window {
  WindowAxis y;
  WindowAxis x;

  [[nodiscard]] int64_t taps() const { return y.kernel * x.kernel; }
};

// The axes of kernel_size, stride and dilation; padding and extents are left as they are.
[[nodiscard]] Window window_of(const Attrs& attrs);
// With padding, which must be in numbers, over an input of that height and width; `out` is left.
[[nodiscard]] Window window_over(const Attrs& attrs, int64_t height, int64_t width);

// The attribute "padding": numbers or one of `words`, 0 by default.
//   "valid"       0
//   "same"        PyTorch's: as many outputs as inputs; needs stride 1. An odd one is at the end
//   "same_upper"  ONNX's: ceil(inputs / stride) outputs; an odd one is at the end ...
//   "same_lower"  ... or at the start
[[nodiscard]] AttrSpec padding_attribute(std::vector<std::string> words, std::string doc);
// Puts it in four numbers; the result says what is wrong.
[[nodiscard]] Diagnostics settle_padding(Attrs& attrs, int64_t height, int64_t width);

// Sets `out` for convolution and for pooling without ceil_mode: the windows that fit.
void set_output_floor(WindowAxis& axis);

// What is wrong if a window is larger than the padded input; else empty.
[[nodiscard]] Diagnostics expect_fit(const Window& window);

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
