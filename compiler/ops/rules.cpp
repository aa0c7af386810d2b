// Tested through the infer tables of tests/ops.
#include "compiler/ops/rules.h"

#include <algorithm>

#include "compiler/weights/init.h"

namespace cnnc {
namespace {

// Halide addresses the elements of a buffer with 32-bit signed integers.
constexpr int64_t kMostElements = 2147483647;

OpInput make_input(std::string name, bool is_optional, bool is_parameter) {
  OpInput result;
  result.name = std::move(name);
  result.optional = is_optional;
  result.parameter = is_parameter;
  return result;
}

int64_t rank_of(const std::string& form) { return std::count(form.begin(), form.end(), ',') + 1; }

}  // namespace

AttrSpec attribute(std::string name, AttrKind kind, AttrValue fallback, Range range,
                   std::string doc) {
  AttrSpec spec;
  spec.name = std::move(name);
  spec.kind = kind;
  spec.fallback = std::move(fallback);
  spec.least = range.least;
  spec.most = range.most;
  spec.doc = std::move(doc);
  return spec;
}

AttrSpec required(AttrSpec spec) {
  spec.required = true;
  return spec;
}

AttrSpec flag(std::string name, bool fallback, std::string doc) {
  return attribute(std::move(name), AttrKind::boolean, fallback, {}, std::move(doc));
}

AttrSpec per_axis(std::string name, size_t axes, std::optional<int64_t> fallback, Range range,
                  std::string doc) {
  AttrValue value;
  if (fallback) value = std::vector<int64_t>(axes, *fallback);
  AttrSpec spec =
      attribute(std::move(name), AttrKind::pair, std::move(value), range, std::move(doc));
  spec.axes = axes;
  return spec;
}

AttrSpec choice(std::string name, std::string fallback, std::vector<std::string> choices,
                std::string doc) {
  AttrSpec spec =
      attribute(std::move(name), AttrKind::text, std::move(fallback), {}, std::move(doc));
  spec.choices = std::move(choices);
  return spec;
}

OpInput input(std::string name) { return make_input(std::move(name), false, false); }
OpInput optional_input(std::string name) { return make_input(std::move(name), true, false); }
OpInput parameter_input(std::string name) { return make_input(std::move(name), false, true); }
OpInput optional_parameter_input(std::string name) {
  return make_input(std::move(name), true, true);
}

Attrs select(const Attrs& from, const std::vector<AttrSpec>& specs) {
  Attrs result;
  for (const AttrSpec& spec : specs) {
    const auto found = from.all().find(spec.name);
    if (found != from.all().end()) result.set(spec.name, found->second);
  }
  return result;
}

bool is_given(const InferArgs& args, size_t index) {
  return index < args.inputs.size() && args.inputs[index].rank() > 0;
}

Diagnostics expect_input(const InferArgs& args, size_t index, const std::string& name, DType dtype,
                         const std::vector<std::string>& forms) {
  std::string wanted;
  if (forms.empty()) wanted = "of 1 to " + std::to_string(kMostRank) + " dimensions";
  for (const std::string& form : forms) wanted += (wanted.empty() ? "" : " or ") + form;
  if (!is_given(args, index)) return {error("needs an input \"" + name + "\" " + wanted)};
  const Type& type = args.inputs[index];
  if (type.dtype != dtype) {
    return {error("the " + name + " must be " + to_string(dtype) + ", but is " + to_string(type))};
  }
  if (forms.empty() && type.rank() <= kMostRank) return {};
  for (const std::string& form : forms) {
    if (rank_of(form) == type.rank()) return {};
  }
  return {error("the " + name + " must be " + wanted + ", but is " + to_string(type.shape))};
}

Diagnostics expect_type(const InferArgs& args, size_t index, const std::string& name,
                        const Type& type) {
  if (is_given(args, index) && args.inputs[index] == type) return {};
  const std::string found =
      is_given(args, index) ? "is " + to_string(args.inputs[index]) : std::string("is missing");
  return {error("the " + name + " must be " + to_string(type) + ", but " + found)};
}

Diagnostics settle(Attrs& attrs, const std::string& name, int64_t value, const std::string& fact) {
  if (attrs.has(name) && attrs.integer(name) != value) {
    return {error(name + " is " + std::to_string(attrs.integer(name)) + ", but " + fact)};
  }
  attrs.set(name, value);
  return {};
}

Result<std::vector<Type>> outputs_of(std::vector<Type> types) {
  for (const Type& type : types) {
    if (is_too_large(type.shape)) {
      return error("the output " + to_string(type.shape) + " has more than " +
                   std::to_string(kMostElements) + " elements");
    }
  }
  return types;
}

bool is_too_large(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent > 0 && count > kMostElements / extent) return true;
    count *= extent;
  }
  return false;
}

ParameterSpec weight_parameter(Shape shape, int64_t fan_in) {
  return {"weight", std::move(shape), weight_init_bound(fan_in), true, fan_in};
}

ParameterSpec bias_parameter(Shape shape, int64_t fan_in) {
  return {"bias", std::move(shape), bias_init_bound(fan_in), false, fan_in};
}

std::vector<ValueId> no_gradients(const Node& node) {
  return std::vector<ValueId>(node.inputs.size(), kNoValue);
}

bool is_wanted(const GradientArgs& args, size_t index) {
  return index < args.node.inputs.size() && args.node.inputs[index] != kNoValue &&
         args.wanted[index];
}

Fibres fibres(const Shape& shape, int64_t dim) {
  Fibres result;
  for (int64_t i = 0; i < static_cast<int64_t>(shape.size()); ++i) {
    int64_t& extent = i < dim ? result.before : i == dim ? result.extent : result.after;
    extent *= shape[i];
  }
  return result;
}

}  // namespace cnnc
