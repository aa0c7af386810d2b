// MatMul.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("MatMul infers its output as torch.matmul does", "[mat_mul]") {
  const auto outcome = [](const Shape& a, const Shape& b) {
    return outcome_of("MatMul", {}, {f32(a), f32(b)});
  };
  CHECK(outcome({2, 3}, {3, 4}) == "f32[2, 4]");
  CHECK(outcome({3}, {3, 4}) == "f32[4]");
  CHECK(outcome({2, 3}, {3}) == "f32[2]");
  CHECK(outcome({3}, {3}) == "f32[1]");
  CHECK(outcome({5, 2, 3}, {3}) == "f32[5, 2]");
  CHECK(outcome({3}, {5, 3, 4}) == "f32[5, 4]");
  CHECK(outcome({5, 2, 3}, {3, 4}) == "f32[5, 2, 4]");
  CHECK(outcome({5, 1, 2, 3}, {6, 3, 4}) == "f32[5, 6, 2, 4]");
  CHECK(outcome({2, 1, 5, 1, 2, 3}, {2, 4, 1, 6, 3, 4}) == "f32[2, 4, 5, 6, 2, 4]");
}

TEST_CASE("MatMul says what is wrong", "[mat_mul]") {
  CHECK(outcome_of("MatMul", {}, {f32({2, 3}), f32({4, 3})}) ==
        "cannot multiply [2, 3] by [4, 3]: rows have 3 elements, columns 4");
  CHECK(outcome_of("MatMul", {}, {f32({5, 2, 3}), f32({4, 3, 4})}) ==
        "cannot multiply [5, 2, 3] by [4, 3, 4]: batches of 5 and 4 matrices");
  CHECK(outcome_of("MatMul", {}, {f32({5, 2, 3})}) ==
        "needs an input \"second input\" of 1 to 6 dimensions");
}

TEST_CASE("MatMul of known values", "[mat_mul]") {
  CHECK(run_compiled("MatMul", {},
                     {tensor({2, 2}, {1, 2, 3, 4}), tensor({2, 3}, {1, 2, 3, 10, 20, 30})})[0]
            .data == std::vector<double>{21, 42, 63, 43, 86, 129});
  CHECK(run_compiled("MatMul", {}, {tensor({2}, {1, 2}), tensor({2}, {3, 4})})[0].data ==
        std::vector<double>{11});
}

TEST_CASE("MatMul and its gradients compute what its reference computes", "[mat_mul][gradient]") {
  const std::vector<std::pair<Shape, Shape>> cases = {
      {{3}, {3}},
      {{3}, {3, 4}},
      {{2, 3}, {3}},
      {{4, 5}, {5, 3}},
      {{2, 4, 3}, {3, 2}},
      {{3}, {2, 3, 2}},
      {{2, 3, 2}, {2, 2, 3}},
      {{2, 2, 2, 3}, {2, 2, 3, 2}},
      {{1, 8, 2, 3}, {1, 8, 3, 2}},
      {{2, 1, 2, 3}, {3, 3, 2}},
      {{2, 3, 2, 3}, {3, 2}},
      {{2, 1, 2, 2, 2}, {1, 3, 1, 2, 2}},
      {{1, 2, 1, 2, 2, 3}, {2, 1, 2, 1, 3, 1}},
  };
  Lowerings lowerings;
  for (size_t i = 0; i < cases.size(); ++i) {
    INFO(to_string(cases[i].first) << " by " << to_string(cases[i].second) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const std::vector<Operand> operands = {random_tensor(cases[i].first, random),
                                           random_tensor(cases[i].second, random)};
    lowerings.add("MatMul", {}, operands);
    check_gradient("MatMul", {}, operands);
  }
  lowerings.check();
}

}  // namespace cnnc
