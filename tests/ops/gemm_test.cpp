// Gemm.
#include <catch2/catch.hpp>

#include "compiler/passes/passes.h"
#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs with(bool trans_a, bool trans_b, double alpha, double beta) {
  return attrs_of({{"trans_a", trans_a}, {"trans_b", trans_b}, {"alpha", alpha}, {"beta", beta}});
}

}  // namespace

TEST_CASE("Gemm infers its output and says what is wrong", "[gemm]") {
  CHECK(outcome_of("Gemm", with(true, false, 1, 1), {f32({3, 2}), f32({3, 4}), f32({4})}) ==
        "f32[2, 4]");
  CHECK(outcome_of("Gemm", with(false, true, 1, 1), {f32({2, 3}), f32({4, 3})}) == "f32[2, 4]");
  CHECK(outcome_of("Gemm", {}, {f32({2, 3}), f32({4, 3})}) ==
        "cannot multiply [2, 3] by [4, 3]: rows have 3 elements, columns 4");
  CHECK(outcome_of("Gemm", {}, {f32({2, 3}), f32({3, 4}), f32({2})}) == "cannot add [2] to [2, 4]");
  CHECK(outcome_of("Gemm", {}, {f32({2, 3, 4}), f32({3, 4})}) ==
        "the first input must be [M, K], but is [2, 3, 4]");
}

TEST_CASE("Gemm of known values", "[gemm]") {
  CHECK(
      run_compiled("Gemm", with(false, false, 2, 0.5),
                   {tensor({1, 2}, {1, 2}), tensor({2, 2}, {3, 4, 5, 6}), tensor({1, 1}, {10})})[0]
          .data == std::vector<double>{31, 37});
}

TEST_CASE("Gemm and its gradients compute what its reference computes", "[gemm][gradient]") {
  const std::vector<Shape> addends = {{}, {4}, {1}, {1, 4}, {3, 1}, {3, 4}};
  Lowerings lowerings;
  for (size_t i = 0; i < addends.size(); ++i) {
    for (int form = 0; form < 4; ++form) {
      const bool ta = form % 2 == 1, tb = form / 2 == 1;
      INFO("with " << to_string(addends[i]) << ", form " << form << ", seed " << i);
      std::mt19937 random(static_cast<uint32_t>(i));
      std::vector<Operand> operands = {random_tensor(ta ? Shape{2, 3} : Shape{3, 2}, random),
                                       random_tensor(tb ? Shape{4, 2} : Shape{2, 4}, random)};
      operands.emplace_back(addends[i].empty() ? absent() : random_tensor(addends[i], random));
      const Attrs attrs = with(ta, tb, form == 0 ? 1 : 0.5, form == 1 ? 1 : -2);
      lowerings.add("Gemm", attrs, operands);
      if ((static_cast<int>(i) + form) % 4 == 0) check_gradient("Gemm", attrs, operands);
    }
  }
  lowerings.check();
}

TEST_CASE("Gemm by a parameter is a linear layer", "[gemm]") {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 3}));
  ParameterSpec weight{"weight", {4, 3}};
  const ValueId matrix = graph.add_parameter("weight", weight);
  ParameterSpec bias{"bias", {4}};
  const ValueId added = graph.add_parameter("bias", bias);
  graph.outputs = graph.add("Gemm", "fc", with(false, true, 1, 1), {x, matrix, added});
  graph = expand_layers(std::move(graph));
  REQUIRE(graph.nodes.size() == 1);
  CHECK(graph.nodes[0].op->name == "Linear");
}

}  // namespace cnnc
