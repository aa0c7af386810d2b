// Pad, as PyTorch's functional.pad, and the gradient of its modes that read the input. Tested by
// tests/ops/pad_test.cpp.
#include <algorithm>

#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

constexpr int64_t kMostSummed = 8;  // elements before and after that one PadGrad adds to the edge's

// What is added to a dimension; less than 0: taken away.
struct Sides {
  int64_t before = 0;
  int64_t after = 0;
};

// Per dimension, from the list that has the last dimension's first.
std::vector<Sides> sides_of(const Attrs& attrs, size_t rank) {
  const std::vector<int64_t>& pad = attrs.integers("pad");
  std::vector<Sides> sides(rank);
  for (size_t i = 0; i < pad.size() / 2; ++i) {
    sides[rank - 1 - i] = {pad[2 * i], pad[2 * i + 1]};
  }
  return sides;
}

void set_sides(Attrs& attrs, const std::vector<Sides>& sides) {
  std::vector<int64_t> pad;
  for (size_t d = sides.size(); d-- > 0;) {
    pad.push_back(sides[d].before);
    pad.push_back(sides[d].after);
  }
  attrs.set("pad", pad);
}

// What is wrong with the sides of a dimension in that mode.
std::string problem_of(const Sides& sides, int64_t extent, const std::string& mode) {
  const int64_t most = std::max(sides.before, sides.after);
  if (sides.before + extent + sides.after < 1) return "leave nothing of it";
  if (mode == "reflect" && most >= extent) return "reflect must be less than its extent";
  if (mode == "circular" && most > extent) return "circular must be at most its extent";
  return "";
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  const size_t rank = type.shape.size(), count = args.attrs.integers("pad").size();
  if (count % 2 != 0 || count > 2 * rank) {
    return error("pad has " + std::to_string(count) +
                 " numbers, but takes two for each dimension, from the last one backwards, and the "
                 "input is " +
                 to_string(type.shape));
  }
  const std::vector<Sides> sides = sides_of(args.attrs, rank);
  const std::string& mode = args.attrs.text("mode");
  for (size_t d = 0; d < rank; ++d) {
    const std::string problem = problem_of(sides[d], type.shape[d], mode);
    if (!problem.empty()) {
      problems.push_back(error("pad is " + to_string(args.attrs.integers("pad")) +
                               ": the numbers of dimension " + std::to_string(d) + " of " +
                               to_string(type.shape) + " " + problem));
    }
    type.shape[d] += sides[d].before + sides[d].after;
  }
  if (!problems.empty()) return problems;
  return outputs_of({type});
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& inputs) {
  const Sides batch = sides_of(attrs, inputs[0].shape.size())[0];
  return batch.before == 0 && batch.after == 0 ? 0u : kMixesBatch;
}

// Where position `p` of the input, which may lie outside, is read from.
Expr source_of(const Expr& p, int64_t extent, const std::string& mode) {
  const Expr length = constant(extent);
  Expr inside = p;
  if (mode == "reflect") {
    inside = Halide::select(p < 0, -p, p >= length, 2 * (length - 1) - p, p);
  } else if (mode == "circular") {
    inside = Halide::select(p < 0, p + length, p >= length, p - length, p);
  }
  return Halide::clamp(inside, 0, length - 1);
}

int64_t source_of(int64_t p, int64_t extent, const std::string& mode) {
  if (mode == "reflect" && p < 0) return -p;
  if (mode == "reflect" && p >= extent) return 2 * (extent - 1) - p;
  if (mode == "circular") return (p + extent) % extent;
  return std::clamp(p, int64_t{0}, extent - 1);
}

void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Sides> sides = sides_of(lowering.attrs(), in.size());
  const std::string& mode = lowering.attrs().text("mode");
  std::vector<Expr> source = reversed(vars);
  Expr is_inside;
  for (size_t d = 0; d < in.size(); ++d) {
    const Expr p = source[d] - constant(sides[d].before);
    const bool reads_outside = sides[d].before > 0 || sides[d].after > 0;
    source[d] = reads_outside ? source_of(p, in[d], mode) : p;
    if (!reads_outside || mode != "constant") continue;
    const Expr fits = p >= 0 && p < constant(in[d]);
    is_inside = is_inside.defined() ? is_inside && fits : fits;
  }
  Expr value = at(lowering.inputs[0], reversed(source));
  if (is_inside.defined()) {
    const Expr outside =
        Halide::cast(value.type(), Expr(static_cast<float>(lowering.attrs().real("value"))));
    value = Halide::select(is_inside, value, outside);
  }
  Func output("pad");
  output(vars) = value;
  lowering.outputs = {output};
}

// Zeros do not flow back: the gradient of a constant's pad is the pad with the opposite sides.
ValueId unpadded(Graph& graph, const std::string& name, const std::vector<Sides>& sides,
                 ValueId upstream) {
  std::vector<Sides> opposite = sides;
  for (Sides& each : opposite) each = {-each.before, -each.after};
  Attrs attrs;
  set_sides(attrs, opposite);
  return graph.add("Pad", name, attrs, {upstream})[0];
}

// Other modes: first what was taken away, then what was added, one dimension after the other. To
// replicate an edge by many elements is to replicate it by some, several times.
std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  if (args.output_gradients[0] == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  const std::string name = node.name + ".grad_input", mode = node.attrs.text("mode");
  ValueId value = args.output_gradients[0];
  std::vector<Sides> sides = sides_of(node.attrs, args.graph.type(value).shape.size());
  if (mode == "constant") {
    result[0] = unpadded(args.graph, name, sides, value);
    return result;
  }
  std::vector<Sides> taken(sides.size());
  bool any_taken = false;
  for (size_t d = 0; d < sides.size(); ++d) {
    taken[d] = {std::min(sides[d].before, int64_t{0}), std::min(sides[d].after, int64_t{0})};
    any_taken |= taken[d].before < 0 || taken[d].after < 0;
  }
  if (any_taken) value = unpadded(args.graph, name + ".whole", taken, value);
  for (size_t d = 0; d < sides.size(); ++d) {
    Sides left = {std::max(sides[d].before, int64_t{0}), std::max(sides[d].after, int64_t{0})};
    for (int64_t part = 0; left.before > 0 || left.after > 0; ++part) {
      Sides now = left;
      if (mode == "replicate") {
        now = {std::min(left.before, kMostSummed), std::min(left.after, kMostSummed)};
      }
      left = {left.before - now.before, left.after - now.after};
      Attrs attrs;
      attrs.set("dim", static_cast<int64_t>(d));
      attrs.set("before", now.before);
      attrs.set("after", now.after);
      attrs.set("mode", mode);
      value = args.graph.add("PadGrad", name + std::to_string(d) + "_" + std::to_string(part),
                             attrs, {value})[0];
    }
  }
  result[0] = value;
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& in = *args.inputs[0];
  ReferenceTensor& out = args.outputs[0];
  const std::vector<Sides> sides = sides_of(args.attrs, in.shape.size());
  const std::string& mode = args.attrs.text("mode");
  for (int64_t i = 0; i < element_count(out.shape); ++i) {
    Shape from = coordinates_of(out.shape, i);
    bool is_inside = true;
    for (size_t d = 0; d < from.size(); ++d) {
      const int64_t p = from[d] - sides[d].before;
      is_inside &= p >= 0 && p < in.shape[d];
      from[d] = source_of(p, in.shape[d], mode);
    }
    const bool reads = is_inside || mode != "constant";
    out.data[i] = reads ? in.data[position_of(in.shape, from)] : args.attrs.real("value");
  }
}

struct OneDim {
  int64_t dim = 0;
  Sides sides;
  std::string mode;
};

OneDim one_dim(const Attrs& attrs) {
  return {
      attrs.integer("dim"), {attrs.integer("before"), attrs.integer("after")}, attrs.text("mode")};
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty()) problems = settle_dim(args.attrs, "dim", args.inputs[0].shape);
  if (!problems.empty()) return problems;
  Type type = args.inputs[0];
  const OneDim one = one_dim(args.attrs);
  int64_t& extent = type.shape[one.dim];
  extent -= one.sides.before + one.sides.after;
  const std::string problem =
      extent < 1 ? "leave nothing of it" : problem_of(one.sides, extent, one.mode);
  if (!problem.empty())
    return error("the numbers of dimension " + std::to_string(one.dim) + " " + problem);
  return outputs_of({type});
}

// Each element gathers from those that read it.
void lower_grad(Lowering& lowering) {
  const OneDim one = one_dim(lowering.attrs());
  const Type& type = lowering.output_types[0];
  const int64_t extent = type.shape[one.dim];
  const int64_t before = one.sides.before, after = one.sides.after;
  const std::vector<Var> vars = variables(type.rank());
  const std::vector<Expr> coordinates = reversed(vars);
  const Expr i = coordinates[one.dim];
  const auto upstream = [&](const Expr& o) {
    std::vector<Expr> source = coordinates;
    source[one.dim] = Halide::clamp(o, 0, constant(before + extent + after - 1));
    return at(lowering.inputs[0], reversed(source));
  };
  Expr sum = upstream(i + constant(before));
  const auto add = [&](const Expr& reads, const Expr& o) {
    sum = sum + Halide::select(reads, upstream(o), 0.f);
  };
  if (one.mode == "reflect") {
    if (before > 0) add(i >= 1 && i <= constant(before), constant(before) - i);
    if (after > 0) {
      add(i >= constant(extent - 1 - after) && i <= constant(extent - 2),
          constant(2 * (extent - 1) + before) - i);
    }
  } else if (one.mode == "circular") {
    if (before > 0) add(i >= constant(extent - before), i + constant(before - extent));
    if (after > 0) add(i < constant(after), i + constant(before + extent));
  } else {
    for (int64_t k = 0; k < before; ++k) add(i == 0, constant(k));
    for (int64_t k = 0; k < after; ++k) {
      add(i == constant(extent - 1), constant(before + extent + k));
    }
  }
  Func output("pad_grad");
  output(vars) = sum;
  lowering.outputs = {output};
}

void reference_grad(ReferenceArgs& args) {
  const OneDim one = one_dim(args.attrs);
  const ReferenceTensor& upstream = *args.inputs[0];
  ReferenceTensor& out = args.outputs[0];
  for (int64_t i = 0; i < element_count(upstream.shape); ++i) {
    Shape to = coordinates_of(upstream.shape, i);
    to[one.dim] = source_of(to[one.dim] - one.sides.before, out.shape[one.dim], one.mode);
    out.data[position_of(out.shape, to)] += upstream.data[i];
  }
}

OpDef make_pad() noexcept {
  OpDef op;
  op.name = "Pad";
  op.role = OpRole::layer;
  op.doc = "With elements around it";
  op.attrs = {
      required(attribute("pad", AttrKind::integers, {}, {-2147483647, 2147483647},
                         "elements before and after the last dimension, then the one before it, "
                         "...; negative: elements less")),
      choice("mode", "constant", {"constant", "reflect", "replicate", "circular"},
             "what the elements are"),
      attribute("value", AttrKind::real, 0.0, {}, "the constant"),
  };
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_pad_grad() noexcept {
  OpDef op;
  op.name = "PadGrad";
  op.doc = "Gradient of Pad in one dimension, in modes that read the input";
  op.attrs = {required(dim_attr("dim", {}, "the dimension")),
              required(attribute("before", AttrKind::integer, {}, kSizes, "elements before")),
              required(attribute("after", AttrKind::integer, {}, kSizes, "elements after")),
              choice("mode", "reflect", {"reflect", "replicate", "circular"}, "what they are")};
  op.inputs = {input("gradient")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef pad = make_pad();
extern const OpDef pad_grad = make_pad_grad();

}  // namespace cnnc
