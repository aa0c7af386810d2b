// Mean, Sum, Amax, Amin, Prod, LogSumExp, ReduceL1, ReduceL2, ReduceLogSum, ReduceSumSquare,
// GlobalAvgPool, GlobalMaxPool, ReduceGrad.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

constexpr const char* kOps[] = {
    "Mean",      "Sum",      "Amax",     "Amin",         "Prod",
    "LogSumExp", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceSumSquare"};

Attrs along(std::vector<int64_t> dims, bool keepdim = false) {
  return attrs_of({{"dim", std::move(dims)}, {"keepdim", keepdim}});
}

// Without small numbers; positive where a logarithm wants it.
ReferenceTensor operand(const std::string& op, const Shape& shape, std::mt19937& random) {
  ReferenceTensor x = spread_tensor(shape, random);
  for (double& value : x.data) {
    if (op == "ReduceLogSum") value = std::abs(value);
    if (op == "Prod") value = 1 + value / 8;
  }
  return x;
}

}  // namespace

TEST_CASE("Reductions infer their output and say what is wrong", "[reduce]") {
  const Type image = f32({2, 3, 4, 5});
  CHECK(outcome_of("Mean", along({2, 3}), {image}) == "f32[2, 3]");
  CHECK(outcome_of("Mean", along({-1, -2}, true), {image}) == "f32[2, 3, 1, 1]");
  CHECK(outcome_of("Sum", along({1}), {image}) == "f32[2, 4, 5]");
  CHECK(outcome_of("Sum", {}, {image}) == "f32[2]");
  CHECK(outcome_of("Amax", along({0, 1, 2, 3}), {image}) == "f32[1]");
  CHECK(outcome_of("Amax", along({4}), {image}) ==
        "dim is 4, but the input [2, 3, 4, 5] has 4 dimensions");
  CHECK(outcome_of("Amax", along({1, -3}), {image}) == "dim has the dimension 1 twice");
  CHECK(outcome_of("GlobalAvgPool", {}, {image}) == "f32[2, 3, 1, 1]");
  CHECK(outcome_of("GlobalMaxPool", {}, {f32({2, 3, 7})}) == "f32[2, 3, 1]");
  CHECK(outcome_of("GlobalMaxPool", {}, {f32({2, 3})}) ==
        "the input must be [N, C, L], [N, C, H, W] or the like, but is [2, 3]");
}

TEST_CASE("Reductions compute what their references compute", "[reduce]") {
  std::mt19937 random(1);
  for (const char* op : kOps) {
    Lowerings lowerings;
    for (const auto& [shape, dims] : {std::pair{Shape{3, 4, 5, 2}, std::vector<int64_t>{2, 3}},
                                      {Shape{3, 4, 5, 2}, {1}},
                                      {Shape{3, 4, 5, 2}, {0, 2}},
                                      {Shape{3, 4, 5}, {2}},
                                      {Shape{6, 7}, {1}},
                                      {Shape{6}, {0}},
                                      {Shape{2, 3, 2, 3, 2}, {1, 3}}}) {
      for (bool keepdim : {false, true}) {
        lowerings.add(op, along(dims, keepdim), {operand(op, shape, random)});
      }
    }
    INFO("seed 1");
    lowerings.check();
  }
  check_lowering("GlobalAvgPool", {}, {random_tensor({2, 3, 4, 5}, random)});
  check_lowering("GlobalMaxPool", {}, {random_tensor({2, 3, 4, 5}, random)});
}

TEST_CASE("Gradients of reductions compute what their references compute", "[reduce]") {
  std::mt19937 random(3);
  const char* kinds[] = {"mean",        "sum", "max", "min",     "prod",
                         "log_sum_exp", "l1",  "l2",  "log_sum", "sum_square"};
  Lowerings lowerings;
  for (size_t i = 0; i < std::size(kinds); ++i) {
    for (bool keepdim : {false, true}) {
      Attrs attrs = along({1, 3}, keepdim);
      const ReferenceTensor x = operand(kOps[i], {3, 2, 4, 3}, random);
      const ReferenceTensor y = run_reference(kOps[i], attrs, {x})[0];
      attrs.set("kind", std::string(kinds[i]));
      lowerings.add("ReduceGrad", attrs, {x, random_tensor(y.shape, random), y});
    }
  }
  INFO("seed 3");
  lowerings.check();
}

TEST_CASE("Reductions propagate NaN and infinities as PyTorch does", "[reduce]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinity = std::numeric_limits<double>::infinity();
  for (const char* op : kOps) {
    INFO(op);
    const std::vector<double> found =
        run_compiled(op, along({1}), {tensor({2, 3}, {1, nan, 2, 1, 2, 3})})[0].data;
    CHECK(std::isnan(found[0]));
    CHECK(std::isfinite(found[1]));
  }
  const auto log_sum_exp = [](std::vector<double> x) {
    const auto count = static_cast<int64_t>(x.size());
    return run_compiled("LogSumExp", along({1}), {tensor({1, count}, std::move(x))})[0].data[0];
  };
  CHECK(log_sum_exp({1000, 1000}) == Approx(1000 + std::log(2.0)));
  CHECK(log_sum_exp({-infinity, -infinity}) == -infinity);
  CHECK(log_sum_exp({infinity, 1}) == infinity);
}

TEST_CASE("The gradient of a product takes zeros as they come", "[reduce]") {
  const auto gradient = [](std::vector<double> x) {
    const ReferenceTensor in = tensor({1, 3}, std::move(x));
    Attrs attrs = along({1});
    const ReferenceTensor y = run_reference("Prod", attrs, {in})[0];
    attrs.set("kind", std::string("prod"));
    return run_compiled("ReduceGrad", attrs, {in, tensor({1}, {2}), y})[0].data;
  };
  CHECK(gradient({2, 3, 4}) == std::vector<double>{24, 16, 12});
  CHECK(gradient({2, 0, 4}) == std::vector<double>{0, 16, 0});
  CHECK(gradient({0, 0, 4}) == std::vector<double>{0, 0, 0});
}

TEST_CASE("The gradient of a maximum is shared by those that equal it", "[reduce]") {
  Attrs attrs = along({1});
  attrs.set("kind", std::string("max"));
  CHECK(run_compiled("ReduceGrad", attrs,
                     {tensor({1, 4}, {5, 1, 5, 2}), tensor({1}, {3}), tensor({1}, {5})})[0]
            .data == std::vector<double>{1.5, 0, 1.5, 0});
}

TEST_CASE("The gradient rules of reductions agree with finite differences", "[reduce][gradient]") {
  std::mt19937 random(2);
  for (const char* op : kOps) {
    for (bool keepdim : {false, true}) {
      INFO(op << (keepdim ? ", kept" : "") << ", seed 2");
      check_gradient(op, along({1, 3}, keepdim), {operand(op, {2, 3, 2, 3}, random)});
    }
  }
  check_gradient("GlobalAvgPool", {}, {random_tensor({2, 3, 2, 2}, random)});
  check_gradient("GlobalMaxPool", {}, {spread_tensor({2, 3, 2, 2}, random)});
}

}  // namespace cnnc
