// View: what layers that others compute make of their tensors. Tested by tests/ops/view_test.cpp.
#include <algorithm>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  if (!is_given(args, 0)) return error("needs an input");
  const Diagnostics problems = expect_input(args, 0, "input", args.inputs[0].dtype);
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const Shape& out = args.attrs.integers("shape");
  const auto rank = static_cast<int64_t>(out.size());
  if (rank < 1 || rank > kMostRank || is_too_large(out) ||
      element_count(out) != element_count(in)) {
    return error("cannot turn " + to_string(in) + " into " + to_string(out));
  }
  return outputs_of({{args.inputs[0].dtype, out}});
}

// Dimensions of both shapes that hold the same elements, as few as may be: [first, last) of each.
struct Group {
  size_t in = 0, in_end = 0;
  size_t out = 0, out_end = 0;
};

std::vector<Group> groups_of(const Shape& in, const Shape& out) {
  std::vector<Group> result;
  Group group;
  while (group.in < in.size() || group.out < out.size()) {
    int64_t inside = 1, outside = 1;
    do {
      const bool grows_in =
          group.in_end < in.size() && (inside <= outside || group.out_end == out.size());
      if (grows_in) {
        inside *= in[group.in_end++];
      } else {
        outside *= out[group.out_end++];
      }
    } while (inside != outside);
    result.push_back(group);
    group = {group.in_end, group.in_end, group.out_end, group.out_end};
  }
  return result;
}

void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const Shape& out = lowering.output_types[0].shape;
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  // Arguments are the dimensions last first.
  std::vector<Expr> point(in.size(), Expr(0));
  for (const Group& group : groups_of(in, out)) {
    Expr index = 0;
    for (size_t d = group.out; d < group.out_end; ++d) {
      if (out[d] != 1) index = index * constant(out[d]) + vars[out.size() - 1 - d];
    }
    int64_t after = 1;
    for (size_t d = group.in_end; d-- > group.in;) {
      if (in[d] == 1) continue;
      Expr own = index;
      if (after > 1) own = own / constant(after);
      const bool is_first = std::all_of(in.begin() + static_cast<int64_t>(group.in),
                                        in.begin() + static_cast<int64_t>(d),
                                        [](int64_t extent) { return extent == 1; });
      if (!is_first) own = own % constant(in[d]);
      point[in.size() - 1 - d] = own;
      after *= in[d];
    }
  }
  Func output("view");
  output(vars) = at(lowering.inputs[0], point);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  Attrs attrs;
  attrs.set("shape", args.graph.type(args.node.inputs[0]).shape);
  result[0] = args.graph.add("View", args.node.name + ".grad_input", attrs, {upstream})[0];
  return result;
}

void reference(ReferenceArgs& args) { args.outputs[0].data = args.inputs[0]->data; }

OpDef make_view() noexcept {
  OpDef op;
  op.name = "View";
  op.doc = "The same elements in the same row-major order, under another shape";
  AttrSpec shape = attribute("shape", AttrKind::pair, {}, kCounts, "of the output");
  shape.axes = 0;
  op.attrs = {required(shape)};
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kView;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef view = make_view();

}  // namespace cnnc
