// Linear, LinearInputGrad, LinearWeightGrad.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

struct Case {
  int64_t batch, in, out;
  bool bias = true;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {1, 1, 1}, {1, 7, 3}, {5, 33, 4}, {16, 64, 10, false}, {3, 31, 1}, {2, 32, 5}, {4, 100, 9},
  };
  return list;
}

std::string describe(const Case& c) {
  return "batch " + std::to_string(c.batch) + ", " + std::to_string(c.in) + " to " +
         std::to_string(c.out);
}

Attrs with(int64_t out) { return attrs_of({{"out_features", out}}); }

}  // namespace

TEST_CASE("Linear infers its output", "[linear]") {
  CHECK(outcome_of("Linear", with(10), {f32({64, 512})}) == "f32[64, 10]");
  CHECK(inferred("Linear", with(10), {f32({64, 512})}).integer("in_features") == 512);
  CHECK(outcome_of("Linear", with(10), {f32({64, 3, 2, 512})}) == "f32[64, 3, 2, 10]");
}

TEST_CASE("Linear says what is wrong", "[linear]") {
  Attrs attrs = with(10);
  CHECK(outcome_of("Linear", attrs, {f32({64})}) ==
        "the input must be [N, ..., in_features], but is [64]");
  CHECK(outcome_of("Linear", attrs, {}) == "needs an input \"input\" of 1 to 6 dimensions");
  CHECK(outcome_of("Linear", attrs, {i32({64, 10})}) ==
        "the input must be f32, but is i32[64, 10]");
  CHECK(outcome_of("Linear", with(2000000), {f32({1, 2000})}) ==
        "the weight [2000000, 2000] is too large");
  attrs.set("in_features", number(3136));
  CHECK(outcome_of("Linear", attrs, {f32({64, 1024})}) ==
        "in_features is 3136, but the input [64, 1024] has 1024 features");
  CHECK(outcome_of("Linear", attrs, {f32({64, 64, 7, 7})}) ==
        "in_features is 3136, but the input [64, 64, 7, 7] has 7 features; a Flatten before it "
        "joins all but the batch");
}

TEST_CASE("Linear has PyTorch's parameters", "[linear]") {
  Graph graph;
  const ValueId in = graph.add_input("x", f32({2, 16}));
  REQUIRE(graph.try_add(*find_op("Linear"), "fc1", with(10), {in}).ok());
  const Value& weight = graph.values[graph.nodes[0].inputs[1]];
  CHECK(weight.name == "fc1.weight");
  CHECK(weight.type == f32({10, 16}));
  CHECK(weight.init.bound == Approx(0.25));
  CHECK(graph.values[graph.nodes[0].inputs[2]].type == f32({10}));
}

TEST_CASE("Linear and its gradients compute what their references compute", "[linear]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const ReferenceTensor input = random_tensor({c.batch, c.in}, random);
    const ReferenceTensor weight = random_tensor({c.out, c.in}, random);
    const ReferenceTensor upstream = random_tensor({c.batch, c.out}, random);
    const ReferenceTensor bias = c.bias ? random_tensor({c.out}, random) : absent();
    check_lowering("Linear", with(c.out), {input, weight, bias});
    check_lowering("LinearInputGrad", {}, {upstream, weight});
    for (int width : {1, 16, 32}) {
      CompileOptions options;
      options.pack_width = width;
      check_lowering("LinearWeightGrad", {}, {upstream, input}, options);
    }
  }
}

TEST_CASE("The gradient ops of Linear check their inputs", "[linear]") {
  CHECK(outcome_of("LinearInputGrad", {}, {f32({4, 10}), f32({10, 7})}) == "f32[4, 7]");
  CHECK(outcome_of("LinearInputGrad", {}, {f32({4, 9}), f32({10, 7})}) ==
        "the gradient must be f32[4, 10], but is f32[4, 9]");
  CHECK(outcome_of("LinearWeightGrad", {}, {f32({4, 10}), f32({4, 7})}) == "f32[10, 7]");
  CHECK(outcome_of("LinearWeightGrad", {}, {f32({3, 10}), f32({4, 7})}) ==
        "the gradient must be f32[4, 10], but is f32[3, 10]");
  CHECK(find_op("LinearWeightGrad")->flops({}, {f32({4, 10}), f32({4, 7})}, {f32({10, 7})}) == 560);
  CHECK(find_op("Linear")->flops({}, {f32({4, 7}), f32({10, 7})}, {f32({4, 10})}) == 560);
}

TEST_CASE("Linear takes the rows of any tensor", "[linear][gradient]") {
  std::mt19937 random(3);
  for (const Shape& shape : {Shape{2, 3, 4}, Shape{2, 1, 3, 4}, Shape{1, 2, 2, 1, 5}}) {
    INFO(to_string(shape));
    for (const bool bias : {true, false}) {
      const std::vector<Operand> inputs = {random_tensor(shape, random),
                                           random_tensor({3, shape.back()}, random),
                                           bias ? random_tensor({3}, random) : absent()};
      check_lowering("Linear", with(3), inputs);
      check_gradient("Linear", with(3), inputs);
    }
  }
}

TEST_CASE("Linear's gradient rule agrees with finite differences", "[linear][gradient]") {
  for (const Case& c : {Case{1, 1, 1}, Case{3, 5, 4}, Case{2, 7, 3, false}}) {
    INFO(describe(c));
    std::mt19937 random(7);
    check_gradient("Linear", with(c.out),
                   {random_tensor({c.batch, c.in}, random), random_tensor({c.out, c.in}, random),
                    c.bias ? random_tensor({c.out}, random) : absent()});
  }
}

}  // namespace cnnc
