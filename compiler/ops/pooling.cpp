// Tested through tests/ops/max_pool2d_test.cpp and tests/ops/avg_pool2d_test.cpp.
#include "compiler/ops/pooling.h"

#include "compiler/ops/exprs.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

namespace {

constexpr int64_t kMostUnrolledWindows = 16;

// Windows that read one position of the input.
int64_t windows_per_position(const WindowAxis& axis) {
  return (axis.span() + axis.stride - 1) / axis.stride;
}

// The `back`-th last of the windows that start at or before position `p`.
WindowReader reader(const WindowAxis& axis, const Expr& p, const Expr& back) {
  const Expr start = p + constant(axis.before);
  const Expr o = start / constant(axis.stride) - back;
  const Expr distance = start - o * constant(axis.stride);
  WindowReader result;
  result.tap = distance / constant(axis.dilation);
  result.exists = result.tap < constant(axis.kernel);
  if (axis.dilation > 1) {
    result.exists = result.exists && distance % constant(axis.dilation) == 0;
  }
  if (!Halide::Internal::is_const_zero(back)) result.exists = result.exists && o >= 0;
  const bool ends_inside = (axis.in - 1 + axis.before) / axis.stride < axis.out;
  if (!ends_inside) result.exists = result.exists && o < constant(axis.out);
  result.output = Halide::clamp(o, 0, constant(axis.out - 1));
  return result;
}

}  // namespace

std::vector<AttrSpec> with_input_extent(std::vector<AttrSpec> specs) {
  specs.push_back(
      required(attribute("input_height", AttrKind::integer, {}, kCounts, "height of the input")));
  specs.push_back(
      required(attribute("input_width", AttrKind::integer, {}, kCounts, "width of the input")));
  return specs;
}

Attrs with_input_extent(Attrs attrs, const Shape& input) {
  attrs.set("input_height", input[2]);
  attrs.set("input_width", input[3]);
  return attrs;
}

Window pool_window(const Attrs& attrs, int64_t height, int64_t width) {
  const Axes axes = pool_axes(attrs, {height, width});
  return {axes[0], axes[1]};
}

Expr first_tap(const WindowAxis& axis, const Expr& o) {
  if (axis.before == 0) return 0;
  const Expr p = o * constant(axis.stride) - constant(axis.before);
  return Halide::max(0, (constant(axis.dilation - 1) - p) / constant(axis.dilation));
}

bool is_small(const Window& window) {
  constexpr int64_t kMostTaps = 4;
  const auto inside = [](const WindowAxis& axis) {
    return axis.before == 0 && axis.position(axis.out - 1, axis.kernel - 1) < axis.in;
  };
  return window.taps() <= kMostTaps && inside(window.y) && inside(window.x);
}

bool windows_overlap(const Window& window) {
  return window.y.span() > window.y.stride || window.x.span() > window.x.stride;
}

Expr sum_over_readers(const Window& window,
                      const std::function<Expr(const WindowReader&, const WindowReader&)>& term,
                      std::map<std::string, Func>& stages) {
  const Var x("x"), y("y"), c("c"), n("n");
  const auto of = [&](const Expr& back_x, const Expr& back_y) {
    return term(reader(window.x, x, back_x), reader(window.y, y, back_y));
  };
  const int64_t columns = windows_per_position(window.x);
  const int64_t rows = windows_per_position(window.y);
  if (columns * rows > kMostUnrolledWindows) {
    RDom r(0, constant(columns), 0, constant(rows), "r");
    Func accumulator("accumulator");
    accumulator(x, y, c, n) = 0.f;
    accumulator(x, y, c, n) += of(constant(columns - 1) - r.x, constant(rows - 1) - r.y);
    stages["accumulator"] = accumulator;
    return accumulator(x, y, c, n);
  }
  Expr sum;
  for (int64_t back_y = rows - 1; back_y >= 0; --back_y) {
    for (int64_t back_x = columns - 1; back_x >= 0; --back_x) {
      const Expr next = of(constant(back_x), constant(back_y));
      sum = sum.defined() ? sum + next : next;
    }
  }
  return sum;
}

}  // namespace cnnc
