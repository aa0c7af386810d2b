// Conv3d, ConvTranspose3d.
#include <algorithm>
#include <catch2/catch.hpp>

#include "compiler/passes/passes.h"
#include "tests/ops/harness.h"

namespace cnnc {
namespace {

AttrValue three(int64_t depth, int64_t vertical, int64_t horizontal) {
  return Shape{depth, vertical, horizontal};
}

Attrs with(const std::vector<std::pair<std::string, AttrValue>>& more) {
  Attrs attrs = attrs_of({{"out_channels", number(8)}, {"kernel_size", three(3, 3, 3)}});
  for (const auto& [name, value] : more) attrs.set(name, value);
  return attrs;
}

std::string text_of(const Attrs& attrs) {
  std::string text;
  for (const auto& [name, value] : attrs.all()) text += name + " = " + to_string(value) + " ";
  return text;
}

struct Case {
  Shape input;
  Attrs attrs;
  std::vector<Operand> operands;
};

// A case for which both layers are possible.
Case random_case(bool transposed, std::mt19937& random) {
  const auto from = [&](int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random() % static_cast<uint32_t>(most - least + 1));
  };
  const int64_t groups = from(1, 2), in = groups * from(1, 2), out = groups * from(1, 2);
  Shape kernel, stride, dilation, before, after, more;
  Case c;
  c.input = {from(1, 2), in};
  for (int axis = 0; axis < 3; ++axis) {
    kernel.push_back(from(1, 3));
    stride.push_back(from(1, 2));
    dilation.push_back(from(1, 2));
    before.push_back(from(0, 1));
    after.push_back(from(0, 1));
    more.push_back(std::min(after.back(), from(0, std::max(stride.back(), dilation.back()) - 1)));
    c.input.push_back(from(2, 4) + before.back() + after.back() +
                      std::max<int64_t>(0, (kernel.back() - 1) * dilation.back() - 1));
  }
  before.insert(before.end(), after.begin(), after.end());
  const bool bias = from(0, 1) == 1;
  c.attrs = attrs_of({{"out_channels", out},
                      {"kernel_size", kernel},
                      {"stride", stride},
                      {"padding", before},
                      {"dilation", dilation},
                      {"groups", groups},
                      {"bias", bias}});
  if (transposed) c.attrs.set("output_padding", more);
  Shape weight = transposed ? Shape{in, out / groups} : Shape{out, in / groups};
  weight.insert(weight.end(), kernel.begin(), kernel.end());
  c.operands = {random_tensor(c.input, random), random_tensor(weight, random)};
  c.operands.emplace_back(bias ? random_tensor({out}, random) : absent());
  return c;
}

}  // namespace

TEST_CASE("Conv3d infers its output as PyTorch does", "[conv3d]") {
  const std::vector<Type> in = {f32({2, 4, 10, 20, 30})};
  CHECK(outcome_of("Conv3d", with({}), in) == "f32[2, 8, 8, 18, 28]");
  CHECK(outcome_of("Conv3d", with({{"stride", three(1, 2, 3)}}), in) == "f32[2, 8, 8, 9, 10]");
  CHECK(outcome_of("Conv3d", with({{"padding", Shape{1, 1, 1, 1, 1, 1}}}), in) ==
        "f32[2, 8, 10, 20, 30]");
  CHECK(inferred("Conv3d",
                 with({{"padding", std::string("same")}, {"kernel_size", three(2, 3, 4)}}), in)
            .integers("padding") == Shape{0, 1, 1, 1, 1, 2});
  CHECK(outcome_of("ConvTranspose3d",
                   with({{"stride", three(2, 2, 2)},
                         {"padding", Shape{1, 1, 1, 1, 1, 1}},
                         {"output_padding", three(1, 1, 1)}}),
                   in) == "f32[2, 8, 20, 40, 60]");
}

TEST_CASE("Conv3d says what is wrong", "[conv3d]") {
  CHECK(outcome_of("Conv3d", with({}), {f32({2, 4, 10, 10})}) ==
        "the input must be [N, C, D, H, W], but is [2, 4, 10, 10]");
  CHECK(outcome_of("Conv3d", with({}), {f32({2, 4, 2, 9, 9})}) ==
        "the kernel [3, 3, 3] is larger than the padded input [2, 9, 9]");
  CHECK(outcome_of("Conv3d", with({{"in_channels", number(3)}}), {f32({2, 4, 9, 9, 9})}) ==
        "in_channels is 3, but the input [2, 4, 9, 9, 9] has 4 channels");
}

TEST_CASE("Conv3d keeps PyTorch's parameters where an image's convolution computes it",
          "[conv3d]") {
  Graph graph;
  const ValueId in = graph.add_input("x", f32({2, 4, 9, 9, 9}));
  REQUIRE(graph.try_add(*find_op("Conv3d"), "conv", with({{"groups", number(2)}}), {in}).ok());
  graph.outputs = graph.nodes[0].outputs;
  const ValueId weight = graph.nodes[0].inputs[1];
  CHECK(graph.type(weight).shape == Shape{8, 2, 3, 3, 3});
  CHECK(graph.values[weight].init.fan_in == 54);
  graph = expand_layers(std::move(graph));
  CHECK(verify(graph).empty());
  CHECK(graph.values[weight].init.shape == Shape{8, 2, 3, 3, 3});
  CHECK(graph.type(weight).shape == Shape{8, 6, 3, 3});
}

TEST_CASE("Conv3d of known values", "[conv3d]") {
  const Attrs attrs = attrs_of({{"out_channels", number(1)}, {"kernel_size", three(2, 1, 2)}});
  CHECK(run_compiled("Conv3d", attrs,
                     {tensor({1, 1, 3, 1, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}),
                      tensor({1, 1, 2, 1, 2}, {1, 10, 100, 1000}), tensor({1}, {0.5})})[0]
            .data == std::vector<double>{5421.5, 6532.5, 8754.5, 9865.5});
  const Attrs up = attrs_of(
      {{"out_channels", number(1)}, {"kernel_size", three(2, 1, 1)}, {"stride", three(1, 1, 1)}});
  CHECK(run_compiled("ConvTranspose3d", up,
                     {tensor({1, 1, 2, 1, 2}, {1, 2, 3, 4}), tensor({1, 1, 2, 1, 1}, {1, 10}),
                      tensor({1}, {0.5})})[0]
            .data == std::vector<double>{1.5, 2.5, 13.5, 24.5, 30.5, 40.5});
}

TEST_CASE("Conv3d and ConvTranspose3d compute what their references compute", "[conv3d]") {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    std::mt19937 random(seed);
    for (const bool transposed : {false, true}) {
      const Case c = random_case(transposed, random);
      INFO(to_string(c.input) << " " << text_of(c.attrs) << "seed " << seed);
      check_lowering(transposed ? "ConvTranspose3d" : "Conv3d", c.attrs, c.operands);
    }
  }
}

TEST_CASE("The gradients of Conv3d and ConvTranspose3d agree with finite differences",
          "[conv3d][gradient]") {
  for (uint32_t seed = 100; seed < 103; ++seed) {
    std::mt19937 random(seed);
    for (const bool transposed : {false, true}) {
      const Case c = random_case(transposed, random);
      INFO(to_string(c.input) << " " << text_of(c.attrs) << "seed " << seed);
      check_gradient(transposed ? "ConvTranspose3d" : "Conv3d", c.attrs, c.operands);
    }
  }
}

}  // namespace cnnc
