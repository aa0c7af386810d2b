// Standardize, StandardizeGrad.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs sets(int64_t first, int64_t groups) {
  return attrs_of({{"first", first}, {"groups", groups}});
}

}  // namespace

TEST_CASE("Standardize infers its output and says what is wrong", "[standardize]") {
  CHECK(outcome_of("Standardize", sets(2, 3), {f32({2, 6, 4})}) == "f32[2, 6, 4]");
  CHECK(outcome_of("Standardize", sets(2, 4), {f32({2, 6, 4})}) ==
        "groups is 4, but the input is [2, 6, 4]");
  CHECK(outcome_of("Standardize", sets(4, 0), {f32({2, 6, 4})}) ==
        "first is 4, but the input is [2, 6, 4]");
  CHECK(outcome_of("StandardizeGrad", sets(2, 0), {f32({2, 6, 4}), f32({2, 6, 4}), f32({5})}) ==
        "the weight is [5], but the input is [2, 6, 4]");
}

TEST_CASE("Standardize and its gradient compute what their references compute", "[standardize]") {
  std::mt19937 random(1);
  for (const auto& [first, groups, shape] :
       {std::tuple{2, 2, Shape{2, 4, 3, 2}}, std::tuple{2, 0, Shape{3, 2, 4}},
        std::tuple{1, 0, Shape{3, 5}}, std::tuple{3, 0, Shape{2, 3, 2, 4}}}) {
    INFO(to_string(shape) << ", first " << first << ", groups " << groups << ", seed 1");
    const Attrs attrs = sets(first, groups);
    const ReferenceTensor x = random_tensor(shape, random), up = random_tensor(shape, random);
    check_lowering("Standardize", attrs, {x});
    check_lowering("StandardizeGrad", attrs, {up, x, absent()}, {}, 1e-4);
    check_lowering("StandardizeGrad", attrs, {up, x, random_tensor({shape[1]}, random)}, {}, 1e-4);
  }
}

}  // namespace cnnc
