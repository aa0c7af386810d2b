// What the losses of values share: sums of a term of each output and its target.
//
//   loss = scale * sum of term(x, t)           gradient = scale * slope(x, t)
// over the elements of the images that count, where scale is 1 / their number for the mean and 1
// for the sum.
#pragma once
#include "compiler/ops/losses.h"
#include "compiler/ops/nan.h"

namespace cnnc {

[[nodiscard]] Result<std::vector<Type>> infer_value_loss(InferArgs& args);
[[nodiscard]] Result<std::vector<Type>> infer_value_loss_grad(InferArgs& args);

// Of an output, its target and its channel.
using LossTerm = Halide::Expr (*)(const Attrs&, const Halide::Expr& x, const Halide::Expr& t,
                                  const Halide::Expr& channel);
void lower_value_loss(Lowering& lowering, LossTerm term);
void lower_value_loss_grad(Lowering& lowering, LossTerm slope);

using ReferenceTerm = double (*)(const Attrs&, double x, double t, int64_t channel);
void reference_value_loss(ReferenceArgs& args, ReferenceTerm term);
void reference_value_loss_grad(ReferenceArgs& args, ReferenceTerm slope);

// The records but for lower, gradient and reference.
[[nodiscard]] OpDef value_loss(std::string name, std::string doc, std::vector<AttrSpec> attrs);
[[nodiscard]] OpDef value_loss_grad(const std::string& name, std::vector<AttrSpec> attrs);

}  // namespace cnnc
