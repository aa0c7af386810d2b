// Pow and its gradients.
#include "tests/ops/functions.h"

namespace cnnc {
namespace {

Attrs exponent(double value) { return attrs_of({{"exponent", value}}); }

}  // namespace

TEST_CASE("Pow infers its output and says what is wrong", "[power]") {
  CHECK(outcome_of("Pow", {}, {f32({2, 3}), f32({3})}) == "f32[2, 3]");
  CHECK(outcome_of("Pow", exponent(2), {f32({2, 3})}) == "f32[2, 3]");
  CHECK(outcome_of("Pow", {}, {f32({2, 3})}) == "needs a second input, or a number as exponent");
}

TEST_CASE("Pow of all bases with some exponents", "[power]") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  std::vector<double> bases = many_numbers(), x, y;
  bases.resize(120);
  for (const double e : {0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 0.75, 2.5, -3.0, 17.0, 1e-30,
                         1e10, 16777217.0, inf, -inf, nan}) {
    for (const double base : bases) {
      x.push_back(base);
      y.push_back(static_cast<double>(static_cast<float>(e)));
    }
  }
  const auto count = static_cast<int64_t>(x.size());
  const ReferenceTensor a = tensor({count}, x), b = tensor({count}, y);
  CompileOptions options;
  options.vector = 8;
  check_floats(x, run_compiled("Pow", {}, {a, b}, options)[0], run_reference("Pow", {}, {a, b})[0],
               1e-6);
  for (const double e : {0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, 1.7}) {
    check_function_at(bases, "Pow", exponent(e), 1e-6);
  }
}

TEST_CASE("Pow's gradients", "[power][gradient]") {
  std::mt19937 random(3);
  ReferenceTensor x = random_tensor({2, 3, 4}, random);
  for (double& value : x.data) value = std::abs(value) + 0.5;
  check_gradient("Pow", {}, {x, random_tensor({3, 1}, random)});
  for (const double e : {2.0, 3.0, -1.0, 0.5, 0.0})
    check_gradient("Pow", exponent(e), {x, absent()});
  const ReferenceTensor y = run_reference("Pow", exponent(1.5), {x, absent()})[0];
  const ReferenceTensor g = random_tensor({2, 3, 4}, random);
  check_lowering("PowInputGrad", exponent(1.5), {g, x, absent()});
  check_lowering("PowExponentGrad", {}, {g, x, y, tensor({1}, {1.5})});
}

}  // namespace cnnc
