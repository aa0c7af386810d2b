// ConvTranspose2d.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

struct Case {
  int64_t batch, in, height, width, out;
  Shape kernel, stride;
  std::vector<int64_t> padding;  // top, left, bottom, right
  Shape output_padding, dilation;
  int64_t groups = 1;
  bool bias = true;
};

std::string describe(const Case& c) {
  return "batch " + std::to_string(c.batch) + ", " + std::to_string(c.in) + " to " +
         std::to_string(c.out) + " channels, " + to_string(Shape{c.height, c.width}) + ", kernel " +
         to_string(c.kernel) + ", stride " + to_string(c.stride) + ", padding " +
         to_string(c.padding) + ", output padding " + to_string(c.output_padding) + ", dilation " +
         to_string(c.dilation) + ", groups " + std::to_string(c.groups);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {1, 1, 1, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, {0, 0}, {1, 1}},
      {2, 3, 5, 4, 2, {2, 2}, {2, 2}, {0, 0, 0, 0}, {0, 0}, {1, 1}},
      {1, 3, 5, 4, 2, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {1, 1}},
      {1, 3, 5, 4, 2, {4, 4}, {2, 2}, {1, 1, 1, 1}, {0, 0}, {1, 1}, 1, false},
      {2, 2, 4, 6, 3, {3, 3}, {1, 1}, {1, 1, 1, 1}, {0, 0}, {1, 1}},
      {1, 2, 4, 3, 3, {3, 2}, {3, 1}, {0, 1, 2, 0}, {2, 0}, {1, 1}},  // asymmetric
      {1, 2, 4, 3, 3, {2, 3}, {1, 2}, {0, 1, 1, 2}, {1, 2}, {2, 3}},  // more than the stride
      {1, 2, 4, 3, 3, {1, 1}, {3, 2}, {0, 0, 0, 0}, {1, 1}, {1, 1}},  // gaps
      {2, 4, 3, 5, 6, {3, 3}, {2, 2}, {1, 1, 1, 1}, {0, 1}, {1, 1}, 2},
      {1, 6, 4, 4, 6, {4, 4}, {2, 2}, {1, 1, 1, 1}, {0, 0}, {1, 1}, 6},
      {1, 1, 1, 3, 2, {3, 3}, {2, 2}, {0, 0, 0, 0}, {0, 0}, {1, 1}},
      {1, 1, 2, 2, 2, {2, 2}, {2, 2}, {1, 1, 1, 1}, {0, 0}, {1, 1}},  // nothing but the middle
      {1, 2, 3, 3, 2, {5, 5}, {3, 3}, {2, 2, 2, 2}, {1, 2}, {1, 1}},
  };
  return list;
}

Attrs layer_attrs(const Case& c) {
  return attrs_of({{"out_channels", c.out},
                   {"kernel_size", c.kernel},
                   {"stride", c.stride},
                   {"padding", c.padding},
                   {"output_padding", c.output_padding},
                   {"dilation", c.dilation},
                   {"groups", c.groups},
                   {"bias", c.bias}});
}

std::vector<Operand> operands(const Case& c, std::mt19937& random) {
  std::vector<Operand> inputs = {
      random_tensor({c.batch, c.in, c.height, c.width}, random),
      random_tensor({c.in, c.out / c.groups, c.kernel[0], c.kernel[1]}, random)};
  inputs.emplace_back(c.bias ? random_tensor({c.out}, random) : absent());
  return inputs;
}

Attrs with(const std::vector<std::pair<std::string, AttrValue>>& more) {
  Attrs attrs = attrs_of({{"out_channels", number(8)}, {"kernel_size", pair(3, 3)}});
  for (const auto& [name, value] : more) attrs.set(name, value);
  return attrs;
}

}  // namespace

TEST_CASE("ConvTranspose2d infers its output as PyTorch does", "[conv_transpose2d]") {
  const std::vector<Type> in = {f32({64, 4, 14, 15})};
  CHECK(outcome_of("ConvTranspose2d", with({}), in) == "f32[64, 8, 16, 17]");
  CHECK(outcome_of("ConvTranspose2d", with({{"stride", pair(2, 3)}}), in) == "f32[64, 8, 29, 45]");
  CHECK(outcome_of("ConvTranspose2d",
                   with({{"stride", pair(2, 2)},
                         {"padding", Shape{1, 1, 1, 1}},
                         {"output_padding", pair(1, 0)}}),
                   in) == "f32[64, 8, 28, 29]");
  CHECK(outcome_of("ConvTranspose2d", with({{"padding", Shape{0, 1, 2, 3}}}), in) ==
        "f32[64, 8, 14, 13]");
  CHECK(outcome_of("ConvTranspose2d",
                   with({{"dilation", pair(4, 2)}, {"output_padding", pair(3, 1)}}),
                   in) == "f32[64, 8, 25, 20]");
  CHECK(inferred("ConvTranspose2d", with({}), in).integer("in_channels") == 4);
}

TEST_CASE("ConvTranspose2d says what is wrong", "[conv_transpose2d]") {
  const std::vector<Type> in = {f32({1, 4, 2, 2})};
  CHECK(outcome_of("ConvTranspose2d", with({}), {f32({4, 8})}) ==
        "the input must be [N, C, H, W], but is [4, 8]");
  CHECK(outcome_of("ConvTranspose2d", with({{"in_channels", number(3)}}), in) ==
        "in_channels is 3, but the input [1, 4, 2, 2] has 4 channels");
  CHECK(outcome_of("ConvTranspose2d", with({{"groups", number(3)}}), in) ==
        "in_channels (4) must be a multiple of groups (3); "
        "out_channels (8) must be a multiple of groups (3)");
  CHECK(outcome_of("ConvTranspose2d",
                   with({{"stride", pair(2, 1)}, {"output_padding", pair(1, 1)}}), in) ==
        "output_padding is [1, 1], but must be smaller than stride [2, 1] or dilation [1, 1]");
  CHECK(outcome_of("ConvTranspose2d", with({{"padding", Shape{2, 2, 2, 1}}}), in) ==
        "padding [2, 2, 2, 1] leaves nothing of the output: [0, 1]");
  CHECK(outcome_of("ConvTranspose2d", with({{"out_channels", number(2147483647)}}), in) ==
        "the weight [4, 2147483647, 3, 3] is too large");
}

TEST_CASE("ConvTranspose2d has PyTorch's parameters", "[conv_transpose2d]") {
  Graph graph;
  const ValueId in = graph.add_input("x", f32({2, 4, 9, 9}));
  REQUIRE(
      graph.try_add(*find_op("ConvTranspose2d"), "up", with({{"groups", number(2)}}), {in}).ok());
  const Value& weight = graph.values[graph.nodes[0].inputs[1]];
  const Value& bias = graph.values[graph.nodes[0].inputs[2]];
  CHECK(weight.type == f32({4, 4, 3, 3}));
  CHECK(weight.init.fan_in == 36);  // of the second dimension
  CHECK(weight.init.kaiming);
  CHECK(bias.type == f32({8}));
  CHECK(bias.init.bound == Approx(1 / std::sqrt(36.0)));
  const Type out = graph.type(graph.nodes[0].outputs[0]);
  CHECK(find_op("ConvTranspose2d")
            ->flops(graph.nodes[0].attrs, graph.types(graph.nodes[0].inputs), {out}) ==
        2 * 2 * 4 * 9 * 9 * 4 * 9);
}

TEST_CASE("ConvTranspose2d of known values", "[conv_transpose2d]") {
  // Each input adds its multiple of the kernel, two columns apart; one column is left out at the
  // start, one more comes at the end.
  const Attrs attrs = attrs_of({{"out_channels", number(1)},
                                {"kernel_size", pair(1, 3)},
                                {"stride", pair(1, 2)},
                                {"padding", Shape{0, 1, 0, 0}},
                                {"output_padding", pair(0, 1)}});
  CHECK(run_compiled("ConvTranspose2d", attrs,
                     {tensor({1, 1, 1, 3}, {1, 2, 3}), tensor({1, 1, 1, 3}, {1, 10, 100}),
                      tensor({1}, {0.5})})[0]
            .data == std::vector<double>{10.5, 102.5, 20.5, 203.5, 30.5, 300.5, 0.5});
}

TEST_CASE("ConvTranspose2d computes what its reference computes", "[conv_transpose2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_lowering("ConvTranspose2d", layer_attrs(c), operands(c, random));
  }
}

TEST_CASE("ConvTranspose2d's gradient rule agrees with finite differences",
          "[conv_transpose2d][gradient]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_gradient("ConvTranspose2d", layer_attrs(c), operands(c, random));
  }
}

}  // namespace cnnc
