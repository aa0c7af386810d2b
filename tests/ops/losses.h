// What the tests of losses share.
#pragma once
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "compiler/passes/passes.h"
#include "tests/ops/harness.h"

namespace cnnc {

inline Operand count_of(int64_t count) {
  return {tensor({1}, {static_cast<double>(count)}), DType::i32};
}

inline ReferenceTensor scaled(ReferenceTensor tensor, double factor) {
  for (double& value : tensor.data) value *= factor;
  return tensor;
}

// Checks the gradient with respect to input 0 alone: targets, which may be floats, have none.
inline void check_loss_gradient(const std::string& op, const Attrs& attrs,
                                const std::vector<Operand>& inputs) {
  constexpr double kStep = 1e-5;
  constexpr double kTolerance = 1e-6;
  INFO("gradient of " << op);
  Graph graph;
  GivenValues given;
  std::vector<ValueId> ids;
  for (const Operand& operand : inputs) {
    ids.push_back(graph.add_input("input", {operand.dtype, operand.value.shape}));
    given[ids.back()] = operand.value;
  }
  const ValueId loss = graph.add(op, "loss", attrs, ids)[0];
  const Gradients gradients = *differentiate(graph, loss, {ids[0]});
  REQUIRE(verify(gradients.graph).empty());
  REQUIRE(gradients.of[0] != kNoValue);
  const ReferenceTensor gradient = interpret(gradients.graph, given)[gradients.of[0]];
  REQUIRE(gradient.shape == inputs[0].value.shape);
  for (size_t i = 0; i < gradient.data.size(); ++i) {
    double sides[2];
    for (int side : {0, 1}) {
      GivenValues moved = given;
      moved[ids[0]].data[i] += side == 0 ? -kStep : kStep;
      sides[side] = interpret(graph, moved)[loss].data[0];
    }
    INFO("element " << i);
    REQUIRE(gradient.data[i] ==
            Approx((sides[1] - sides[0]) / (2 * kStep)).epsilon(0).margin(kTolerance));
  }
}

// Compiled code against the reference, and the gradient rule, of a loss of values.
inline void check_value_loss(const std::string& op, const Attrs& attrs) {
  std::mt19937 random(1);
  INFO("seed 1");
  for (const Shape& shape :
       {Shape{5, 3}, Shape{4, 3, 5}, Shape{4, 3, 3, 2}, Shape{3, 3, 2, 1, 2}}) {
    const Operand x = scaled(spread_tensor(shape, random), 2);
    const Operand t = random_tensor(shape, random);
    CompileOptions vectors;
    vectors.vector = 4;
    check_lowering(op, attrs, {x, t, count_of(3)});
    check_lowering(op + "Grad", attrs, {x, t, count_of(3)}, vectors);
    Attrs sum = attrs;
    sum.set("reduction", std::string("sum"));
    check_loss_gradient(op, attrs, {x, t});
    check_loss_gradient(op, sum, {x, t, count_of(2)});
  }
}

inline void check_value_loss_infer(const std::string& op) {
  CHECK(outcome_of(op, {}, {f32({8, 3}), f32({8, 3})}) == "f32[1]");
  CHECK(outcome_of(op + "Grad", {}, {f32({8, 3, 4, 4}), f32({8, 3, 4, 4}), i32({1})}) ==
        "f32[8, 3, 4, 4]");
  CHECK(outcome_of(op, {}, {f32({8, 3}), f32({8})}) ==
        "the target must be f32[8, 3], but is f32[8]");
  CHECK(outcome_of(op, {}, {f32({8, 3}), i32({8, 3})}) ==
        "the target must be f32[8, 3], but is i32[8, 3]");
  CHECK(outcome_of(op, {}, {f32({8, 3}), f32({8, 3}), f32({1})}) ==
        "the count must be i32[1], but is f32[1]");
}

// The loss and the gradient of [1, n] by compiled code.
inline double loss_of(const std::string& op, const Attrs& attrs, const std::vector<double>& x,
                      const std::vector<double>& t) {
  const Shape shape = {1, static_cast<int64_t>(x.size())};
  return run_compiled(op, attrs, {tensor(shape, x), tensor(shape, t)})[0].data[0];
}
inline std::vector<double> slopes_of(const std::string& op, const Attrs& attrs,
                                     const std::vector<double>& x, const std::vector<double>& t) {
  const Shape shape = {1, static_cast<int64_t>(x.size())};
  Attrs sum = attrs;
  sum.set("reduction", std::string("sum"));
  CompileOptions vectors;
  vectors.vector = 4;
  return run_compiled(op + "Grad", sum, {tensor(shape, x), tensor(shape, t)}, vectors)[0].data;
}

}  // namespace cnnc
