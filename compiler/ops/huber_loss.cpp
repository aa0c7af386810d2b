// HuberLoss and its gradient. Tested by tests/ops/huber_loss_test.cpp.
//
// With d = x - t:
//   term = d^2 / 2 where |d| <= delta, else delta * (|d| - delta / 2)
//   slope = d, at least -delta and at most delta
#include <cmath>
#include <limits>

#include "compiler/ops/value_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;

std::vector<AttrSpec> loss_attrs() {
  return {attribute("delta", AttrKind::real, 1.0, {1e-30, std::numeric_limits<double>::infinity()},
                    "where the square ends")};
}

Expr term(const Attrs& attrs, const Expr& x, const Expr& t, const Expr&) {
  const auto delta = static_cast<float>(attrs.real("delta"));
  const Expr d = Halide::strict_float(x - t);
  const Expr size = Halide::abs(d);
  return Halide::select(Halide::strict_float(size <= delta), Halide::strict_float(0.5f * d * d),
                        Halide::strict_float(delta * (size - 0.5f * delta)));
}

Expr slope(const Attrs& attrs, const Expr& x, const Expr& t, const Expr&) {
  const auto delta = static_cast<float>(attrs.real("delta"));
  const Expr d = Halide::strict_float(x - t);
  return or_nan(d, Halide::clamp(d, -delta, delta));
}

double reference_term(const Attrs& attrs, double x, double t, int64_t) {
  const double delta = attrs.real("delta");
  const double size = std::abs(x - t);
  return size <= delta ? size * size / 2 : delta * (size - delta / 2);
}

double reference_slope(const Attrs& attrs, double x, double t, int64_t) {
  const double delta = attrs.real("delta");
  const double d = x - t;
  return d >= delta ? delta : d <= -delta ? -delta : d;
}

void lower(Lowering& lowering) { lower_value_loss(lowering, term); }
void lower_grad(Lowering& lowering) { lower_value_loss_grad(lowering, slope); }
void reference(ReferenceArgs& args) { reference_value_loss(args, reference_term); }
void reference_grad(ReferenceArgs& args) { reference_value_loss_grad(args, reference_slope); }

std::vector<ValueId> gradient(GradientArgs& args) { return loss_gradient(args, "HuberLossGrad"); }

OpDef make_huber_loss() noexcept {
  OpDef op = value_loss("HuberLoss", "Half the square of small differences, linear for others",
                        loss_attrs());
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_huber_loss_grad() noexcept {
  OpDef op = value_loss_grad("HuberLoss", loss_attrs());
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef huber_loss = make_huber_loss();
extern const OpDef huber_loss_grad = make_huber_loss_grad();

}  // namespace cnnc
