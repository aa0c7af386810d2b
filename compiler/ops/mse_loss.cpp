// MSELoss and its gradient. Tested by tests/ops/mse_loss_test.cpp.
//
//   term = (x - t)^2      slope = 2 * (x - t)
#include "compiler/ops/value_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;

Expr term(const Attrs&, const Expr& x, const Expr& t, const Expr&) {
  return Halide::strict_float((x - t) * (x - t));
}

Expr slope(const Attrs&, const Expr& x, const Expr& t, const Expr&) {
  return Halide::strict_float(2.f * (x - t));
}

double reference_term(const Attrs&, double x, double t, int64_t) { return (x - t) * (x - t); }

double reference_slope(const Attrs&, double x, double t, int64_t) { return 2 * (x - t); }

void lower(Lowering& lowering) { lower_value_loss(lowering, term); }
void lower_grad(Lowering& lowering) { lower_value_loss_grad(lowering, slope); }
void reference(ReferenceArgs& args) { reference_value_loss(args, reference_term); }
void reference_grad(ReferenceArgs& args) { reference_value_loss_grad(args, reference_slope); }

std::vector<ValueId> gradient(GradientArgs& args) { return loss_gradient(args, "MSELossGrad"); }

OpDef make_mse_loss() noexcept {
  OpDef op = value_loss("MSELoss", "Mean of the squares of output minus target", {});
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_mse_loss_grad() noexcept {
  OpDef op = value_loss_grad("MSELoss", {});
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef mse_loss = make_mse_loss();
extern const OpDef mse_loss_grad = make_mse_loss_grad();

}  // namespace cnnc
