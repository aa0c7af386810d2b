// SumTo.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs to(const Shape& shape) { return attrs_of({{"shape", shape}}); }

}  // namespace

TEST_CASE("SumTo infers its output and says what is wrong", "[sum_to]") {
  CHECK(outcome_of("SumTo", to({3, 1, 1}), {f32({2, 3, 4, 5})}) == "f32[3, 1, 1]");
  CHECK(outcome_of("SumTo", to({2}), {f32({2, 3})}) == "cannot sum [2, 3] to [2]");
  CHECK(outcome_of("SumTo", to({1, 2, 3}), {f32({2, 3})}) == "cannot sum [2, 3] to [1, 2, 3]");
  CHECK(outcome_of("SumTo", to({1}), {f32({2, 3}), f32({4, 3})}) ==
        "the factor is [4, 3], but the gradient is [2, 3]");
}

TEST_CASE("SumTo computes what its reference computes", "[sum_to]") {
  std::mt19937 random(1);
  const Shape in = {8, 3, 5, 7};
  for (const Shape& out :
       {Shape{8, 3, 1, 1}, Shape{3, 1, 1}, Shape{1, 3, 1, 1}, Shape{8, 1, 5, 7}, Shape{1, 3, 5, 7},
        Shape{7}, Shape{1}, Shape{5, 1}, Shape{1, 1, 1, 1}, Shape{8, 3, 5, 7}}) {
    for (const int lanes : {1, 4}) {
      CompileOptions options;
      options.lanes = lanes;
      const ReferenceTensor g = random_tensor(in, random);
      check_lowering("SumTo", to(out), {g, absent()}, options);
      check_lowering("SumTo", to(out), {g, random_tensor({3, 5, 1}, random)}, options);
    }
  }
  CompileOptions lanes;
  lanes.lanes = 4;
  check_lowering("SumTo", to({3}), {random_tensor({5, 3}, random), absent()}, lanes);
  check_lowering("SumTo", to({2, 1, 3, 1, 2, 1}),
                 {random_tensor({2, 2, 3, 2, 2, 2}, random), absent()}, lanes);
}

}  // namespace cnnc
