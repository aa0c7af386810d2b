// CrossEntropyLoss and its gradient. Tested by tests/ops/cross_entropy_loss_test.cpp.
//
// With p = softmax(input(n)), q(j) = (1 - label_smoothing) * [j = target(n)] + label_smoothing / C
// and the rows n < count (all rows where count is absent):
//   loss = scale * sum over n, j of -q(j) * log p(j)      gradient(n, j) = scale * (p(j) - q(j))
// where scale is 1 / count for the mean and 1 for the sum. Other rows have gradient 0; they must be
// finite. A target outside [0, C) is taken as the nearest class: callers check their targets.
//
// The loss is the end of a graph: its own gradient is 1, whatever is said to flow into it.
#include <algorithm>
#include <cmath>

#include "compiler/ops/exponentials.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

std::vector<AttrSpec> loss_attrs() {
  return {
      choice("reduction", "mean", {"mean", "sum"}, "mean or sum over the batch"),
      attribute("label_smoothing", AttrKind::real, 0.0, {0, 1},
                "share of the target that is spread evenly over all classes"),
  };
}

Diagnostics check_inputs(const InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kRowForm});
  if (!problems.empty()) return problems;
  problems = expect_type(args, 1, "target", {DType::i32, {args.inputs[0].shape[0]}});
  if (problems.empty() && is_given(args, 2)) {
    problems = expect_type(args, 2, "count", {DType::i32, {1}});
  }
  return problems;
}

Result<std::vector<Type>> infer(InferArgs& args) {
  const Diagnostics problems = check_inputs(args);
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {1}}});
}

Result<std::vector<Type>> infer_grad(InferArgs& args) {
  const Diagnostics problems = check_inputs(args);
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

// By what a sum over rows is divided. The divisions are strict, so that a count known at compile
// time and one read at run time give the same bits.
Expr divisor(const Lowering& lowering) {
  if (lowering.attrs().text("reduction") == "sum") return 1.f;
  const Func count = input_or_none(lowering, 2);
  return Halide::cast<float>(count.defined() ? Expr(count(0))
                                             : constant(lowering.input_types[0].shape[0]));
}

// `value` in the rows that count, else 0.
Expr in_counted_rows(const Lowering& lowering, const Expr& n, const Expr& value) {
  const Func count = input_or_none(lowering, 2);
  return count.defined() ? Halide::select(n < count(0), value, 0.f) : value;
}

Expr target_class(const Lowering& lowering, const Expr& n) {
  const int64_t classes = lowering.input_types[0].shape[1];
  return Halide::clamp(lowering.inputs[1](n), 0, constant(classes - 1));
}

void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const Var n("n"), c("c");
  const float smoothing = static_cast<float>(lowering.attrs().real("label_smoothing"));
  const Func input = lowering.inputs[0];
  const Exponentials exponentials = add_exponentials(lowering, 0);

  const Expr log_sum = exponentials.maximum(n) + log_or_nan(exponentials.sum(n));
  Expr expected = input(target_class(lowering, n), n);
  if (smoothing != 0) {
    RDom r(0, constant(in[1]), "r");
    Func mean("mean_logit");
    mean(n) = 0.f;
    mean(n) += input(r, n) * (1.f / static_cast<float>(in[1]));
    lowering.stages["mean_logit"] = mean;
    expected = (1.f - smoothing) * expected + smoothing * mean(n);
  }
  RDom q(0, constant(in[0]), "q");
  Func row_loss("row_loss"), total("total"), output("cross_entropy_loss");
  row_loss(n) = in_counted_rows(lowering, n, log_sum - expected);
  total(c) = 0.f;
  total(c) += row_loss(q);
  output(c) = Halide::strict_float(total(c) / divisor(lowering));
  lowering.stages["row_loss"] = row_loss;
  lowering.stages["total"] = total;
  lowering.outputs = {output};
}

void lower_grad(Lowering& lowering) {
  const Var c("c"), n("n");
  const float classes = static_cast<float>(lowering.input_types[0].shape[1]);
  const float smoothing = static_cast<float>(lowering.attrs().real("label_smoothing"));
  const Exponentials exponentials = add_exponentials(lowering, 0);
  const Expr centred = lowering.inputs[0](c, n) - exponentials.maximum(n);
  const Expr softmax = Halide::strict_float(exp_or_nan(centred) / exponentials.sum(n));
  Expr wanted = Halide::select(target_class(lowering, n) == c, 1.f - smoothing, 0.f);
  if (smoothing != 0) wanted += smoothing / classes;
  const Expr scale = Halide::strict_float(1.f / divisor(lowering));
  Func output("cross_entropy_loss_grad");
  output(c, n) = in_counted_rows(lowering, n, (softmax - wanted) * scale);
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  if (!is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  result[0] =
      args.graph.add("CrossEntropyLossGrad", node.name + ".grad_input", node.attrs, node.inputs)[0];
  return result;
}

// Calls visit(n, j, log p(j), q(j)) for the rows that count.
template <class Visit>
void for_each_class(const ReferenceArgs& args, Visit visit) {
  const ReferenceTensor& input = *args.inputs[0];
  const int64_t classes = input.shape[1];
  const double smoothing = args.attrs.real("label_smoothing");
  int64_t rows = input.shape[0];
  if (args.inputs.size() > 2 && args.inputs[2]) {
    rows = std::min(rows, static_cast<int64_t>(args.inputs[2]->data[0]));
  }
  for (int64_t n = 0; n < rows; ++n) {
    const double* row = &input.data[n * classes];
    const double maximum = *std::max_element(row, row + classes);
    double sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += std::exp(row[j] - maximum);
    const int64_t target =
        std::clamp(static_cast<int64_t>(args.inputs[1]->data[n]), int64_t{0}, classes - 1);
    for (int64_t j = 0; j < classes; ++j) {
      visit(n, j, row[j] - maximum - std::log(sum),
            (j == target ? 1 - smoothing : 0) + smoothing / static_cast<double>(classes));
    }
  }
}

double scale(const ReferenceArgs& args) {
  if (args.attrs.text("reduction") == "sum") return 1;
  if (args.inputs.size() > 2 && args.inputs[2]) return 1 / args.inputs[2]->data[0];
  return 1 / static_cast<double>(args.inputs[0]->shape[0]);
}

void reference(ReferenceArgs& args) {
  double& loss = args.outputs[0].data[0];
  for_each_class(args, [&](int64_t, int64_t, double log_p, double q) { loss -= q * log_p; });
  loss *= scale(args);
}

void reference_grad(ReferenceArgs& args) {
  ReferenceTensor& output = args.outputs[0];
  for_each_class(args, [&](int64_t n, int64_t j, double log_p, double q) {
    output.data[n * output.shape[1] + j] = (std::exp(log_p) - q) * scale(args);
  });
}

OpDef make_cross_entropy_loss() noexcept {
  OpDef op;
  op.name = "CrossEntropyLoss";
  op.role = OpRole::loss;
  op.doc = "Cross entropy between the softmax of the logits and the target classes";
  op.attrs = loss_attrs();
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_cross_entropy_loss_grad() noexcept {
  OpDef op;
  op.name = "CrossEntropyLossGrad";
  op.doc = "Gradient of CrossEntropyLoss with respect to the logits";
  op.attrs = loss_attrs();
  op.inputs = {input("input"), input("target"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef cross_entropy_loss = make_cross_entropy_loss();
extern const OpDef cross_entropy_loss_grad = make_cross_entropy_loss_grad();

}  // namespace cnnc
