// How images are pooled, in compiled code: windows, and the windows that read a position.
#pragma once
#include <Halide.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/ops/pool_axes.h"
#include "compiler/ops/window.h"

namespace cnnc {

// The specs with those of the input's height and width, for gradients.
[[nodiscard]] std::vector<AttrSpec> with_input_extent(std::vector<AttrSpec> specs);
// A node's attributes with the height and width of an input of that shape, for its gradient.
[[nodiscard]] Attrs with_input_extent(Attrs attrs, const Shape& input);

// The windows; padding in numbers.
[[nodiscard]] Window pool_window(const Attrs& attrs, int64_t height, int64_t width);

// The number of the first tap of output `o` that is inside the input.
[[nodiscard]] Halide::Expr first_tap(const WindowAxis& axis, const Halide::Expr& o);

// Whether a value wins against the best of those before it. Strict, since Halide's default
// arithmetic assumes that there are no NaNs.
[[nodiscard]] inline Halide::Expr is_greater_or_nan(const Halide::Expr& value,
                                                    const Halide::Expr& best) {
  return Halide::strict_float(value > best) || Halide::strict_float(value != value);
}

// Few taps, all of them inside the input: a single expression.
[[nodiscard]] bool is_small(const Window& window);
[[nodiscard]] bool windows_overlap(const Window& window);
// Windows that share no element join the kernel that computes their elements: none is computed
// twice.
[[nodiscard]] inline bool joins_producer(const Window& window) {
  return is_small(window) && !windows_overlap(window);
}

// One window that may read a position.
struct WindowReader {
  Halide::Expr output;  // its number on this axis, clamped
  Halide::Expr tap;     // with which it reads
  Halide::Expr exists;
};

// The sum of term(x, y) over the windows that may read the position (x, y, c, n), in their order:
// an expression, or where they are many a Func that is put into `stages` as "accumulator".
[[nodiscard]] Halide::Expr sum_over_readers(
    const Window& window,
    const std::function<Halide::Expr(const WindowReader& x, const WindowReader& y)>& term,
    std::map<std::string, Halide::Func>& stages);

}  // namespace cnnc
