// Layers that map every element by a function of it alone, and the gradients of such functions.
//
// A function is a struct with static members:
//   name, doc     of the layer; the gradient's op is called name + "Grad"
//   traits        beside kElementwise
//   attrs()       its attributes
//   value         the function of x, as an expression and in double
//   from_output   whether the slope is a function of y = value(x), so that x need not be kept
//   gradient      `upstream` times the slope at x, or y
#pragma once
#include "compiler/ops/exprs.h"
#include "compiler/ops/math_exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

using ExprOfOne = Halide::Expr (*)(const Attrs&, const Halide::Expr&);
using ExprOfTwo = Halide::Expr (*)(const Attrs&, const Halide::Expr&, const Halide::Expr&);
using DoubleOfOne = double (*)(const Attrs&, double);
using DoubleOfTwo = double (*)(const Attrs&, double, double);

[[nodiscard]] Result<std::vector<Type>> infer_unary(InferArgs& args);
void lower_unary(Lowering& lowering, ExprOfOne value);
void reference_unary(ReferenceArgs& args, DoubleOfOne value);
[[nodiscard]] std::vector<ValueId> unary_gradient(GradientArgs& args, bool from_output);

[[nodiscard]] Result<std::vector<Type>> infer_unary_grad(InferArgs& args);
void lower_unary_grad(Lowering& lowering, ExprOfTwo gradient);
void reference_unary_grad(ReferenceArgs& args, DoubleOfTwo gradient);

// Records without functions.
[[nodiscard]] OpDef unary_op(std::string name, std::string doc, std::vector<AttrSpec> attrs,
                             uint32_t traits);
[[nodiscard]] OpDef unary_grad_op(const std::string& name, std::vector<AttrSpec> attrs,
                                  bool from_output);

// For functions without a gradient.
template <class Function>
[[nodiscard]] OpDef function_op() noexcept {
  OpDef op = unary_op(Function::name, Function::doc, Function::attrs(), Function::traits);
  op.lower = [](Lowering& lowering) { lower_unary(lowering, Function::value); };
  op.reference = [](ReferenceArgs& args) { reference_unary(args, Function::value); };
  return op;
}

template <class Function>
[[nodiscard]] OpDef activation_op() noexcept {
  OpDef op = function_op<Function>();
  op.gradient = [](GradientArgs& args) { return unary_gradient(args, Function::from_output); };
  return op;
}

template <class Function>
[[nodiscard]] OpDef activation_grad_op() noexcept {
  OpDef op = unary_grad_op(Function::name, Function::attrs(), Function::from_output);
  op.lower = [](Lowering& lowering) { lower_unary_grad(lowering, Function::gradient); };
  op.reference = [](ReferenceArgs& args) { reference_unary_grad(args, Function::gradient); };
  return op;
}

}  // namespace cnnc
