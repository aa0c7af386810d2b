// Add, Sub, Mul, Div. Tested by tests/ops/arithmetic_test.cpp.
#include "compiler/ops/broadcast.h"

namespace cnnc {
namespace {

using Halide::Expr;

std::vector<ValueId> add_gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  for (const size_t index : {0, 1}) {
    if (rule.wants(index)) rule.set(index, rule.upstream());
  }
  return rule.result();
}

std::vector<ValueId> sub_gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  if (rule.wants(0)) rule.set(0, rule.upstream());
  if (rule.wants(1)) rule.set(1, rule.add("Neg", "negative", {rule.upstream()}));
  return rule.result();
}

std::vector<ValueId> mul_gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  for (const size_t index : {0, 1}) {
    if (!rule.wants(index)) continue;
    const ValueId other = rule.input(1 - index);
    if (other == kNoValue) {
      rule.set(index, rule.add("Mul", "grad_input", {rule.upstream(), kNoValue}, rule.number()));
    } else {
      rule.set(index, rule.upstream(), other);
    }
  }
  return rule.result();
}

// The slopes are 1 / b and -a / b / b.
std::vector<ValueId> div_gradient(GradientArgs& args) {
  BinaryGradient rule(args);
  if (!rule.wants(0) && !rule.wants(1)) return rule.result();
  const ValueId share = rule.add("Div", "share", {rule.upstream(), rule.input(1)}, rule.number());
  if (rule.wants(0)) rule.set(0, share);
  if (rule.wants(1)) {
    rule.set(1, rule.add("Neg", "negative", {share}), rule.output());
  }
  return rule.result();
}

template <class Function>
OpDef arithmetic(const char* name, const char* doc,
                 std::vector<ValueId> (*gradient)(GradientArgs&)) noexcept {
  OpDef op = binary_op(name, doc);
  op.lower = [](Lowering& lowering) {
    lower_binary(lowering, [](const Expr& a, const Expr& b) { return Function::of(a, b); });
  };
  op.reference = [](ReferenceArgs& args) {
    reference_binary(args, [](double a, double b) { return Function::of(a, b); });
  };
  op.gradient = gradient;
  return op;
}

struct Sum {
  template <class T>
  static T of(const T& a, const T& b) {
    return a + b;
  }
};
struct Difference {
  template <class T>
  static T of(const T& a, const T& b) {
    return a - b;
  }
};
struct Product {
  template <class T>
  static T of(const T& a, const T& b) {
    return a * b;
  }
};
struct Quotient {
  static Expr of(const Expr& a, const Expr& b) { return strict_div(a, b); }
  static double of(double a, double b) { return a / b; }
};

}  // namespace

extern const OpDef add = arithmetic<Sum>(
    "Add", "Sum of two tensors, such as a residual connection; broadcasts", add_gradient);
extern const OpDef sub =
    arithmetic<Difference>("Sub", "Difference of two tensors; broadcasts", sub_gradient);
extern const OpDef mul = arithmetic<Product>(
    "Mul", "Product of two tensors, such as a channel attention; broadcasts", mul_gradient);
extern const OpDef div_layer =
    arithmetic<Quotient>("Div", "Quotient of two tensors; broadcasts", div_gradient);

}  // namespace cnnc
