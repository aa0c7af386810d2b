// Abs, Neg, Sign, Floor, Ceil, Round, Reciprocal, Sqrt, Exp, Log, Erf, Sin, Cos and their
// gradients.
#include "tests/ops/functions.h"

namespace cnnc {
namespace {

// Checks a function of positive numbers and its gradient.
void check_positive(const std::string& op, From from, double tolerance) {
  const std::vector<double> numbers = many_numbers();
  const auto count = static_cast<int64_t>(numbers.size());
  ReferenceTensor at = check_function_at(numbers, op, {}, tolerance);
  if (from == From::input) at = tensor({count}, numbers);
  for (double& value : at.data) value = static_cast<double>(static_cast<float>(value));
  std::mt19937 random(5);
  const ReferenceTensor g = random_tensor({count}, random);
  check_floats(at.data, run_compiled(op + "Grad", {}, {g, at})[0],
               run_reference(op + "Grad", {}, {g, at})[0], tolerance);
  ReferenceTensor x = spread_tensor({3, 5}, random);
  for (double& value : x.data) value += 2;
  check_gradient(op, {}, {x});
}

}  // namespace

TEST_CASE("functions of all numbers and their gradients", "[unary_math]") {
  check_activation("Abs", {}, From::input, 0);
  check_activation("Reciprocal", {}, From::output, 2e-7);
  check_activation("Exp", {}, From::output);
  check_activation("Erf", {}, From::input);
}

TEST_CASE("functions of positive numbers and their gradients", "[unary_math]") {
  check_positive("Sqrt", From::output, 2e-7);
  check_positive("Log", From::input, 2e-7);
}

TEST_CASE("Sin and Cos, up to large angles", "[unary_math]") {
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<double> numbers = {0, -0.0, 1e-30, inf, -inf, std::nan(""), 3.14159274, 1e4, -1e6};
  for (int i = 0; i < 1000; ++i) {
    numbers.push_back((i - 500) * 0.037);
    numbers.push_back(std::ldexp(1 + i / 1000.0, i % 30));
  }
  for (double& x : numbers) x = static_cast<double>(static_cast<float>(x));
  for (const char* op : {"Sin", "Cos"}) {
    check_function_at(numbers, op, {}, 3e-7);
    const auto count = static_cast<int64_t>(numbers.size());
    std::mt19937 random(5);
    const ReferenceTensor g = random_tensor({count}, random), x = tensor({count}, numbers);
    const std::string grad = std::string(op) + "Grad";
    check_floats(numbers, run_compiled(grad, {}, {g, x})[0], run_reference(grad, {}, {g, x})[0],
                 3e-7);
    check_gradient(op, {}, {random_tensor({3, 5}, random)});
  }
}

TEST_CASE("steps and Neg", "[unary_math]") {
  std::vector<double> numbers = many_numbers();
  for (const double x : {2.5, 3.5, -2.5, 0.49999997, 1.5, 8388607.5, 8388609.0, -0.2}) {
    numbers.push_back(x);
  }
  std::mt19937 random(6);
  for (const char* op : {"Floor", "Ceil", "Round", "Sign", "Neg"}) {
    check_function_at(numbers, op, {}, 0);
    CHECK(find_op(op)->gradient != nullptr);
  }
  check_gradient("Neg", {}, {random_tensor({2, 3}, random)});
}

}  // namespace cnnc
