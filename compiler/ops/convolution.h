// What convolutions of sequences, images and volumes share, transposed or not: attributes, shape
// rules, parameters and references. How images are convolved is conv2d.cpp's.
#pragma once
#include <vector>

#include "compiler/ops/axes.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// The attributes of the window and groups, and all of a layer.
[[nodiscard]] std::vector<AttrSpec> conv_window_attrs(size_t axes = 2);
[[nodiscard]] std::vector<AttrSpec> conv_layer_attrs(size_t axes);
[[nodiscard]] std::vector<AttrSpec> conv_transpose_layer_attrs(size_t axes);

// The windows over an input of those extents; padding in numbers.
[[nodiscard]] Axes conv_axes(const Attrs& attrs, const Shape& extents);
// The attributes of the convolution whose input is the output of this transposed one, but for
// extents: output_padding takes as much away from the padding at its end.
[[nodiscard]] Attrs conv_attrs_of_transposed(const Attrs& attrs);
// The windows of that convolution, given the extents of what is its output.
[[nodiscard]] Axes transposed_axes(const Attrs& attrs, const Shape& extents);

// Of layers with the attributes above, whose axes are as many as those of kernel_size.
[[nodiscard]] Result<std::vector<Type>> infer_conv(InferArgs& args);
[[nodiscard]] Result<std::vector<Type>> infer_conv_transpose(InferArgs& args);
[[nodiscard]] std::vector<ParameterSpec> conv_parameters(const Attrs& attrs,
                                                         const std::vector<Type>& inputs);
[[nodiscard]] std::vector<ParameterSpec> conv_transpose_parameters(const Attrs& attrs,
                                                                   const std::vector<Type>& inputs);
void reference_conv(ReferenceArgs& args);
void reference_conv_transpose(ReferenceArgs& args);

// Records of layers with all of these; how they are computed is to be added.
[[nodiscard]] OpDef conv_record(size_t axes, const char* name, const char* doc) noexcept;
[[nodiscard]] OpDef conv_transpose_record(size_t axes, const char* name, const char* doc) noexcept;

// Calls visit(output, weight, input) for every product of the convolution of `in` to `out`
// channels, with row-major indices of elements.
template <class Visit>
void for_each_product(const Axes& axes, int64_t batch, int64_t in, int64_t out, int64_t groups,
                      Visit visit) {
  const int64_t depth = in / groups;
  const Shape outputs = extents_of(shape_of_outputs(1, 1, axes));
  const int64_t pixels = element_count(outputs);
  const int64_t input_pixels = element_count(extents_of(shape_of_inputs(1, 1, axes)));
  Shape kernel;
  kernel.reserve(axes.size());
  for (const WindowAxis& axis : axes) kernel.push_back(axis.kernel);
  const int64_t taps = element_count(kernel);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t co = 0; co < out; ++co) {
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t ci = co / (out / groups) * depth + k;
        for (Points o(outputs); !o.is_done(); o.next()) {
          for (Points tap(kernel); !tap.is_done(); tap.next()) {
            const int64_t p = position_of(axes, o.at(), tap.at());
            if (p < 0) continue;
            visit((n * out + co) * pixels + o.index(), (co * depth + k) * taps + tap.index(),
                  (n * in + ci) * input_pixels + p);
          }
        }
      }
    }
  }
}

}  // namespace cnnc
