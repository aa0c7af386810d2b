// Upsample, as PyTorch's; Resize, as ONNX's; and the gradient of both. Tested by
// tests/ops/resize_test.cpp.
#include <algorithm>
#include <cmath>

#include "compiler/ops/dims.h"
#include "compiler/ops/tap_table.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

// ---- Upsample

// PyTorch names the linear modes by their dimensions.
std::string dimensional(const std::string& mode) {
  return mode == "bilinear" || mode == "trilinear" ? "linear" : mode == "bicubic" ? "cubic" : mode;
}

// The number of spatial dimensions of a mode that has one; 0: any.
int64_t spatial_rank(const std::string& mode) {
  return mode == "linear"                          ? 1
         : mode == "bilinear" || mode == "bicubic" ? 2
         : mode == "trilinear"                     ? 3
                                                   : 0;
}

template <class T>
T each_or_last(const std::vector<T>& list, size_t i) {
  return list.size() == 1 ? list[0] : list[i];
}

Result<std::vector<Type>> infer_upsample(InferArgs& args) {
  Diagnostics problems =
      expect_input(args, 0, "input", DType::f32, {"[N, C, W]", kImageForm, "[N, C, D, H, W]"});
  if (!problems.empty()) return problems;
  Shape out = args.inputs[0].shape;
  const size_t spatial = out.size() - 2;
  const bool by_size = args.attrs.has("size");
  if (by_size == args.attrs.has("scale_factor")) {
    return error("takes either size or scale_factor");
  }
  const std::string& mode = args.attrs.text("mode");
  if (spatial_rank(mode) != 0 && spatial_rank(mode) != static_cast<int64_t>(spatial)) {
    return error("mode is \"" + mode + "\", but the input is " + to_string(out));
  }
  if (args.attrs.boolean("align_corners") && spatial_rank(mode) == 0) {
    return error("align_corners is for linear and cubic modes, but mode is \"" + mode + "\"");
  }
  const size_t given =
      by_size ? args.attrs.integers("size").size() : args.attrs.reals("scale_factor").size();
  if (given != 1 && given != spatial) {
    return error(std::string(by_size ? "size" : "scale_factor") + " has " + std::to_string(given) +
                 " numbers, but takes 1 or " + std::to_string(spatial));
  }
  for (size_t i = 0; i < spatial; ++i) {
    int64_t& extent = out[2 + i];
    if (by_size) {
      extent = each_or_last(args.attrs.integers("size"), i);
      continue;
    }
    const double scaled =
        std::floor(static_cast<double>(extent) * each_or_last(args.attrs.reals("scale_factor"), i));
    if (scaled < 1 || scaled > kCounts.most) {
      return error("scale_factor leaves " +
                   std::to_string(static_cast<int64_t>(std::min(scaled, 1e18))) + " of dimension " +
                   std::to_string(2 + i) + " of " + to_string(args.inputs[0].shape));
    }
    extent = static_cast<int64_t>(scaled);
  }
  return outputs_of({{DType::f32, out}});
}

// ---- what both have

struct Axis {
  size_t dim = 0;
  int64_t in = 1, out = 1;
  ResizeRule rule;
};

// How dimension `d` of a node is resized.
ResizeRule rule_of(const Attrs& attrs, size_t d, int64_t in, int64_t out) {
  ResizeRule rule;
  const std::string& mode = attrs.text("mode");
  if (attrs.has("coordinate_transformation_mode")) {
    rule.mode = mode;
    rule.coordinates = attrs.text("coordinate_transformation_mode");
    rule.nearest = attrs.text("nearest_mode");
    rule.cubic_a = attrs.real("cubic_coeff_a");
    rule.exclude_outside = attrs.boolean("exclude_outside");
    if (attrs.has("scales")) rule.scale = attrs.reals("scales")[d];
  } else {
    rule.mode = mode == "nearest-exact" ? "nearest" : dimensional(mode);
    rule.nearest = mode == "nearest" ? "floor" : "round_prefer_ceil";
    rule.coordinates = mode == "nearest"                ? "asymmetric"
                       : attrs.boolean("align_corners") ? "align_corners"
                                                        : "half_pixel";
    if (attrs.has("scale_factor") && rule.coordinates != "align_corners") {
      rule.scale = each_or_last(attrs.reals("scale_factor"), d - 2);
    }
  }
  if (rule.scale == static_cast<double>(out) / static_cast<double>(in)) rule.scale = 0;
  return rule;
}

std::vector<Axis> axes_of(const Attrs& attrs, const Shape& in, const Shape& out) {
  std::vector<Axis> axes;
  for (size_t d = 0; d < in.size(); ++d) {
    const bool is_resized =
        in[d] != out[d] || (attrs.has("scales") && attrs.reals("scales")[d] != 1);
    if (is_resized) axes.push_back({d, in[d], out[d], rule_of(attrs, d, in[d], out[d])});
  }
  return axes;
}

// The weighted sum over the taps of the axes from `next` on.
Expr sum_of(const Lowering& lowering, const std::vector<Axis>& axes,
            const std::vector<TapTable>& tables, size_t next, const std::vector<Expr>& at_output,
            std::vector<Expr> source) {
  if (next == axes.size()) return at(lowering.inputs[0], reversed(source));
  const Expr o = at_output[axes[next].dim];
  Expr sum;
  for (int64_t k = 0; k < tables[next].count(); ++k) {
    source[axes[next].dim] = tables[next].index(constant(k), o);
    Expr value = sum_of(lowering, axes, tables, next + 1, at_output, source);
    if (!tables[next].is_plain()) value = value * tables[next].weight(constant(k), o);
    sum = sum.defined() ? sum + value : value;
  }
  return sum;
}

void lower(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  const std::vector<Axis> axes =
      axes_of(lowering.attrs(), lowering.input_types[0].shape, type.shape);
  std::vector<TapTable> tables;
  for (const Axis& axis : axes)
    tables.emplace_back(resize_taps(axis.rule, axis.in, axis.out), axis.in);
  const std::vector<Var> vars = variables(type.rank());
  const std::vector<Expr> coordinates = reversed(vars);
  Func output("resize");
  output(vars) = sum_of(lowering, axes, tables, 0, coordinates, coordinates);
  lowering.outputs = {output};
}

uint32_t more_traits_resize(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Shape& in = inputs[0].shape;
  const Shape& out = attrs.integers("sizes");
  return (axes_of(attrs, in, out).empty() ? kView : 0u) | (in[0] == out[0] ? 0u : kMixesBatch);
}

void set_rule(Attrs& attrs, const ResizeRule& rule) {
  attrs.set("mode", rule.mode);
  attrs.set("coordinate_transformation_mode", rule.coordinates);
  attrs.set("nearest_mode", rule.nearest);
  attrs.set("cubic_coeff_a", rule.cubic_a);
  attrs.set("exclude_outside", rule.exclude_outside);
}

// One dimension after the other, the last first.
std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  if (args.output_gradients[0] == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  std::vector<Axis> axes = axes_of(node.attrs, args.graph.type(node.inputs[0]).shape,
                                   args.graph.type(node.outputs[0]).shape);
  ValueId value = args.output_gradients[0];
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    Attrs attrs;
    attrs.set("dim", static_cast<int64_t>(axis->dim));
    attrs.set("input_extent", axis->in);
    if (axis->rule.scale > 0) attrs.set("scale", axis->rule.scale);
    set_rule(attrs, axis->rule);
    value = args.graph.add("ResizeGrad", node.name + ".grad_input" + std::to_string(axis->dim),
                           attrs, {value})[0];
  }
  result[0] = value;
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& in = *args.inputs[0];
  ReferenceTensor& out = args.outputs[0];
  const std::vector<Axis> axes = axes_of(args.attrs, in.shape, out.shape);
  // One dimension after the other.
  ReferenceTensor now = in;
  for (const Axis& axis : axes) {
    ReferenceTensor next;
    next.shape = now.shape;
    next.shape[axis.dim] = axis.out;
    next.data.resize(element_count(next.shape));
    sum_taps(now, static_cast<int64_t>(axis.dim), resize_taps(axis.rule, axis.in, axis.out), next);
    now = next;
  }
  out.data = now.data;
}

// ---- Resize

std::vector<AttrSpec> rule_attrs() {
  return {
      choice("mode", "nearest", {"nearest", "linear", "cubic"}, "how elements are made"),
      choice("coordinate_transformation_mode", "half_pixel",
             {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
              "asymmetric"},
             "where an element of the output lies in the input"),
      choice("nearest_mode", "round_prefer_floor",
             {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"},
             "which element is nearest"),
      attribute("cubic_coeff_a", AttrKind::real, -0.75, {}, "a of the cubic convolution"),
      flag("exclude_outside", false, "elements outside of the input have no weight"),
  };
}

Result<std::vector<Type>> infer_resize(InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const Shape& sizes = args.attrs.integers("sizes");
  if (sizes.size() != in.size()) {
    return error("sizes is " + to_string(sizes) + ", but the input is " + to_string(in));
  }
  if (args.attrs.has("scales") && args.attrs.reals("scales").size() != in.size()) {
    return error("scales has " + std::to_string(args.attrs.reals("scales").size()) +
                 " numbers, but the input is " + to_string(in));
  }
  return outputs_of({{DType::f32, sizes}});
}

// ---- the gradient, in one dimension

Taps gradient_taps(const Attrs& attrs, int64_t out) {
  ResizeRule rule;
  rule.mode = attrs.text("mode");
  rule.coordinates = attrs.text("coordinate_transformation_mode");
  rule.nearest = attrs.text("nearest_mode");
  rule.cubic_a = attrs.real("cubic_coeff_a");
  rule.exclude_outside = attrs.boolean("exclude_outside");
  if (attrs.has("scale")) rule.scale = attrs.real("scale");
  const int64_t in = attrs.integer("input_extent");
  return transposed(resize_taps(rule, in, out), in);
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = settle_dim(args.attrs, "dim", args.inputs[0].shape);
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  type.shape[args.attrs.integer("dim")] = args.attrs.integer("input_extent");
  return outputs_of({type});
}

void lower_grad(Lowering& lowering) {
  const int64_t dim = lowering.attrs().integer("dim");
  lower_sum_of_taps(lowering, "resize_grad", dim,
                    gradient_taps(lowering.attrs(), lowering.input_types[0].shape[dim]));
}

void reference_grad(ReferenceArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  sum_taps(*args.inputs[0], dim, gradient_taps(args.attrs, args.inputs[0]->shape[dim]),
           args.outputs[0]);
}

OpDef make_op() noexcept {
  OpDef op;
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_upsample() noexcept {
  OpDef op = make_op();
  op.name = "Upsample";
  op.role = OpRole::layer;
  op.doc = "Images of another size: [N, C, W], [N, C, H, W] or [N, C, D, H, W]";
  op.attrs = {
      attribute("size", AttrKind::integers, {}, kCounts, "extents of the output's images"),
      attribute("scale_factor", AttrKind::reals, {}, {1e-6, 32767},
                "or how many times the input's they are"),
      choice("mode", "nearest",
             {"nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"},
             "how pixels are made"),
      flag("align_corners", false, "the corners of both are the same, in linear and cubic modes"),
  };
  op.infer = infer_upsample;
  return op;
}

OpDef make_resize() noexcept {
  OpDef op = make_op();
  op.name = "Resize";
  op.doc = "Other extents, as ONNX's Resize";
  op.attrs = rule_attrs();
  op.attrs.push_back(
      required(attribute("sizes", AttrKind::integers, {}, kCounts, "shape of the output")));
  op.attrs.push_back(attribute("scales", AttrKind::reals, {}, {1e-9, 1e9},
                               "scales of the coordinates; default: those of the extents"));
  op.more_traits = more_traits_resize;
  op.infer = infer_resize;
  return op;
}

OpDef make_resize_grad() noexcept {
  OpDef op;
  op.name = "ResizeGrad";
  op.doc = "Gradient of Upsample and Resize in one dimension";
  op.attrs = rule_attrs();
  op.attrs.push_back(required(dim_attr("dim", {}, "the dimension")));
  op.attrs.push_back(required(attribute("input_extent", AttrKind::integer, {}, kCounts,
                                        "extent of the input's dimension")));
  op.attrs.push_back(attribute("scale", AttrKind::real, {}, {1e-9, 1e9},
                               "scale of the coordinates; default: that of the extents"));
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef resize = make_resize();
extern const OpDef resize_grad = make_resize_grad();
extern const OpDef upsample = make_upsample();

}  // namespace cnnc
