// The arithmetic of sliding windows, one axis at a time, for convolution and pooling of sequences,
// images and volumes.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/graph/attributes.h"
#include "compiler/graph/types.h"
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

// In the order of the shape: those of an image are y and x.
using Axes = std::vector<WindowAxis>;

// The axes of kernel_size, stride and dilation; padding and extents are left as they are.
[[nodiscard]] Axes axes_of(const Attrs& attrs);
// With padding, which must be in numbers, over an input of those extents; `out` is left.
[[nodiscard]] Axes axes_over(const Attrs& attrs, const Shape& extents);
// The extents of an activation of that shape: all but batch and channels.
[[nodiscard]] Shape extents_of(const Shape& shape);
// [batch, channels] before the axes' outputs, and before their inputs.
[[nodiscard]] Shape shape_of_outputs(int64_t batch, int64_t channels, const Axes& axes);
[[nodiscard]] Shape shape_of_inputs(int64_t batch, int64_t channels, const Axes& axes);
[[nodiscard]] int64_t taps_of(const Axes& axes);

// "height and width", and what else the axes of `axes` many are called.
[[nodiscard]] std::string names_of_axes(size_t axes);
// The form of activations with so many axes.
[[nodiscard]] const char* form_of(size_t axes);

// The attribute "padding": numbers or one of `words`, 0 by default.
//   "valid"       0
//   "same"        PyTorch's: as many outputs as inputs; needs stride 1. An odd one is at the end
//   "same_upper"  ONNX's: ceil(inputs / stride) outputs; an odd one is at the end ...
//   "same_lower"  ... or at the start
[[nodiscard]] AttrSpec padding_attribute(size_t axes, std::vector<std::string> words,
                                         std::string doc);
// Puts it in numbers, for an input of those extents; the result says what is wrong.
[[nodiscard]] Diagnostics settle_padding(Attrs& attrs, const Shape& extents);

// Sets `out` for convolution and for pooling without ceil_mode: the windows that fit.
void set_output_floor(WindowAxis& axis);

// What is wrong if a window is larger than the padded input; else empty.
[[nodiscard]] Diagnostics expect_fit(const Axes& axes);

// Counts through the points of a box of those extents, the last dimension fastest.
class Points {
 public:
  explicit Points(Shape extents) : extents_(std::move(extents)), at_(extents_.size()) {
    for (int64_t extent : extents_) is_done_ |= extent < 1;
  }
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] const Shape& at() const { return at_; }
  [[nodiscard]] int64_t index() const { return index_; }
  void next() {
    ++index_;
    for (size_t d = extents_.size(); d-- > 0;) {
      if (++at_[d] < extents_[d]) return;
      at_[d] = 0;
    }
    is_done_ = true;
  }

 private:
  Shape extents_, at_;
  int64_t index_ = 0;
  bool is_done_ = false;
};

// The row-major number of the position that tap `tap` of output `out` reads; -1: padding.
[[nodiscard]] int64_t position_of(const Axes& axes, const Shape& out, const Shape& tap);

}  // namespace cnnc
