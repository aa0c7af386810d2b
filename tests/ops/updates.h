// Optimizers over several steps: compiled code, whose states are fed back, against plain loops of a
// test's own.
#pragma once
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tests/ops/harness.h"

namespace cnnc {

// One parameter of one element in double, with what its rule keeps.
using UpdateRule =
    std::function<void(double& parameter, std::vector<double>& states, double gradient, int step)>;

inline Operand step_of(int64_t step) {
  return {tensor({1}, {static_cast<double>(step)}), DType::i32};
}

// Inputs of an optimizer with `slots` slots for states: those given, then absent ones.
inline std::vector<Operand> update_inputs(const ReferenceTensor& parameter,
                                          const std::vector<ReferenceTensor>& states, size_t slots,
                                          const ReferenceTensor& gradient, double lr,
                                          int64_t step) {
  std::vector<Operand> inputs = {parameter};
  for (size_t k = 0; k < slots; ++k) {
    inputs.emplace_back(k < states.size() ? states[k] : absent());
  }
  inputs.emplace_back(gradient);
  inputs.emplace_back(tensor({1}, {static_cast<float>(lr)}));
  inputs.push_back(step_of(step));
  return inputs;
}

// Three steps with random gradients, from `initial` states: parameters and states of compiled code
// and of the reference are the rule's.
inline void check_steps(const std::string& op, const Attrs& attrs, size_t states, size_t slots,
                        double lr, const UpdateRule& rule, double initial = 0) {
  constexpr int kSteps = 3;
  INFO(op << ", seed 1");
  std::mt19937 random(1);
  const Shape shape = {3, 7};
  ReferenceTensor parameter = random_tensor(shape, random);
  std::vector<ReferenceTensor> kept(states, zeros(shape));
  std::vector<double> wanted = parameter.data;
  std::vector<std::vector<double>> wanted_states(wanted.size(),
                                                 std::vector<double>(states, initial));
  for (int step = 0; step < kSteps; ++step) {
    INFO("step " << step);
    const ReferenceTensor gradient = random_tensor(shape, random);
    const std::vector<Operand> inputs = update_inputs(parameter, kept, slots, gradient, lr, step);
    const std::vector<ReferenceTensor> found = run_compiled(op, attrs, inputs);
    const std::vector<ReferenceTensor> reference = run_reference(op, attrs, inputs);
    REQUIRE(found.size() == states + 1);
    for (size_t k = 0; k < found.size(); ++k) check_equal(found[k], reference[k], 1e-5);
    for (size_t i = 0; i < wanted.size(); ++i) {
      rule(wanted[i], wanted_states[i], gradient.data[i], step);
      REQUIRE(found[0].data[i] == Approx(wanted[i]).epsilon(2e-5).margin(2e-6));
      for (size_t k = 0; k < states; ++k) {
        REQUIRE(found[k + 1].data[i] == Approx(wanted_states[i][k]).epsilon(2e-5).margin(2e-6));
      }
    }
    parameter = found[0];
    for (size_t k = 0; k < states; ++k) kept[k] = found[k + 1];
  }
}

}  // namespace cnnc
