// Tested through tests/ops/conv2d_test.cpp and tests/ops/max_pool2d_test.cpp.
#include "compiler/ops/window.h"

#include <algorithm>

#include "compiler/graph/types.h"
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

using Halide::Expr;
using Halide::RDom;

namespace {

// Positions are 32-bit signed integers in compiled code.
constexpr int64_t kMostPositions = 2147483647;

// Padding, of both ends together, with which there is a window for every step of the input.
int64_t padding_for_all(const WindowAxis& axis, int64_t in) {
  const int64_t out = (in + axis.stride - 1) / axis.stride;
  return std::max<int64_t>(0, (out - 1) * axis.stride + axis.span() - in);
}

}  // namespace

std::pair<int64_t, int64_t> WindowAxis::inside() const {
  int64_t first = 0, last = out;
  while (first < out && !is_inside(position(first, 0))) ++first;
  while (last > first && !is_inside(position(last - 1, kernel - 1))) --last;
  return {first, last};
}

WindowAxis WindowAxis::outputs(int64_t first, int64_t last) const {
  WindowAxis result = *this;
  result.before -= first * stride;
  result.out = last - first;
  return result;
}

Window window_of(const Attrs& attrs) {
  const std::vector<int64_t>& kernel = attrs.integers("kernel_size");
  const std::vector<int64_t>& stride = attrs.integers("stride");
  const std::vector<int64_t>& dilation = attrs.integers("dilation");
  Window window;
  window.y.kernel = kernel[0];
  window.x.kernel = kernel[1];
  window.y.stride = stride[0];
  window.x.stride = stride[1];
  window.y.dilation = dilation[0];
  window.x.dilation = dilation[1];
  return window;
}

Window window_over(const Attrs& attrs, int64_t height, int64_t width) {
  Window window = window_of(attrs);
  const std::vector<int64_t>& padding = attrs.integers("padding");
  window.y.before = padding[0];
  window.x.before = padding[1];
  window.y.after = padding[2];
  window.x.after = padding[3];
  window.y.in = height;
  window.x.in = width;
  return window;
}

AttrSpec padding_attribute(std::vector<std::string> words, std::string doc) {
  AttrSpec spec = attribute("padding", AttrKind::padding, std::vector<int64_t>{0, 0, 0, 0}, kSizes,
                            std::move(doc));
  spec.choices = std::move(words);
  return spec;
}

Diagnostics settle_padding(Attrs& attrs, int64_t height, int64_t width) {
  if (!attrs.is_text("padding")) return {};
  const std::string word = attrs.text("padding");
  const Window window = window_of(attrs);
  if (word == "same" && (window.y.stride != 1 || window.x.stride != 1)) {
    return {error("padding \"same\" needs stride 1, but stride is " +
                  to_string(attrs.integers("stride")))};
  }
  int64_t y = 0, x = 0;
  if (word != "valid") {
    y = padding_for_all(window.y, height);
    x = padding_for_all(window.x, width);
  }
  std::vector<int64_t> padding = {y / 2, x / 2, y - y / 2, x - x / 2};
  if (word == "same_lower") std::rotate(padding.begin(), padding.begin() + 2, padding.end());
  attrs.set("padding", padding);
  return {};
}

void set_output_floor(WindowAxis& axis) {
  const int64_t room = axis.in + axis.before + axis.after - axis.span();
  axis.out = room < 0 ? 0 : room / axis.stride + 1;
}

Diagnostics expect_fit(const Window& window) {
  const WindowAxis& y = window.y;
  const WindowAxis& x = window.x;
  const Shape span = {y.span(), x.span()};
  const Shape padded = {y.in + y.before + y.after, x.in + x.before + x.after};
  if (padded[0] > kMostPositions || padded[1] > kMostPositions) {
    return {error("the padded input " + to_string(padded) + " is larger than " +
                  std::to_string(kMostPositions))};
  }
  if (y.out > 0 && x.out > 0) return {};
  const bool dilated = y.dilation > 1 || x.dilation > 1;
  return {error("the kernel " + to_string(Shape{y.kernel, x.kernel}) +
                (dilated ? ", dilated to " + to_string(span) + "," : std::string()) +
                " is larger than the padded input " + to_string(padded))};
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
