// Tested through tests/ops/max_pool2d_test.cpp, avg_pool2d_test.cpp and pool1d_test.cpp.
#include "compiler/ops/pool_axes.h"

#include <algorithm>

namespace cnnc {
namespace {

// PyTorch's pooling_output_shape: with ceil_mode, a last window that starts in the padding after
// the input is dropped again.
void set_output(WindowAxis& axis, bool ceil_mode) {
  if (!ceil_mode) {
    set_output_floor(axis);
    return;
  }
  const int64_t room = axis.in + axis.before + axis.after - axis.span() + axis.stride - 1;
  axis.out = room < 0 ? 0 : room / axis.stride + 1;
  if ((axis.out - 1) * axis.stride >= axis.in + axis.before) --axis.out;
}

// The first tap of output `o` that is not in the padding before the input.
int64_t first_tap(const WindowAxis& axis, int64_t o) {
  const int64_t p = axis.position(o, 0);
  return p >= 0 ? 0 : (-p + axis.dilation - 1) / axis.dilation;
}

// Whether each window has a tap inside the input. Windows that start inside do.
bool covers_input(const WindowAxis& axis) {
  for (int64_t o = 0; o < axis.out && axis.position(o, 0) < 0; ++o) {
    const int64_t k = first_tap(axis, o);
    if (k >= axis.kernel || !axis.is_inside(axis.position(o, k))) return false;
  }
  return true;
}

// For what a reference makes of each window: visit(output, input) for every position that it
// reads, in row-major order, as indices of elements; `box(o)` gives first and end of the window of
// an output, per axis.
template <class Taps, class Visit>
void for_each_read(const Shape& in, const Shape& out, Taps taps, Visit visit) {
  const int64_t pixels = element_count(extents_of(in));
  int64_t output = 0;
  for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
    for (Points o(extents_of(out)); !o.is_done(); o.next(), ++output) {
      taps(o.at(), [&](int64_t position) { visit(output, plane * pixels + position); });
    }
  }
}

// The positions inside the input that the taps of a window read.
template <class Visit>
void for_each_pooled(const Attrs& attrs, const Shape& in, const Shape& out, Visit visit) {
  const Axes axes = pool_axes(attrs, extents_of(in));
  for_each_read(
      in, out,
      [&](const Shape& o, const auto& read) {
        for (Points tap(attrs.integers("kernel_size")); !tap.is_done(); tap.next()) {
          const int64_t position = position_of(axes, o, tap.at());
          if (position >= 0) read(position);
        }
      },
      visit);
}

// Those of adaptive windows, which divide `in` positions among `out` outputs.
template <class Visit>
void for_each_adaptive(const Shape& in, const Shape& out, Visit visit) {
  const Shape inputs = extents_of(in), outputs = extents_of(out);
  for_each_read(
      in, out,
      [&](const Shape& o, const auto& read) {
        Shape first, count;
        for (size_t i = 0; i < o.size(); ++i) {
          first.push_back(o[i] * inputs[i] / outputs[i]);
          count.push_back(((o[i] + 1) * inputs[i] + outputs[i] - 1) / outputs[i] - first[i]);
        }
        for (Points tap(count); !tap.is_done(); tap.next()) {
          int64_t position = 0;
          for (size_t i = 0; i < o.size(); ++i) {
            position = position * inputs[i] + first[i] + tap.at()[i];
          }
          read(position);
        }
      },
      visit);
}

// Takes `value` where it is greater than all before, or NaN.
class Maximum {
 public:
  explicit Maximum(ReferenceTensor& output) : output_(output), is_set_(output.data.size()) {}
  void operator()(int64_t o, double value) {
    if (is_set_[o] && !(value > output_.data[o]) && value == value) return;
    output_.data[o] = value;
    is_set_[o] = true;
  }

 private:
  ReferenceTensor& output_;
  std::vector<bool> is_set_;
};

}  // namespace

std::vector<AttrSpec> pool_attrs(size_t axes, const std::string& padding_doc) {
  return {
      required(per_axis("kernel_size", axes, std::nullopt, kCounts,
                        names_of_axes(axes) + " of the window")),
      per_axis("stride", axes, std::nullopt, kCounts, "step between windows; default: kernel_size"),
      padding_attribute(axes, {"valid", "same_upper", "same_lower"}, padding_doc),
      per_axis("dilation", axes, 1, kCounts, "distance between the taps of a window"),
      flag("ceil_mode", false, "keeps a last window that reaches beyond the padded input"),
  };
}

std::vector<AttrSpec> max_pool_attrs(size_t axes) {
  return pool_attrs(axes, "margin around the input that never wins, smaller than the window");
}

std::vector<AttrSpec> avg_pool_attrs(size_t axes) {
  std::vector<AttrSpec> specs =
      pool_attrs(axes, "zeros around the input, less than a window's size");
  specs.push_back(flag("count_include_pad", true, "counts the zeros around the input, too"));
  if (axes > 1) {
    specs.push_back(attribute("divisor_override", AttrKind::integer, {}, {},
                              "divides the sums; default: the number of elements"));
  }
  return specs;
}

Diagnostics settle_pool(Attrs& attrs, const Shape& input) {
  const std::vector<int64_t> kernel = attrs.integers("kernel_size");
  if (!attrs.has("stride")) attrs.set("stride", kernel);
  Diagnostics problems = settle_padding(attrs, extents_of(input));
  if (!problems.empty()) return problems;
  const Axes axes = pool_axes(attrs, extents_of(input));
  Shape span;
  for (const WindowAxis& axis : axes) span.push_back(axis.span());
  const bool is_smaller = std::all_of(axes.begin(), axes.end(), [](const WindowAxis& axis) {
    return axis.before < axis.span() && axis.after < axis.span();
  });
  if (!is_smaller) {
    return {error("padding is " + to_string(attrs.integers("padding")) +
                  ", but must be smaller than kernel_size " + to_string(kernel) +
                  (span != kernel ? ", dilated to " + to_string(span) : std::string()))};
  }
  problems = expect_fit(axes);
  if (problems.empty() && !std::all_of(axes.begin(), axes.end(), covers_input)) {
    problems.push_back(error("a window with kernel_size " + to_string(kernel) + " and dilation " +
                             to_string(attrs.integers("dilation")) +
                             " covers nothing but padding of the input " + to_string(input)));
  }
  return problems;
}

Axes pool_axes(const Attrs& attrs, const Shape& extents) {
  Axes axes = axes_over(attrs, extents);
  for (WindowAxis& axis : axes) set_output(axis, attrs.boolean("ceil_mode"));
  return axes;
}

Result<std::vector<Type>> infer_pool(InferArgs& args) {
  const size_t axes = args.attrs.integers("kernel_size").size();
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {form_of(axes)});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  if (args.attrs.has("divisor_override") && args.attrs.integer("divisor_override") == 0) {
    return error("divisor_override must not be 0");
  }
  problems = settle_pool(args.attrs, in);
  if (!problems.empty()) return problems;
  return outputs_of(
      {{DType::f32, shape_of_outputs(in[0], in[1], pool_axes(args.attrs, extents_of(in)))}});
}

std::pair<int64_t, int64_t> counted(const WindowAxis& axis, bool with_padding) {
  if (with_padding) return {-axis.before, axis.in + axis.after};
  return {0, axis.in};
}

int64_t count_of(const WindowAxis& axis, bool with_padding, int64_t o) {
  const auto [first, last] = counted(axis, with_padding);
  int64_t count = 0;
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const int64_t p = axis.position(o, k);
    if (p >= first && p < last) ++count;
  }
  return count;
}

std::vector<AttrSpec> adaptive_attrs(size_t axes) {
  AttrSpec size =
      per_axis("output_size", axes, std::nullopt, kCounts,
               names_of_axes(axes) + " of the output; null: " + (axes == 1 ? "that" : "those") +
                   " of the input");
  size.nullable = true;
  return {required(size)};
}

Diagnostics settle_adaptive(Attrs& attrs, const Shape& input) {
  constexpr int64_t kMostProduct = 2147483647;  // of positions and outputs, in compiled code
  std::vector<int64_t> size = attrs.integers("output_size");
  for (size_t i = 0; i < size.size(); ++i) {
    const int64_t in = input[2 + i];
    if (size[i] == 0) size[i] = in;
    if ((size[i] + 1) * (in + 1) > kMostProduct) {
      return {error("output_size " + to_string(size) + " is too large for the input " +
                    to_string(input))};
    }
  }
  attrs.set("output_size", size);
  return {};
}

Result<std::vector<Type>> infer_adaptive(InferArgs& args) {
  const size_t axes = args.attrs.integers("output_size").size();
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {form_of(axes)});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  problems = settle_adaptive(args.attrs, in);
  if (!problems.empty()) return problems;
  Shape out = {in[0], in[1]};
  for (int64_t extent : args.attrs.integers("output_size")) out.push_back(extent);
  return outputs_of({{DType::f32, out}});
}

void reference_max_pool(ReferenceArgs& args) {
  Maximum maximum(args.outputs[0]);
  for_each_pooled(args.attrs, args.inputs[0]->shape, args.outputs[0].shape,
                  [&](int64_t o, int64_t i) { maximum(o, args.inputs[0]->data[i]); });
}

void reference_avg_pool(ReferenceArgs& args) {
  ReferenceTensor& output = args.outputs[0];
  const Shape& in = args.inputs[0]->shape;
  for_each_pooled(args.attrs, in, output.shape,
                  [&](int64_t o, int64_t i) { output.data[o] += args.inputs[0]->data[i]; });
  const Axes axes = pool_axes(args.attrs, extents_of(in));
  for (Points o(output.shape); !o.is_done(); o.next()) {
    int64_t divisor = 1;
    for (size_t i = 0; i < axes.size(); ++i) {
      divisor *= count_of(axes[i], args.attrs.boolean("count_include_pad"), o.at()[2 + i]);
    }
    if (args.attrs.has("divisor_override")) divisor = args.attrs.integer("divisor_override");
    output.data[o.index()] /= static_cast<double>(divisor);
  }
}

void reference_adaptive_max_pool(ReferenceArgs& args) {
  Maximum maximum(args.outputs[0]);
  for_each_adaptive(args.inputs[0]->shape, args.outputs[0].shape,
                    [&](int64_t o, int64_t i) { maximum(o, args.inputs[0]->data[i]); });
}

void reference_adaptive_avg_pool(ReferenceArgs& args) {
  ReferenceTensor& output = args.outputs[0];
  std::vector<int64_t> counts(output.data.size());
  for_each_adaptive(args.inputs[0]->shape, output.shape, [&](int64_t o, int64_t i) {
    output.data[o] += args.inputs[0]->data[i];
    ++counts[o];
  });
  for (size_t o = 0; o < counts.size(); ++o) output.data[o] /= static_cast<double>(counts[o]);
}

OpDef pool_record(const char* name, const char* doc, std::vector<AttrSpec> attrs) noexcept {
  OpDef op;
  op.name = name;
  op.role = OpRole::layer;
  op.doc = doc;
  op.attrs = std::move(attrs);
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer_pool;
  return op;
}

}  // namespace cnnc
