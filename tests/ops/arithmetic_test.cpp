// Add, Sub, Mul, Div.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

const std::vector<std::string> kOps = {"Add", "Sub", "Mul", "Div"};

struct Shapes {
  Shape input, other, output;
};

const std::vector<Shapes>& fitting() {
  static const std::vector<Shapes> list = {
      {{2, 3, 5, 7}, {2, 3, 5, 7}, {2, 3, 5, 7}},
      {{2, 3, 5, 7}, {2, 3, 1, 1}, {2, 3, 5, 7}},  // squeeze and excite
      {{2, 3, 5, 7}, {3, 1, 1}, {2, 3, 5, 7}},
      {{2, 3, 5, 7}, {1, 3, 1, 1}, {2, 3, 5, 7}},
      {{2, 3, 5, 7}, {2, 1, 5, 7}, {2, 3, 5, 7}},
      {{2, 1, 1, 1}, {2, 3, 5, 7}, {2, 3, 5, 7}},
      {{2, 3, 1, 4}, {5, 1}, {2, 3, 5, 4}},  // both are broadcast
      {{5, 3}, {3}, {5, 3}},
      {{5, 3}, {1}, {5, 3}},
      {{1}, {4, 3, 2}, {4, 3, 2}},
      {{7}, {7}, {7}},
      {{2, 3, 2, 1, 2}, {3, 1, 4, 1}, {2, 3, 2, 4, 2}},
      {{1, 2, 3, 2, 1, 2}, {2, 1, 1, 1, 2, 1}, {2, 2, 3, 2, 2, 2}},
  };
  return list;
}

// Random numbers that are no nearer to zero than a half.
ReferenceTensor divisors(const Shape& shape, std::mt19937& random) {
  ReferenceTensor result = random_tensor(shape, random);
  for (double& x : result.data) x += x < 0 ? -0.5 : 0.5;
  return result;
}

}  // namespace

TEST_CASE("arithmetic infers its output and says what is wrong", "[arithmetic]") {
  for (const std::string& op : kOps) {
    for (const Shapes& s : fitting()) {
      CHECK(outcome_of(op, {}, {f32(s.input), f32(s.other)}) == to_string(f32(s.output)));
      CHECK(outcome_of(op, {}, {f32(s.other), f32(s.input)}) == to_string(f32(s.output)));
    }
    CHECK(outcome_of(op, {}, {f32({2, 3, 4, 5}), f32({2, 4, 4, 5})}) ==
          "the inputs are [2, 3, 4, 5] and [2, 4, 4, 5]: counted from the last, their dimensions "
          "must be equal or 1");
    CHECK(outcome_of(op, {}, {f32({2, 3})}) == "needs a second input, or a number as other");
    const Attrs two = attrs_of({{"other", 2.0}});
    CHECK(outcome_of(op, two, {f32({2, 3})}) == "f32[2, 3]");
    CHECK(outcome_of(op, two, {f32({2, 3}), f32({2, 3})}) == "has two inputs, and other besides");
    CHECK(outcome_of(op, {}, {f32({2, 3}), i32({2, 3})}) ==
          "the other must be f32, but is i32[2, 3]");
  }
}

TEST_CASE("arithmetic computes what its references compute", "[arithmetic]") {
  std::mt19937 random(1);
  CompileOptions options;
  for (const std::string& op : kOps) {
    for (const Shapes& s : fitting()) {
      options.vector = options.vector == 0 ? 8 : 0;
      check_lowering(op, {}, {random_tensor(s.input, random), divisors(s.other, random)}, options);
    }
    check_lowering(op, attrs_of({{"other", -0.5}}), {random_tensor({2, 3, 5}, random), absent()});
  }
}

TEST_CASE("arithmetic's gradient rules agree with finite differences", "[arithmetic][gradient]") {
  std::mt19937 random(2);
  for (const std::string& op : kOps) {
    for (const Shapes& s : fitting()) {
      check_gradient(op, {}, {random_tensor(s.input, random), divisors(s.other, random)});
    }
    check_gradient(op, attrs_of({{"other", -0.5}}), {random_tensor({2, 3}, random), absent()});
  }
}

TEST_CASE("division by zero gives infinity or NaN", "[arithmetic]") {
  CompileOptions options;
  options.vector = 4;
  const ReferenceTensor a = tensor({6}, {1, -1, 0, 1, 3, 6}), b = tensor({6}, {0, 0, 0, -2, 4, 3});
  check_lowering("Div", {}, {a, b}, options, 0);
}

}  // namespace cnnc
