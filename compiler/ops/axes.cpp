// Tested through tests/ops/conv2d_test.cpp and tests/ops/max_pool2d_test.cpp.
#include "compiler/ops/axes.h"

#include <algorithm>

#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

// Positions are 32-bit signed integers in compiled code.
constexpr int64_t kMostPositions = 2147483647;

// Padding, of both ends together, with which there is a window for every step of the input.
int64_t padding_for_all(const WindowAxis& axis, int64_t in) {
  const int64_t out = (in + axis.stride - 1) / axis.stride;
  return std::max<int64_t>(0, (out - 1) * axis.stride + axis.span() - in);
}

// One number of each axis.
Shape each(const Axes& axes, int64_t (*number)(const WindowAxis&)) {
  Shape result;
  result.reserve(axes.size());
  for (const WindowAxis& axis : axes) result.push_back(number(axis));
  return result;
}

Shape behind(int64_t batch, int64_t channels, const Shape& extents) {
  Shape result = {batch, channels};
  result.insert(result.end(), extents.begin(), extents.end());
  return result;
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

Axes axes_of(const Attrs& attrs) {
  const std::vector<int64_t>& kernel = attrs.integers("kernel_size");
  const std::vector<int64_t>& stride = attrs.integers("stride");
  const std::vector<int64_t>& dilation = attrs.integers("dilation");
  Axes axes(kernel.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].kernel = kernel[i];
    axes[i].stride = stride[i];
    axes[i].dilation = dilation[i];
  }
  return axes;
}

Axes axes_over(const Attrs& attrs, const Shape& extents) {
  Axes axes = axes_of(attrs);
  const std::vector<int64_t>& padding = attrs.integers("padding");
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].before = padding[i];
    axes[i].after = padding[axes.size() + i];
    axes[i].in = extents[i];
  }
  return axes;
}

Shape extents_of(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

Shape shape_of_outputs(int64_t batch, int64_t channels, const Axes& axes) {
  return behind(batch, channels, each(axes, [](const WindowAxis& axis) { return axis.out; }));
}

Shape shape_of_inputs(int64_t batch, int64_t channels, const Axes& axes) {
  return behind(batch, channels, each(axes, [](const WindowAxis& axis) { return axis.in; }));
}

int64_t taps_of(const Axes& axes) {
  int64_t taps = 1;
  for (const WindowAxis& axis : axes) taps *= axis.kernel;
  return taps;
}

std::string names_of_axes(size_t axes) {
  return axes == 1 ? "length" : axes == 2 ? "height and width" : "depth, height and width";
}

const char* form_of(size_t axes) {
  return axes == 1 ? kSequenceForm : axes == 2 ? kImageForm : kVolumeForm;
}

AttrSpec padding_attribute(size_t axes, std::vector<std::string> words, std::string doc) {
  AttrSpec spec = attribute("padding", AttrKind::padding, std::vector<int64_t>(2 * axes, 0), kSizes,
                            std::move(doc));
  spec.axes = axes;
  spec.choices = std::move(words);
  return spec;
}

Diagnostics settle_padding(Attrs& attrs, const Shape& extents) {
  if (!attrs.is_text("padding")) return {};
  const std::string word = attrs.text("padding");
  const Axes axes = axes_of(attrs);
  std::vector<int64_t> starts, ends;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (word == "same" && axes[i].stride != 1) {
      return {error("padding \"same\" needs stride 1, but stride is " +
                    to_string(attrs.integers("stride")))};
    }
    const int64_t all = word == "valid" ? 0 : padding_for_all(axes[i], extents[i]);
    starts.push_back(all / 2);
    ends.push_back(all - all / 2);
  }
  if (word == "same_lower") std::swap(starts, ends);
  starts.insert(starts.end(), ends.begin(), ends.end());
  attrs.set("padding", starts);
  return {};
}

void set_output_floor(WindowAxis& axis) {
  const int64_t room = axis.in + axis.before + axis.after - axis.span();
  axis.out = room < 0 ? 0 : room / axis.stride + 1;
}

Diagnostics expect_fit(const Axes& axes) {
  const Shape kernel = each(axes, [](const WindowAxis& axis) { return axis.kernel; });
  const Shape span = each(axes, [](const WindowAxis& axis) { return axis.span(); });
  const Shape padded =
      each(axes, [](const WindowAxis& axis) { return axis.in + axis.before + axis.after; });
  if (std::any_of(padded.begin(), padded.end(),
                  [](int64_t extent) { return extent > kMostPositions; })) {
    return {error("the padded input " + to_string(padded) + " is larger than " +
                  std::to_string(kMostPositions))};
  }
  if (std::all_of(axes.begin(), axes.end(), [](const WindowAxis& axis) { return axis.out > 0; })) {
    return {};
  }
  const bool dilated = span != kernel;
  return {error("the kernel " + to_string(kernel) +
                (dilated ? ", dilated to " + to_string(span) + "," : std::string()) +
                " is larger than the padded input " + to_string(padded))};
}

int64_t position_of(const Axes& axes, const Shape& out, const Shape& tap) {
  int64_t index = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t p = axes[i].position(out[i], tap[i]);
    if (!axes[i].is_inside(p)) return -1;
    index = index * axes[i].in + p;
  }
  return index;
}

}  // namespace cnnc
