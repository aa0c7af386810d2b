// Maximum, Minimum and their gradients. Tested by tests/ops/extremes_test.cpp.
//
// As in PyTorch, NaN of either operand is the result, the gradient flows to the operand that was
// taken, to both by halves where they are equal, and to both where one is NaN. The gradient's
// inputs are `own`, whose gradient it is before the sum over what it was broadcast to, and `other`.
#include <cmath>

#include "compiler/ops/broadcast.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

struct Greater {
  static constexpr const char* name = "Maximum";
  static Expr first(const Expr& a, const Expr& b) { return strict_less(b, a); }
  static bool first(double a, double b) { return a > b; }
};
struct Less {
  static constexpr const char* name = "Minimum";
  static Expr first(const Expr& a, const Expr& b) { return strict_less(a, b); }
  static bool first(double a, double b) { return a < b; }
};

template <class Order>
Expr chosen(const Expr& a, const Expr& b) {
  return Halide::select(strict_equal(b, b), Halide::select(Order::first(b, a), b, a), b);
}

template <class Order>
double chosen(double a, double b) {
  return std::isnan(b) || Order::first(b, a) ? b : a;
}

template <class Order>
std::vector<ValueId> gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  const std::string op = std::string(Order::name) + "Grad";
  for (const size_t index : {0, 1}) {
    if (!rule.wants(index)) continue;
    const char* name = index == 0 ? "share_input" : "share_other";
    rule.set(index, rule.add(op, name, {rule.upstream(), rule.input(index), rule.input(1 - index)},
                             rule.number()));
  }
  return rule.result();
}

template <class Order>
void lower_grad(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> v = operands_at(lowering, as_exprs(vars), "other");
  Func output("extreme_grad");
  output(vars) = Halide::select(Order::first(v[2], v[1]), 0.f, strict_equal(v[1], v[2]),
                                strict_mul(v[0], 0.5f), v[0]);
  lowering.outputs = {output};
}

template <class Order>
void reference_grad(ReferenceArgs& args) {
  std::vector<double>& out = args.outputs[0].data;
  for (size_t i = 0; i < out.size(); ++i) {
    const std::vector<double> v = operands_at(args, static_cast<int64_t>(i), "other");
    out[i] = Order::first(v[2], v[1]) ? 0 : v[1] == v[2] ? v[0] / 2 : v[0];
  }
}

template <class Order>
OpDef extreme(const char* doc) noexcept {
  OpDef op = binary_op(Order::name, doc);
  op.lower = [](Lowering& lowering) { lower_binary(lowering, chosen<Order>); };
  op.reference = [](ReferenceArgs& args) { reference_binary(args, chosen<Order>); };
  op.gradient = gradient<Order>;
  return op;
}

template <class Order>
OpDef extreme_grad() noexcept {
  OpDef op = binary_op(std::string(Order::name) + "Grad",
                       "Gradient of " + std::string(Order::name) + " with respect to an operand");
  op.role = OpRole::internal;
  op.inputs = {input("gradient"), input("own"), optional_input("other")};
  op.traits = kElementwise;
  op.more_traits = nullptr;
  op.infer = [](InferArgs& args) { return infer_operands(args, "other"); };
  op.lower = lower_grad<Order>;
  op.reference = reference_grad<Order>;
  return op;
}

}  // namespace

extern const OpDef maximum = extreme<Greater>("The greater of two tensors; broadcasts");
extern const OpDef maximum_grad = extreme_grad<Greater>();
extern const OpDef minimum = extreme<Less>("The lesser of two tensors; broadcasts");
extern const OpDef minimum_grad = extreme_grad<Less>();

}  // namespace cnnc
