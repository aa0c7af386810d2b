// Tested through tests/ops/conv2d_test.cpp and tests/ops/max_pool2d_test.cpp.
#include "compiler/ops/window.h"

#include "compiler/ops/exprs.h"

namespace cnnc {

using Halide::Expr;
using Halide::RDom;

Window window_of(const Attrs& attrs) {
  const Axes axes = axes_of(attrs);
  return {axes[0], axes[1]};
}

Window window_over(const Attrs& attrs, int64_t height, int64_t width) {
  const Axes axes = axes_over(attrs, {height, width});
  return {axes[0], axes[1]};
}

Expr read_position(const WindowAxis& axis, RDom& r, const Expr& o, const Expr& k, Expr& exists) {
  Expr p = o * constant(axis.stride) + k * constant(axis.dilation) - constant(axis.before);
  const bool starts_inside = axis.starts_inside(0);
  const bool ends_inside = axis.ends_inside(axis.kernel - 1);
  if (starts_inside && ends_inside) return p;
  if (axis.kernel == 1 || axis.out == 1) {
    const Expr is_inside = p >= 0 && p < constant(axis.in);
    exists = exists.defined() ? exists && is_inside : is_inside;
    return Halide::clamp(p, 0, constant(axis.in - 1));
  }
  if (!starts_inside && !ends_inside) {
    r.where(p >= 0 && p < constant(axis.in));
  } else {
    r.where(starts_inside ? p < constant(axis.in) : p >= 0);
  }
  return Halide::clamp(p, 0, constant(axis.in - 1));
}

Expr if_exists(const Expr& exists, const Expr& value, const Expr& otherwise) {
  return exists.defined() ? Halide::select(exists, value, otherwise) : value;
}

Expr reading_output(const WindowAxis& axis, RDom& r, const Expr& p, const Expr& k) {
  const Expr t = p + constant(axis.before) - k * constant(axis.dilation);
  Expr o = t / constant(axis.stride);
  if (axis.stride > 1) r.where(t % constant(axis.stride) == 0);
  // What is a multiple of the stride and greater than -stride is not negative.
  const bool starts_inside = axis.before + axis.stride > axis.span() - 1;
  const bool ends_inside = (axis.in - 1 + axis.before) / axis.stride < axis.out;
  if (starts_inside && ends_inside) return Halide::clamp(o, 0, constant(axis.out - 1));
  if (!starts_inside && !ends_inside) {
    r.where(o >= 0 && o < constant(axis.out));
  } else {
    r.where(starts_inside ? o < constant(axis.out) : o >= 0);
  }
  return Halide::clamp(o, 0, constant(axis.out - 1));
}

}  // namespace cnnc
