// What the records share: attribute tables, checks of inputs, and element access in references.
//
// Each record is a constant that is made before main. What makes it is noexcept, since nobody could
// catch what it throws.
//
// An infer function may rely on attributes being of the kind and in the range that their AttrSpec
// says; everything else, inputs above all, it checks itself.
#pragma once
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/graph/op.h"

namespace cnnc {

// The forms of activations.
constexpr const char* kImageForm = "[N, C, H, W]";
constexpr const char* kSequenceForm = "[N, C, L]";
constexpr const char* kVolumeForm = "[N, C, D, H, W]";
constexpr const char* kRowForm = "[N, C]";

// Inclusive bounds of every number of an attribute.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
};
constexpr Range kCounts{1, 2147483647};  // extents and steps
constexpr Range kSizes{0, 2147483647};   // padding and the like
constexpr Range kNotNegative{0, std::numeric_limits<double>::infinity()};

// An attribute with a default, or without one (std::monostate): then it follows from the inputs.
[[nodiscard]] AttrSpec attribute(std::string name, AttrKind kind, AttrValue fallback, Range range,
                                 std::string doc);
// The same, but it must be given.
[[nodiscard]] AttrSpec required(AttrSpec spec);
[[nodiscard]] AttrSpec flag(std::string name, bool fallback, std::string doc);
// A pair with a number for each of so many axes: by default `fallback`, or none.
[[nodiscard]] AttrSpec per_axis(std::string name, size_t axes, std::optional<int64_t> fallback,
                                Range range, std::string doc);
[[nodiscard]] AttrSpec choice(std::string name, std::string fallback,
                              std::vector<std::string> choices, std::string doc);

[[nodiscard]] OpInput input(std::string name);
[[nodiscard]] OpInput optional_input(std::string name);
[[nodiscard]] OpInput parameter_input(std::string name);
[[nodiscard]] OpInput optional_parameter_input(std::string name);

// The attributes of `from` that `specs` declares, where set.
[[nodiscard]] Attrs select(const Attrs& from, const std::vector<AttrSpec>& specs);

// Whether input `index` is there. Absent ones have no dimensions.
[[nodiscard]] bool is_given(const InferArgs& args, size_t index);

// Empty if input `index` has that dtype and the rank of one of `forms`, such as "[N, C, H, W]";
// without forms, any rank that kernels compute.
[[nodiscard]] Diagnostics expect_input(const InferArgs& args, size_t index, const std::string& name,
                                       DType dtype, const std::vector<std::string>& forms = {});
// Empty if input `index` is of that type.
[[nodiscard]] Diagnostics expect_type(const InferArgs& args, size_t index, const std::string& name,
                                      const Type& type);

// Sets the attribute; where it is given with another value, says "<name> is 3, but <fact>".
[[nodiscard]] Diagnostics settle(Attrs& attrs, const std::string& name, int64_t value,
                                 const std::string& fact);

// The types, unless one has more elements than compiled code can address.
[[nodiscard]] Result<std::vector<Type>> outputs_of(std::vector<Type> types);
// Whether a tensor of that shape has more elements than that.
[[nodiscard]] bool is_too_large(const Shape& shape);

// Parameters with PyTorch's default initial values.
[[nodiscard]] ParameterSpec weight_parameter(Shape shape, int64_t fan_in);
[[nodiscard]] ParameterSpec bias_parameter(Shape shape, int64_t fan_in);

// A rule's result before anything is put in: no gradient for any input.
[[nodiscard]] std::vector<ValueId> no_gradients(const Node& node);
// Whether the gradient of input `index` is asked for.
[[nodiscard]] bool is_wanted(const GradientArgs& args, size_t index);

// Row-major index of an element.
[[nodiscard]] inline int64_t index_of(const Shape& shape, int64_t n, int64_t c, int64_t y,
                                      int64_t x) {
  return ((n * shape[1] + c) * shape[2] + y) * shape[3] + x;
}

// A tensor seen as [before, extent, after] around one of its dimensions.
struct Fibres {
  int64_t before = 1;
  int64_t extent = 1;
  int64_t after = 1;
};
[[nodiscard]] Fibres fibres(const Shape& shape, int64_t dim);

}  // namespace cnnc
