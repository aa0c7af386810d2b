// Tested by tests/ops/{mse,l1,smooth_l1,huber,bce_with_logits}_loss_test.cpp.
#include "compiler/ops/value_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Diagnostics check_inputs(const InferArgs& args) {
  Diagnostics problems = check_loss_input(args);
  if (problems.empty()) problems = expect_type(args, 1, "target", args.inputs[0]);
  if (problems.empty() && is_given(args, 2)) {
    problems = expect_type(args, 2, "count", {DType::i32, {1}});
  }
  return problems;
}

int64_t elements_of_image(const Shape& shape) { return element_count(shape) / shape[0]; }

// Strict, so that a count known at compile time and one read at run time give the same bits.
Expr divisor(const Lowering& lowering) {
  if (lowering.attrs().text("reduction") == "sum") return 1.f;
  const Shape& shape = lowering.input_types[0].shape;
  const Func count = input_or_none(lowering, 2);
  const Expr images = count.defined() ? Expr(count(0)) : constant(shape[0]);
  return Halide::strict_float(Halide::cast<float>(images) *
                              static_cast<float>(elements_of_image(shape)));
}

Expr term_at(const Lowering& lowering, const Place& place, LossTerm term) {
  const Expr x = at(lowering.inputs[0], place), t = at(lowering.inputs[1], place);
  return where(is_counted(lowering, place.back()),
               term(lowering.attrs(), x, t, place[channel_argument(place.size())]));
}

double scale(const ReferenceArgs& args) {
  if (args.attrs.text("reduction") == "sum") return 1;
  return 1 / static_cast<double>(counted_images(args) * elements_of_image(args.inputs[0]->shape));
}

// Calls visit(index, x, t, channel) for the elements that count.
template <class Visit>
void for_each_value(const ReferenceArgs& args, Visit visit) {
  const Fibres f = fibres(args.inputs[0]->shape, 1);
  const int64_t count = counted_images(args) * f.extent * f.after;
  for (int64_t i = 0; i < count; ++i) {
    visit(i, args.inputs[0]->data[i], args.inputs[1]->data[i], i / f.after % f.extent);
  }
}

}  // namespace

Result<std::vector<Type>> infer_value_loss(InferArgs& args) {
  const Diagnostics problems = check_inputs(args);
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {1}}});
}

Result<std::vector<Type>> infer_value_loss_grad(InferArgs& args) {
  const Diagnostics problems = check_inputs(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower_value_loss(Lowering& lowering, LossTerm term) {
  const Expr total =
      sum_of_terms(lowering, lowering.input_types[0].shape[1],
                   [&](const Place& place) { return term_at(lowering, place, term); });
  Func output("value_loss");
  output(Var("c")) = Halide::strict_float(total / divisor(lowering));
  lowering.outputs = {output};
}

void lower_value_loss_grad(Lowering& lowering, LossTerm slope) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Expr scale = Halide::strict_float(1.f / divisor(lowering));
  Func output("value_loss_grad");
  output(vars) = Halide::strict_float(term_at(lowering, as_exprs(vars), slope) * scale);
  lowering.outputs = {output};
}

void reference_value_loss(ReferenceArgs& args, ReferenceTerm term) {
  double& loss = args.outputs[0].data[0];
  for_each_value(args, [&](int64_t, double x, double t, int64_t channel) {
    loss += term(args.attrs, x, t, channel);
  });
  loss *= scale(args);
}

void reference_value_loss_grad(ReferenceArgs& args, ReferenceTerm slope) {
  for_each_value(args, [&](int64_t i, double x, double t, int64_t channel) {
    args.outputs[0].data[i] = slope(args.attrs, x, t, channel) * scale(args);
  });
}

OpDef value_loss(std::string name, std::string doc, std::vector<AttrSpec> attrs) {
  OpDef op;
  op.name = std::move(name);
  op.role = OpRole::loss;
  op.doc = std::move(doc);
  op.attrs = std::move(attrs);
  op.attrs.push_back(reduction_attr("mean over all elements, or sum"));
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer_value_loss;
  return op;
}

OpDef value_loss_grad(const std::string& name, std::vector<AttrSpec> attrs) {
  OpDef op = value_loss(name + "Grad", "Gradient of " + name + " with respect to its input",
                        std::move(attrs));
  op.role = OpRole::internal;
  op.infer = infer_value_loss_grad;
  return op;
}

}  // namespace cnnc
