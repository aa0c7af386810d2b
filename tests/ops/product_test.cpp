// Product.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs with(bool transpose_a, bool transpose_b, double scale = 1) {
  return attrs_of({{"transpose_a", transpose_a}, {"transpose_b", transpose_b}, {"scale", scale}});
}

struct Case {
  Shape batch_a, batch_b;
  int64_t m, k, j;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{}, {}, 1, 1, 1},
      {{}, {}, 3, 4, 5},
      {{2}, {2}, 3, 2, 4},
      {{1}, {3}, 2, 5, 3},
      {{3}, {1}, 2, 2, 2},
      {{2, 1}, {1, 3}, 2, 3, 1},
      {{2, 3}, {2, 3}, 1, 4, 2},
      {{2, 1, 2}, {2, 2, 2}, 2, 1, 3},
      {{2, 1, 1, 2}, {1, 2, 1, 2}, 2, 2, 2},
  };
  return list;
}

ReferenceTensor matrices(Shape shape, int64_t rows, int64_t columns, bool transposed,
                         std::mt19937& random) {
  shape.push_back(transposed ? columns : rows);
  shape.push_back(transposed ? rows : columns);
  return random_tensor(shape, random);
}

}  // namespace

TEST_CASE("Product infers its output and says what is wrong", "[product]") {
  CHECK(outcome_of("Product", {}, {f32({2, 3, 4}), f32({2, 4, 5})}) == "f32[2, 3, 5]");
  CHECK(outcome_of("Product", with(true, true), {f32({2, 4, 3}), f32({1, 5, 4})}) ==
        "f32[2, 3, 5]");
  Attrs summed;
  summed.set("batch", Shape{1});
  CHECK(outcome_of("Product", summed, {f32({2, 3, 4}), f32({2, 4, 5})}) == "f32[1, 3, 5]");
  CHECK(outcome_of("Product", {}, {f32({2, 3, 4}), f32({2, 3, 5})}) ==
        "cannot multiply [2, 3, 4] by [2, 3, 5]: 4 and 3 terms to sum");
  CHECK(outcome_of("Product", {}, {f32({2, 3, 4}), f32({3, 4, 5})}) ==
        "cannot multiply [2, 3, 4] by [3, 4, 5]: dimension 0 is neither the same nor 1");
  CHECK(outcome_of("Product", {}, {f32({2, 3, 4}), f32({4, 5})}) ==
        "cannot multiply [2, 3, 4] by [4, 5]");
  CHECK(find_op("Product")->flops(with(false, false), {f32({2, 3, 4}), f32({1, 4, 5})}, {}) == 240);
}

TEST_CASE("Product and its gradients compute what its reference computes", "[product][gradient]") {
  Lowerings lowerings;
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    for (int form = 0; form < 4; ++form) {
      const bool ta = form % 2 == 1, tb = form / 2 == 1;
      INFO("case and seed " << i << (ta ? ", first transposed" : "")
                            << (tb ? ", second transposed" : ""));
      std::mt19937 random(static_cast<uint32_t>(i));
      const std::vector<Operand> operands = {matrices(c.batch_a, c.m, c.k, ta, random),
                                             matrices(c.batch_b, c.k, c.j, tb, random)};
      const Attrs attrs = with(ta, tb, i % 2 == 0 ? 1 : -0.5);
      lowerings.add("Product", attrs, operands);
      check_gradient("Product", attrs, operands);
    }
  }
  lowerings.check();
}

TEST_CASE("Product sums what its output lacks", "[product][gradient]") {
  std::mt19937 random(1);
  const std::vector<Operand> operands = {random_tensor({2, 3, 2, 4}, random),
                                         random_tensor({2, 1, 4, 3}, random)};
  for (const Shape& batch : {Shape{2, 3}, Shape{1, 3}, Shape{2, 1}, Shape{1, 1}}) {
    INFO(to_string(batch));
    Attrs attrs;
    attrs.set("batch", batch);
    check_lowering("Product", attrs, operands);
  }
}

}  // namespace cnnc
