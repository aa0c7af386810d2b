// Flatten and its inverse, Unflatten. Tested by tests/ops/flatten_test.cpp.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kImageForm, kRowForm});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const int64_t rank = args.inputs[0].rank();
  for (const auto& [name, wanted] : {std::pair{"start_dim", int64_t{1}}, {"end_dim", rank - 1}}) {
    const int64_t given = args.attrs.integer(name);
    if (given == wanted || given + rank == wanted) continue;
    problems.push_back(error(std::string(name) + " is " + std::to_string(given) +
                             ", but Flatten joins all dimensions but the batch: start_dim must be "
                             "1 and end_dim -1"));
  }
  if (!problems.empty()) return problems;
  args.attrs.set("start_dim", int64_t{1});
  args.attrs.set("end_dim", int64_t{-1});
  return outputs_of({{DType::f32, {in[0], fibres(in, 0).after}}});
}

void lower(Lowering& lowering) {
  const Var c("c"), n("n");
  const Shape& in = lowering.input_types[0].shape;
  Func output("flatten");
  if (in.size() == 2) {
    output(c, n) = lowering.inputs[0](c, n);
  } else {
    const Expr height = constant(in[2]), width = constant(in[3]);
    output(c, n) = lowering.inputs[0](c % width, c / width % height, c / (width * height), n);
  }
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Shape& in = args.graph.type(args.node.inputs[0]).shape;
  if (in.size() == 2) return {upstream};
  Attrs attrs;
  attrs.set("channels", in[1]);
  attrs.set("height", in[2]);
  attrs.set("width", in[3]);
  result[0] = args.graph.add("Unflatten", args.node.name + ".grad_input", attrs, {upstream})[0];
  return result;
}

void reference(ReferenceArgs& args) { args.outputs[0].data = args.inputs[0]->data; }

Result<std::vector<Type>> infer_unflatten(InferArgs& args) {
  const Diagnostics problems = expect_input(args, 0, "input", DType::f32, {"[N, F]"});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const Shape out = {in[0], args.attrs.integer("channels"), args.attrs.integer("height"),
                     args.attrs.integer("width")};
  if (is_too_large(out) || element_count(out) != element_count(in)) {
    return error("cannot turn " + to_string(in) + " into " + to_string(out));
  }
  return outputs_of({{DType::f32, out}});
}

void lower_unflatten(Lowering& lowering) {
  const Var x("x"), y("y"), c("c"), n("n");
  const Shape& out = lowering.output_types[0].shape;
  Func output("unflatten");
  output(x, y, c, n) = lowering.inputs[0](x + constant(out[3]) * (y + constant(out[2]) * c), n);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient_unflatten(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  result[0] = args.graph.add("Flatten", args.node.name + ".grad_input", {}, {upstream})[0];
  return result;
}

OpDef make_flatten() noexcept {
  OpDef op;
  op.name = "Flatten";
  op.role = OpRole::layer;
  op.doc = "[N, C, H, W] to [N, C * H * W]";
  op.attrs = {
      attribute("start_dim", AttrKind::integer, int64_t{1}, {}, "first dimension to join: 1"),
      attribute("end_dim", AttrKind::integer, int64_t{-1}, {}, "last dimension to join: -1"),
  };
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kView;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_unflatten() noexcept {
  OpDef op;
  op.name = "Unflatten";
  op.doc = "[N, C * H * W] to [N, C, H, W]";
  op.attrs = {
      required(attribute("channels", AttrKind::integer, {}, kCounts, "channels of the output")),
      required(attribute("height", AttrKind::integer, {}, kCounts, "height of the output")),
      required(attribute("width", AttrKind::integer, {}, kCounts, "width of the output")),
  };
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kView;
  op.infer = infer_unflatten;
  op.lower = lower_unflatten;
  op.gradient = gradient_unflatten;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef flatten = make_flatten();
extern const OpDef unflatten = make_unflatten();

}  // namespace cnnc
