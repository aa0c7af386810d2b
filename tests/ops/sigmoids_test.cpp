// Sigmoid, LogSigmoid, SiLU, Tanh, Softplus, Mish and their gradients.
#include "tests/ops/functions.h"

namespace cnnc {

TEST_CASE("activations of exponentials and their gradients", "[sigmoids]") {
  check_activation("Sigmoid", {}, From::output);
  check_activation("LogSigmoid", {}, From::input);
  check_activation("SiLU", {}, From::input);
  check_activation("Tanh", {}, From::output);
  check_activation("Mish", {}, From::input);
  check_activation("Softplus", {}, From::input);
  check_activation("Softplus", attrs_of({{"beta", 0.5}, {"threshold", 3.0}}), From::input);
  check_activation("Softplus", attrs_of({{"beta", -2.0}}), From::input);
}

TEST_CASE("Softplus says what is wrong", "[sigmoids]") {
  CHECK(outcome_of("Softplus", attrs_of({{"beta", 0.0}}), {f32({2})}) == "beta must not be 0");
}

TEST_CASE("activations of exponentials give PyTorch's numbers", "[sigmoids]") {
  const auto value = [](const char* op, double x) {
    return run_compiled(op, {}, {tensor({1}, {x})})[0].data[0];
  };
  CHECK(value("Sigmoid", 2) == Approx(0.880797).epsilon(1e-6));
  CHECK(value("LogSigmoid", -3) == Approx(-3.048587).epsilon(1e-6));
  CHECK(value("SiLU", 1) == Approx(0.731059).epsilon(1e-6));
  CHECK(value("Tanh", -0.5) == Approx(-0.462117).epsilon(1e-6));
  CHECK(value("Softplus", 1) == Approx(1.313262).epsilon(1e-6));
  CHECK(value("Mish", 1) == Approx(0.865098).epsilon(1e-6));
}

}  // namespace cnnc
