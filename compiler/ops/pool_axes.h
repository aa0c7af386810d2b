// What pooling layers of sequences, images and volumes share: attributes, the windows that PyTorch
// and ONNX choose, and references. How images are pooled is pooling.h's.
#pragma once
#include <string>
#include <vector>

#include "compiler/ops/axes.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// kernel_size, stride, padding, dilation and ceil_mode.
[[nodiscard]] std::vector<AttrSpec> pool_attrs(size_t axes, const std::string& padding_doc);
[[nodiscard]] std::vector<AttrSpec> max_pool_attrs(size_t axes);
// The same with count_include_pad, and divisor_override where PyTorch has it.
[[nodiscard]] std::vector<AttrSpec> avg_pool_attrs(size_t axes);

// Settles stride and padding for an input of that shape, and says what is wrong: every window must
// have a tap inside the input.
[[nodiscard]] Diagnostics settle_pool(Attrs& attrs, const Shape& input);
// The windows over an input of those extents; padding in numbers.
[[nodiscard]] Axes pool_axes(const Attrs& attrs, const Shape& extents);

// The first output's type.
[[nodiscard]] Result<std::vector<Type>> infer_pool(InferArgs& args);

// The positions of a mean that count: with count_include_pad those inside the padded input (a
// window that ceil_mode keeps may reach beyond it), else those inside the input.
[[nodiscard]] std::pair<int64_t, int64_t> counted(const WindowAxis& axis, bool with_padding);
// The taps of output `o` that count.
[[nodiscard]] int64_t count_of(const WindowAxis& axis, bool with_padding, int64_t o);

// "output_size".
[[nodiscard]] std::vector<AttrSpec> adaptive_attrs(size_t axes = 2);
// Settles output_size for an input of that shape, and says what is wrong.
[[nodiscard]] Diagnostics settle_adaptive(Attrs& attrs, const Shape& input);
// The first output's type.
[[nodiscard]] Result<std::vector<Type>> infer_adaptive(InferArgs& args);

void reference_max_pool(ReferenceArgs& args);
void reference_avg_pool(ReferenceArgs& args);
void reference_adaptive_max_pool(ReferenceArgs& args);
void reference_adaptive_avg_pool(ReferenceArgs& args);

// A record of a layer with infer_pool; how it is computed is to be added.
[[nodiscard]] OpDef pool_record(const char* name, const char* doc,
                                std::vector<AttrSpec> attrs) noexcept;

}  // namespace cnnc
