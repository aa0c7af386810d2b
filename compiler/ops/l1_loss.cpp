// L1Loss and its gradient. Tested by tests/ops/l1_loss_test.cpp.
//
//   term = |x - t|      slope = the sign of x - t, 0 for 0 and, as in PyTorch, for NaN
#include <cmath>

#include "compiler/ops/value_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;

Expr term(const Attrs&, const Expr& x, const Expr& t, const Expr&) {
  return Halide::abs(Halide::strict_float(x - t));
}

Expr slope(const Attrs&, const Expr& x, const Expr& t, const Expr&) {
  return Halide::select(Halide::strict_float(x > t), 1.f, Halide::strict_float(x < t), -1.f, 0.f);
}

double reference_term(const Attrs&, double x, double t, int64_t) { return std::abs(x - t); }

double reference_slope(const Attrs&, double x, double t, int64_t) {
  return x > t ? 1 : x < t ? -1 : 0;
}

void lower(Lowering& lowering) { lower_value_loss(lowering, term); }
void lower_grad(Lowering& lowering) { lower_value_loss_grad(lowering, slope); }
void reference(ReferenceArgs& args) { reference_value_loss(args, reference_term); }
void reference_grad(ReferenceArgs& args) { reference_value_loss_grad(args, reference_slope); }

std::vector<ValueId> gradient(GradientArgs& args) { return loss_gradient(args, "L1LossGrad"); }

OpDef make_l1_loss() noexcept {
  OpDef op = value_loss("L1Loss", "Mean of the absolute values of output minus target", {});
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_l1_loss_grad() noexcept {
  OpDef op = value_loss_grad("L1Loss", {});
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef l1_loss = make_l1_loss();
extern const OpDef l1_loss_grad = make_l1_loss_grad();

}  // namespace cnnc
