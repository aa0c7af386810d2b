// Slice, as ONNX has it, and its gradient. Tested by tests/ops/slice_test.cpp.
//
// Negative starts and ends count from the end of the dimension, those beyond it are cut down to it;
// with a negative step, from the last to the first, an end of -extent - 1 or less takes in element
// 0.
#include <algorithm>

#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

// The elements start, start + step, ... of a dimension.
struct Cut {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

Cut cut_of(int64_t start, int64_t end, int64_t step, int64_t extent) {
  const auto placed = [&](int64_t position) {
    if (position < 0) position += extent;
    return step > 0 ? std::clamp(position, int64_t{0}, extent)
                    : std::clamp(position, int64_t{-1}, extent - 1);
  };
  Cut cut;
  cut.start = placed(start);
  cut.step = step;
  const int64_t length = step > 0 ? placed(end) - cut.start : cut.start - placed(end);
  // Steps beyond the extent take one element, and their magnitude may not fit.
  const int64_t stride = step > 0 ? step : step < -extent ? extent : -step;
  cut.count = length <= 0 ? 0 : (length - 1) / stride + 1;
  return cut;
}

// One cut per dimension of a tensor of shape `in`; the attributes are settled.
std::vector<Cut> cuts_of(const Attrs& attrs, const Shape& in) {
  std::vector<Cut> cuts;
  for (int64_t extent : in) cuts.push_back({0, 1, extent});
  const std::vector<int64_t>& axes = attrs.integers("axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    cuts[axes[i]] = cut_of(attrs.integers("starts")[i], attrs.integers("ends")[i],
                           attrs.integers("steps")[i], in[axes[i]]);
  }
  return cuts;
}

Shape shape_of(const std::vector<Cut>& cuts) {
  Shape shape;
  for (const Cut& cut : cuts) shape.push_back(cut.count);
  return shape;
}

Diagnostics settle(Attrs& attrs, const Shape& in) {
  Diagnostics problems = settle_dims(attrs, "axes", in);
  if (!problems.empty()) return problems;
  const std::vector<int64_t> axes = attrs.integers("axes");
  if (!attrs.has("steps")) attrs.set("steps", std::vector<int64_t>(axes.size(), 1));
  for (const char* name : {"starts", "ends", "steps"}) {
    const std::vector<int64_t>& list = attrs.integers(name);
    if (list.size() != axes.size()) {
      problems.push_back(error(std::string(name) + " has " + std::to_string(list.size()) +
                               " numbers, but axes has " + std::to_string(axes.size())));
    } else if (std::string(name) == "steps" && std::count(list.begin(), list.end(), 0) > 0) {
      problems.push_back(error("steps must not be 0"));
    }
  }
  if (!problems.empty()) return problems;
  const std::vector<Cut> cuts = cuts_of(attrs, in);
  std::vector<int64_t> starts, ends, steps;
  for (int64_t axis : axes) {
    const Cut& cut = cuts[axis];
    if (cut.count == 0) {
      problems.push_back(error("starts and ends leave nothing of dimension " +
                               std::to_string(axis) + " of " + to_string(in)));
      continue;
    }
    // One way to say it, so that equal slices are the same code.
    const int64_t last = cut.start + (cut.count - 1) * cut.step;
    starts.push_back(cut.start);
    steps.push_back(cut.count == 1 ? 1 : cut.step);
    ends.push_back(steps.back() > 0 ? last + 1 : last > 0 ? last - 1 : -in[axis] - 1);
  }
  if (!problems.empty()) return problems;
  attrs.set("starts", starts);
  attrs.set("ends", ends);
  attrs.set("steps", steps);
  return {};
}

std::vector<AttrSpec> slice_attrs() {
  const Range any{-2147483647, 2147483647};
  return {required(attribute("starts", AttrKind::integers, {}, any,
                             "first element of each axis; negative: from the end")),
          required(attribute("ends", AttrKind::integers, {}, any,
                             "element of each axis that follows the last; negative: from the end")),
          required(dims_attr("axes", "the dimensions")),
          attribute("steps", AttrKind::integers, {}, any,
                    "distance of the elements that are taken, 1 by default; negative: from the "
                    "last to the first")};
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (problems.empty()) problems = settle(args.attrs, args.inputs[0].shape);
  if (!problems.empty()) return problems;
  return outputs_of({{args.inputs[0].dtype, shape_of(cuts_of(args.attrs, args.inputs[0].shape))}});
}

uint32_t traits_of(const std::vector<Cut>& cuts, const Shape& in) {
  const bool is_whole =
      shape_of(cuts) == in &&
      std::all_of(cuts.begin(), cuts.end(), [](const Cut& cut) { return cut.step == 1; });
  const bool takes_whole_batch = cuts[0].count == in[0] && cuts[0].step == 1;
  return (is_whole ? kView : 0u) | (takes_whole_batch ? 0u : kMixesBatch);
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  return traits_of(cuts_of(attrs, inputs[0].shape), inputs[0].shape);
}

void lower(Lowering& lowering) {
  const std::vector<Cut> cuts = cuts_of(lowering.attrs(), lowering.input_types[0].shape);
  lower_move(lowering, "slice", [&](std::vector<Expr> at) {
    for (size_t d = 0; d < cuts.size(); ++d) {
      at[d] = at[d] * constant(cuts[d].step) + constant(cuts[d].start);
    }
    return at;
  });
}

std::vector<ValueId> gradient(GradientArgs& args) {
  Attrs attrs = args.node.attrs;
  attrs.set("input_shape", args.graph.type(args.node.inputs[0]).shape);
  return gradient_by(args, "SliceGrad", attrs);
}

// Calls visit(element of the slice, element of the whole).
template <class Visit>
void for_each_taken(const std::vector<Cut>& cuts, const Shape& in, Visit visit) {
  const Shape out = shape_of(cuts);
  for (int64_t i = 0; i < element_count(out); ++i) {
    Shape at = coordinates_of(out, i);
    for (size_t d = 0; d < at.size(); ++d) at[d] = cuts[d].start + at[d] * cuts[d].step;
    visit(i, position_of(in, at));
  }
}

void reference(ReferenceArgs& args) {
  const Shape& in = args.inputs[0]->shape;
  for_each_taken(cuts_of(args.attrs, in), in,
                 [&](int64_t o, int64_t i) { args.outputs[0].data[o] = args.inputs[0]->data[i]; });
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "gradient");
  if (!problems.empty()) return problems;
  const Shape& whole = args.attrs.integers("input_shape");
  problems = settle(args.attrs, whole);
  if (!problems.empty()) return problems;
  const Type wanted{args.inputs[0].dtype, shape_of(cuts_of(args.attrs, whole))};
  problems = expect_type(args, 0, "gradient", wanted);
  if (!problems.empty()) return problems;
  return outputs_of({{args.inputs[0].dtype, whole}});
}

uint32_t more_traits_grad(const Attrs& attrs, const std::vector<Type>&) {
  const Shape& whole = attrs.integers("input_shape");
  return traits_of(cuts_of(attrs, whole), whole);
}

void lower_grad(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  const std::vector<Cut> cuts = cuts_of(lowering.attrs(), type.shape);
  const std::vector<Var> vars = variables(type.rank());
  std::vector<Expr> source = reversed(vars);
  Expr is_taken;
  for (size_t d = 0; d < cuts.size(); ++d) {
    const Cut& cut = cuts[d];
    if (cut.count == type.shape[d] && cut.step == 1) continue;
    const Expr distance =
        cut.step > 0 ? source[d] - constant(cut.start) : constant(cut.start) - source[d];
    const Expr stride = constant(std::abs(cut.step));
    const Expr index = distance / stride;
    Expr fits = distance >= 0 && index < constant(cut.count);
    if (std::abs(cut.step) > 1) fits = fits && distance % stride == 0;
    is_taken = is_taken.defined() ? is_taken && fits : fits;
    source[d] = Halide::clamp(index, 0, constant(cut.count - 1));
  }
  const Expr value = at(lowering.inputs[0], reversed(source));
  Func output("slice_grad");
  output(vars) =
      is_taken.defined() ? Halide::select(is_taken, value, Halide::cast(value.type(), 0)) : value;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient_grad(GradientArgs& args) {
  return gradient_by(args, "Slice", select(args.node.attrs, slice_attrs()));
}

void reference_grad(ReferenceArgs& args) {
  const Shape& whole = args.outputs[0].shape;
  for_each_taken(cuts_of(args.attrs, whole), whole,
                 [&](int64_t o, int64_t i) { args.outputs[0].data[i] = args.inputs[0]->data[o]; });
}

OpDef make_slice() noexcept {
  OpDef op;
  op.name = "Slice";
  op.role = OpRole::layer;
  op.doc = "A range of some dimensions";
  op.attrs = slice_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_slice_grad() noexcept {
  OpDef op;
  op.name = "SliceGrad";
  op.doc = "Gradient of Slice with respect to its input: zeros around the slice";
  op.attrs = slice_attrs();
  op.attrs.push_back(
      required(attribute("input_shape", AttrKind::integers, {}, kCounts, "shape of the input")));
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.more_traits = more_traits_grad;
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.gradient = gradient_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef slice = make_slice();
extern const OpDef slice_grad = make_slice_grad();

}  // namespace cnnc
