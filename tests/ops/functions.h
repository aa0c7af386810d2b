// What the tests of elementwise functions share.
#pragma once
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {

// Numbers of all sizes, some of them special, as floats.
inline std::vector<double> many_numbers() {
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<double> result = {std::numeric_limits<double>::quiet_NaN(),
                                inf,
                                -inf,
                                0,
                                -0.0,
                                1,
                                -1,
                                3,
                                -3,
                                6,
                                0.5,
                                -0.5,
                                20,
                                -20,
                                88,
                                -88,
                                100,
                                -100,
                                1e4,
                                -1e4,
                                1e30,
                                -1e30,
                                3e38,
                                -3e38,
                                1e-6,
                                -1e-6,
                                1e-30,
                                -1e-30};
  for (int i = 0; i < 401; ++i) result.push_back((i - 200) * 0.0503);
  for (double& x : result) x = static_cast<double>(static_cast<float>(x));
  return result;
}

// Checks that both agree: floats, and within `tolerance` times the larger of 1 and the magnitude.
inline void check_floats(const std::vector<double>& at, const ReferenceTensor& found,
                         ReferenceTensor wanted, double tolerance) {
  REQUIRE(found.data.size() == wanted.data.size());
  for (size_t i = 0; i < wanted.data.size(); ++i) {
    const auto b = static_cast<double>(static_cast<float>(wanted.data[i]));
    const double a = found.data[i];
    const bool same = a == b || (std::isnan(a) && std::isnan(b)) ||
                      std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
    if (same) continue;
    INFO("at " << at[i]);
    CHECK(a == b);
  }
}

// Checks compiled code of an op of one input at these numbers, in vectors and their rests.
inline ReferenceTensor check_function_at(const std::vector<double>& numbers, const std::string& op,
                                         const Attrs& attrs, double tolerance) {
  INFO(op);
  CompileOptions options;
  options.vector = 8;
  const auto count = static_cast<int64_t>(numbers.size());
  const ReferenceTensor x = tensor({count}, numbers);
  const ReferenceTensor wanted = run_reference(op, attrs, {x})[0];
  check_floats(numbers, run_compiled(op, attrs, {x}, options)[0], wanted, tolerance);
  return wanted;
}

enum class From { input, output };

// Checks an activation and its gradient: types, values, finite differences.
inline void check_activation(const std::string& op, const Attrs& attrs, From from,
                             double tolerance = 1e-6) {
  CHECK(outcome_of(op, attrs, {f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of(op, attrs, {f32({7})}) == "f32[7]");
  CHECK(outcome_of(op, attrs, {i32({7})}) == "the input must be f32, but is i32[7]");
  CHECK_THAT(outcome_of(op + "Grad", attrs, {f32({2, 3}), f32({3, 2})}),
             Catch::EndsWith("must be f32[2, 3], but is f32[3, 2]"));

  const std::vector<double> numbers = many_numbers();
  const ReferenceTensor y = check_function_at(numbers, op, attrs, tolerance);
  const auto count = static_cast<int64_t>(numbers.size());
  ReferenceTensor at = from == From::input ? tensor({count}, numbers) : y;
  for (double& value : at.data) value = static_cast<double>(static_cast<float>(value));
  std::mt19937 random(5);
  const ReferenceTensor g = random_tensor({count}, random);
  CompileOptions options;
  options.vector = 8;
  INFO(op << "Grad");
  check_floats(at.data, run_compiled(op + "Grad", attrs, {g, at}, options)[0],
               run_reference(op + "Grad", attrs, {g, at})[0], tolerance);

  // Apart from whole and half numbers, where functions may have a kink.
  ReferenceTensor x = spread_tensor({4, 2, 3, 2}, random);
  for (double& value : x.data) value *= 8;
  check_gradient(op, attrs, {x});
  check_gradient(op, attrs, {spread_tensor({3, 5}, random)});
}

}  // namespace cnnc
