// Pow and its gradients. Tested by tests/ops/power_test.cpp.
//
// The slopes are y * x^(y - 1), 0 where y is 0, and x^y * log(x), 0 where x is 0 and y is not
// negative.
#include <cmath>

#include "compiler/ops/broadcast.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

constexpr const char* kExponent = "exponent";

// Some exponents are usual, and are no powers for long.
Expr power(const Expr& x, const Expr& y) {
  const auto* number = y.as<Halide::Internal::FloatImm>();
  if (!number) return pow_of(x, y);
  if (number->value == 0) return 1.f;
  if (number->value == 1) return x;
  if (number->value == 2) return strict_mul(x, x);
  if (number->value == 3) return strict_mul(x, strict_mul(x, x));
  if (number->value == -1) return strict_div(1.f, x);
  if (number->value == -2) return strict_div(1.f, strict_mul(x, x));
  return pow_of(x, y);
}

std::vector<ValueId> gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  if (rule.wants(0)) {
    rule.set(0, rule.add("PowInputGrad", "share_input",
                         {rule.upstream(), rule.input(0), rule.input(1)}, rule.number()));
  }
  if (rule.wants(1)) {
    rule.set(1, rule.add("PowExponentGrad", "share_other",
                         {rule.upstream(), rule.input(0), rule.output(), rule.input(1)}));
  }
  return rule.result();
}

using OfExprs = Expr (*)(const std::vector<Expr>&);
using OfDoubles = double (*)(const std::vector<double>&);

void lower_operands(Lowering& lowering, OfExprs value) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  Func output("power_grad");
  output(vars) = value(operands_at(lowering, as_exprs(vars), kExponent));
  lowering.outputs = {output};
}

void reference_operands(ReferenceArgs& args, OfDoubles value) {
  std::vector<double>& out = args.outputs[0].data;
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = value(operands_at(args, static_cast<int64_t>(i), kExponent));
  }
}

// gradient, x, y
Expr of_input(const std::vector<Expr>& v) {
  const auto* number = v[2].as<Halide::Internal::FloatImm>();
  const Expr less = number ? Expr(static_cast<float>(number->value - 1)) : strict_sub(v[2], 1.f);
  const Expr slope = strict_mul(v[2], power(v[1], less));
  return Halide::select(strict_equal(v[2], 0.f), 0.f, strict_mul(v[0], slope));
}
double of_input(const std::vector<double>& v) {
  return v[2] == 0 ? 0 : v[0] * (v[2] * std::pow(v[1], v[2] - 1));
}

// gradient, x, x^y, y
Expr of_exponent(const std::vector<Expr>& v) {
  const Expr slope = strict_mul(v[2], log_of(v[1]));
  return Halide::select(strict_equal(v[1], 0.f) && at_most(0.f, v[3]), 0.f,
                        strict_mul(v[0], slope));
}
double of_exponent(const std::vector<double>& v) {
  return v[1] == 0 && v[3] >= 0 ? 0 : v[0] * (v[2] * std::log(v[1]));
}

OpDef make_pow() noexcept {
  OpDef op =
      binary_op("Pow", "x to the power of a number or of another tensor; broadcasts", kExponent);
  op.infer = [](InferArgs& args) { return infer_binary(args, kExponent); };
  op.lower = [](Lowering& lowering) { lower_binary(lowering, power, kExponent); };
  op.reference = [](ReferenceArgs& args) {
    reference_binary(args, [](double x, double y) { return std::pow(x, y); }, kExponent);
  };
  op.gradient = gradient;
  return op;
}

OpDef make_pow_grad(const char* name, const char* doc) noexcept {
  OpDef op = binary_op(name, doc, kExponent);
  op.role = OpRole::internal;
  op.traits = kElementwise;
  op.more_traits = nullptr;
  op.infer = [](InferArgs& args) { return infer_operands(args, kExponent); };
  return op;
}

OpDef make_input_grad() noexcept {
  OpDef op = make_pow_grad("PowInputGrad", "Gradient of Pow with respect to its input");
  op.inputs = {input("gradient"), input("input"), optional_input(kExponent)};
  op.lower = [](Lowering& lowering) { lower_operands(lowering, of_input); };
  op.reference = [](ReferenceArgs& args) { reference_operands(args, of_input); };
  return op;
}

OpDef make_exponent_grad() noexcept {
  OpDef op = make_pow_grad("PowExponentGrad", "Gradient of Pow with respect to its exponent");
  op.attrs = {};
  op.inputs = {input("gradient"), input("input"), input("output"), input(kExponent)};
  op.lower = [](Lowering& lowering) { lower_operands(lowering, of_exponent); };
  op.reference = [](ReferenceArgs& args) { reference_operands(args, of_exponent); };
  return op;
}

}  // namespace

extern const OpDef pow_layer = make_pow();
extern const OpDef pow_input_grad = make_input_grad();
extern const OpDef pow_exponent_grad = make_exponent_grad();

}  // namespace cnnc
