// GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, LayerNorm.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs groups(int64_t count) { return attrs_of({{"num_groups", count}}); }
Attrs last(std::vector<int64_t> shape) {
  return attrs_of({{"normalized_shape", std::move(shape)}});
}
Attrs affine(bool value) { return attrs_of({{"affine", value}}); }

struct Case {
  const char* op;
  Attrs attrs;
  Shape shape;
  Shape parameter;
};

std::vector<Case> cases() {
  return {
      {"GroupNorm", groups(2), {3, 6, 2, 3}, {6}},
      {"GroupNorm", groups(1), {2, 4, 3, 2}, {4}},
      {"GroupNorm", groups(3), {2, 3, 5}, {3}},
      {"GroupNorm", groups(2), {5, 8}, {8}},
      {"InstanceNorm1d", affine(true), {3, 2, 5}, {2}},
      {"InstanceNorm2d", affine(true), {3, 2, 4, 3}, {2}},
      {"InstanceNorm3d", affine(true), {2, 2, 2, 3, 2}, {2}},
      {"LayerNorm", last({7}), {4, 7}, {7}},
      {"LayerNorm", last({6}), {2, 3, 6}, {6}},
      {"LayerNorm", last({3, 2, 4}), {2, 3, 2, 4}, {3, 2, 4}},
      {"LayerNorm", last({2, 4}), {2, 3, 2, 4}, {2, 4}},
  };
}

}  // namespace

TEST_CASE("Norms of images infer their output and say what is wrong", "[group_norm]") {
  CHECK(outcome_of("GroupNorm", groups(3), {f32({2, 6, 4, 5})}) == "f32[2, 6, 4, 5]");
  CHECK(inferred("GroupNorm", groups(3), {f32({2, 6})}).integer("num_channels") == 6);
  CHECK(outcome_of("GroupNorm", groups(4), {f32({2, 6, 4, 5})}) ==
        "num_groups is 4, which does not divide the 6 channels of the input");
  CHECK(outcome_of("GroupNorm", groups(1), {f32({6})}) ==
        "the input must have channels, but is [6]");
  CHECK(outcome_of("InstanceNorm2d", {}, {f32({2, 6, 4})}) ==
        "the input must be [N, C, H, W], but is [2, 6, 4]");
  CHECK(
      outcome_of("InstanceNorm2d", attrs_of({{"num_features", number(5)}}), {f32({2, 6, 4, 4})}) ==
      "num_features is 5, but the input [2, 6, 4, 4] has 6 channels");
  CHECK(outcome_of("LayerNorm", last({4, 5}), {f32({2, 6, 4, 5})}) == "f32[2, 6, 4, 5]");
  CHECK(outcome_of("LayerNorm", last({4}), {f32({2, 6, 4, 5})}) ==
        "normalized_shape is [4], but must be the last dimensions of the input [2, 6, 4, 5], "
        "without the batch");
  CHECK(outcome_of("LayerNorm", last({2, 6}), {f32({2, 6})}) ==
        "normalized_shape is [2, 6], but must be the last dimensions of the input [2, 6], without "
        "the batch");
}

TEST_CASE("Norms of images have PyTorch's parameters", "[group_norm]") {
  const auto names = [](const char* name, Attrs attrs, const Type& input) {
    const OpDef& op = *find_op(name);
    set_defaults(attrs, op.attrs);
    std::string text;
    for (const ParameterSpec& spec : op.parameters(attrs, {input})) {
      text += spec.name + to_string(spec.shape) + " ";
    }
    return text;
  };
  CHECK(names("GroupNorm", groups(2), f32({2, 6, 4, 5})) == "weight[6] bias[6] ");
  CHECK(names("InstanceNorm2d", {}, f32({2, 6, 4, 5})).empty());
  CHECK(names("LayerNorm", last({4, 5}), f32({2, 6, 4, 5})) == "weight[4, 5] bias[4, 5] ");
  Attrs bare = last({5});
  bare.set("bias", false);
  CHECK(names("LayerNorm", bare, f32({2, 6, 4, 5})) == "weight[5] ");
}

TEST_CASE("Norms of images compute what their references compute", "[group_norm]") {
  std::mt19937 random(1);
  for (const Case& c : cases()) {
    INFO(c.op << " of " << to_string(c.shape) << ", seed 1");
    const ReferenceTensor x = random_tensor(c.shape, random);
    check_lowering(c.op, c.attrs,
                   {x, random_tensor(c.parameter, random), random_tensor(c.parameter, random)});
    check_lowering(c.op, c.attrs, {x, absent(), absent()});
  }
}

TEST_CASE("GroupNorm and LayerNorm give what PyTorch gives", "[group_norm]") {
  // torch.nn.functional.layer_norm([[1, 2, 6]], [3]): mean 3, variance 14 / 3.
  const double s = 1 / std::sqrt(14.0 / 3 + 1e-5);
  check_equal(run_reference("LayerNorm", last({3}), {tensor({1, 3}, {1, 2, 6})})[0],
              tensor({1, 3}, {-2 * s, -s, 3 * s}), 1e-12);
  // torch.nn.functional.group_norm([[1, 3, 10, 30]], 2): means 2 and 20, variances 1 and 100.
  const double a = 1 / std::sqrt(1 + 1e-5), b = 10 / std::sqrt(100 + 1e-5);
  check_equal(run_reference("GroupNorm", groups(2), {tensor({1, 4}, {1, 3, 10, 30})})[0],
              tensor({1, 4}, {-a, a, -b, b}), 1e-12);
}

TEST_CASE("The gradient rules of norms of images agree with finite differences",
          "[group_norm][gradient]") {
  std::mt19937 random(2);
  for (const Case& c : cases()) {
    INFO(c.op << " of " << to_string(c.shape) << ", seed 2");
    check_gradient(c.op, c.attrs,
                   {random_tensor(c.shape, random), random_tensor(c.parameter, random),
                    random_tensor(c.parameter, random)});
    check_gradient(c.op, c.attrs, {random_tensor(c.shape, random)});
  }
}

}  // namespace cnnc
