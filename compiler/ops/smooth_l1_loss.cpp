// SmoothL1Loss and its gradient. Tested by tests/ops/smooth_l1_loss_test.cpp.
//
// With d = x - t:
//   term = d^2 / (2 * beta) where |d| < beta, else |d| - beta / 2
//   slope = d / beta where |d| < beta, else the sign of d
// For beta = 0 that is L1Loss.
#include <cmath>

#include "compiler/ops/value_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;

std::vector<AttrSpec> loss_attrs() {
  return {attribute("beta", AttrKind::real, 1.0, kNotNegative, "where the square ends")};
}

Expr term(const Attrs& attrs, const Expr& x, const Expr& t, const Expr&) {
  const auto beta = static_cast<float>(attrs.real("beta"));
  const Expr d = Halide::strict_float(x - t);
  Expr size = Halide::abs(d);
  if (beta == 0) return size;
  return Halide::select(Halide::strict_float(size < beta),
                        Halide::strict_float(0.5f * d * d / beta),
                        Halide::strict_float(size - 0.5f * beta));
}

Expr slope(const Attrs& attrs, const Expr& x, const Expr& t, const Expr&) {
  const auto beta = static_cast<float>(attrs.real("beta"));
  const Expr d = Halide::strict_float(x - t);
  if (beta == 0) {
    return Halide::select(Halide::strict_float(d > 0.f), 1.f, Halide::strict_float(d < 0.f), -1.f,
                          0.f);
  }
  return or_nan(d, Halide::clamp(Halide::strict_float(d / beta), -1.f, 1.f));
}

double reference_term(const Attrs& attrs, double x, double t, int64_t) {
  const double beta = attrs.real("beta");
  const double size = std::abs(x - t);
  return size < beta ? size * size / (2 * beta) : size - beta / 2;
}

double reference_slope(const Attrs& attrs, double x, double t, int64_t) {
  const double beta = attrs.real("beta");
  if (beta == 0) return x > t ? 1 : x < t ? -1 : 0;
  const double d = x - t;
  return d >= beta ? 1 : d <= -beta ? -1 : d / beta;
}

void lower(Lowering& lowering) { lower_value_loss(lowering, term); }
void lower_grad(Lowering& lowering) { lower_value_loss_grad(lowering, slope); }
void reference(ReferenceArgs& args) { reference_value_loss(args, reference_term); }
void reference_grad(ReferenceArgs& args) { reference_value_loss_grad(args, reference_slope); }

std::vector<ValueId> gradient(GradientArgs& args) {
  return loss_gradient(args, "SmoothL1LossGrad");
}

OpDef make_smooth_l1_loss() noexcept {
  OpDef op = value_loss("SmoothL1Loss",
                        "Half the square of small differences, the absolute value of others",
                        loss_attrs());
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_smooth_l1_loss_grad() noexcept {
  OpDef op = value_loss_grad("SmoothL1Loss", loss_attrs());
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef smooth_l1_loss = make_smooth_l1_loss();
extern const OpDef smooth_l1_loss_grad = make_smooth_l1_loss_grad();

}  // namespace cnnc
