// BCEWithLogitsLoss and its gradient. Tested by tests/ops/bce_with_logits_loss_test.cpp.
//
// With s the sigmoid, w the weight and p the pos_weight of the channel:
//   term = -w * (p * t * log s(x) + (1 - t) * log s(-x))
//        = w * ((1 - t) * x + k * (max(-x, 0) + log(1 + exp(-|x|))))     with k = 1 + (p - 1) * t
//   slope = w * (k * s(x) - p * t)
#include <algorithm>
#include <cmath>

#include "compiler/ops/value_losses.h"

namespace cnnc {
namespace {

using Halide::Expr;

std::vector<AttrSpec> loss_attrs() {
  return {
      attribute("weight", AttrKind::reals, {}, {},
                "what terms are multiplied with: a number, or one for each channel"),
      attribute("pos_weight", AttrKind::reals, {}, {},
                "what the targets of 1 count with: a number, or one for each channel"),
  };
}

Result<std::vector<Type>> checked(InferArgs& args, Result<std::vector<Type>> types) {
  if (!types) return types;
  Diagnostics problems = check_channel_numbers(args, "weight", ChannelNumbers::one_or_each);
  if (problems.empty()) {
    problems = check_channel_numbers(args, "pos_weight", ChannelNumbers::one_or_each);
  }
  if (!problems.empty()) return problems;
  return types;
}

Result<std::vector<Type>> infer(InferArgs& args) { return checked(args, infer_value_loss(args)); }
Result<std::vector<Type>> infer_grad(InferArgs& args) {
  return checked(args, infer_value_loss_grad(args));
}

Expr term(const Attrs& attrs, const Expr& x, const Expr& t, const Expr& channel) {
  const Expr weight = channel_number(attrs, "weight", channel);
  const Expr k = 1.f + (channel_number(attrs, "pos_weight", channel) - 1.f) * t;
  const Expr small = Halide::exp(-Halide::abs(x));
  // Where 1 + small has lost its digits, three terms of the series are as good as all.
  const Expr logarithm =
      Halide::select(small < 0.0078125f, small * (1.f - small * (0.5f - small * (1.f / 3))),
                     Halide::log(1.f + small));
  const Expr softplus = Halide::max(-x, 0.f) + logarithm;
  return or_nan(x, or_nan(t, weight * ((1.f - t) * x + k * softplus)));
}

Expr slope(const Attrs& attrs, const Expr& x, const Expr& t, const Expr& channel) {
  const Expr weight = channel_number(attrs, "weight", channel);
  const Expr positive = channel_number(attrs, "pos_weight", channel);
  const Expr k = 1.f + (positive - 1.f) * t;
  const Expr small = Halide::exp(-Halide::abs(x));
  const Expr sigmoid = Halide::select(x >= 0.f, 1.f, small) / (1.f + small);
  return or_nan(x, or_nan(t, weight * (k * sigmoid - positive * t)));
}

double reference_term(const Attrs& attrs, double x, double t, int64_t channel) {
  const double k = 1 + (channel_number(attrs, "pos_weight", channel) - 1) * t;
  const double softplus = std::max(-x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  return channel_number(attrs, "weight", channel) * ((1 - t) * x + k * softplus);
}

double reference_slope(const Attrs& attrs, double x, double t, int64_t channel) {
  const double positive = channel_number(attrs, "pos_weight", channel);
  const double sigmoid = 1 / (1 + std::exp(-x));
  return channel_number(attrs, "weight", channel) *
         ((1 + (positive - 1) * t) * sigmoid - positive * t);
}

void lower(Lowering& lowering) { lower_value_loss(lowering, term); }
void lower_grad(Lowering& lowering) { lower_value_loss_grad(lowering, slope); }
void reference(ReferenceArgs& args) { reference_value_loss(args, reference_term); }
void reference_grad(ReferenceArgs& args) { reference_value_loss_grad(args, reference_slope); }

std::vector<ValueId> gradient(GradientArgs& args) {
  return loss_gradient(args, "BCEWithLogitsLossGrad");
}

OpDef make_bce_with_logits_loss() noexcept {
  OpDef op = value_loss("BCEWithLogitsLoss",
                        "Binary cross entropy between the sigmoid of the output and the target",
                        loss_attrs());
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

OpDef make_bce_with_logits_loss_grad() noexcept {
  OpDef op = value_loss_grad("BCEWithLogitsLoss", loss_attrs());
  op.infer = infer_grad;
  op.lower = lower_grad;
  op.reference = reference_grad;
  return op;
}

}  // namespace

extern const OpDef bce_with_logits_loss = make_bce_with_logits_loss();
extern const OpDef bce_with_logits_loss_grad = make_bce_with_logits_loss_grad();

}  // namespace cnnc
