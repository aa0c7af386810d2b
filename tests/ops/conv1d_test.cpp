// Conv1d, ConvTranspose1d.
#include <catch2/catch.hpp>
#include <cmath>

#include "compiler/passes/passes.h"
#include "tests/ops/harness.h"

namespace cnnc {
namespace {

AttrValue one(int64_t value) { return std::vector<int64_t>{value}; }
AttrValue two(int64_t first, int64_t second) { return std::vector<int64_t>{first, second}; }

Attrs with(const std::vector<std::pair<std::string, AttrValue>>& more) {
  Attrs attrs = attrs_of({{"out_channels", number(8)}, {"kernel_size", one(3)}});
  for (const auto& [name, value] : more) attrs.set(name, value);
  return attrs;
}

struct Case {
  int64_t batch, in, length, out, kernel, stride, before, after, dilation, groups;
  bool bias;
  int64_t output_padding;  // of the transposed one

  [[nodiscard]] Attrs attrs(bool transposed) const {
    Attrs result = attrs_of({{"out_channels", out},
                             {"kernel_size", one(kernel)},
                             {"stride", one(stride)},
                             {"padding", two(before, after)},
                             {"dilation", one(dilation)},
                             {"groups", groups},
                             {"bias", bias}});
    if (transposed) result.set("output_padding", one(output_padding));
    return result;
  }
  [[nodiscard]] std::vector<Operand> operands(bool transposed, std::mt19937& random) const {
    const Shape weight =
        transposed ? Shape{in, out / groups, kernel} : Shape{out, in / groups, kernel};
    std::vector<Operand> result = {random_tensor({batch, in, length}, random),
                                   random_tensor(weight, random)};
    result.emplace_back(bias ? random_tensor({out}, random) : absent());
    return result;
  }
  [[nodiscard]] std::string text(bool transposed) const {
    return "[" + std::to_string(batch) + ", " + std::to_string(in) + ", " + std::to_string(length) +
           "] " + print(transposed);
  }

 private:
  [[nodiscard]] std::string print(bool transposed) const {
    std::string text;
    const Attrs all = attrs(transposed);
    for (const auto& [name, value] : all.all()) text += name + " = " + to_string(value) + " ";
    return text;
  }
};

// Shapes for which both layers are possible.
Case random_case(std::mt19937& random) {
  const auto from = [&](int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random() % static_cast<uint32_t>(most - least + 1));
  };
  Case c{};
  c.groups = from(1, 3);
  c.batch = from(1, 3);
  c.in = c.groups * from(1, 3);
  c.out = c.groups * from(1, 3);
  c.kernel = from(1, 4);
  c.stride = from(1, 3);
  c.dilation = from(1, 3);
  c.before = from(0, 2);
  c.after = from(0, 2);
  c.bias = from(0, 1) == 1;
  c.output_padding = from(0, std::max(c.stride, c.dilation) - 1);
  c.output_padding = std::min(c.output_padding, c.after);
  c.length = from((c.kernel - 1) * c.dilation + 1, 12) + c.before + c.after;
  return c;
}

}  // namespace

TEST_CASE("Conv1d infers its output as PyTorch does", "[conv1d]") {
  const std::vector<Type> in = {f32({16, 4, 50})};
  CHECK(outcome_of("Conv1d", with({}), in) == "f32[16, 8, 48]");
  CHECK(outcome_of("Conv1d", with({{"stride", one(2)}}), in) == "f32[16, 8, 24]");
  CHECK(outcome_of("Conv1d", with({{"padding", two(4, 4)}, {"dilation", one(3)}}), in) ==
        "f32[16, 8, 52]");
  CHECK(outcome_of("Conv1d", with({{"padding", std::string("same")}, {"kernel_size", one(4)}}),
                   in) == "f32[16, 8, 50]");
  CHECK(inferred("Conv1d", with({{"padding", std::string("same_lower")}, {"kernel_size", one(4)}}),
                 in)
            .integers("padding") == Shape{2, 1});
  CHECK(outcome_of("ConvTranspose1d",
                   with({{"stride", one(2)}, {"padding", two(1, 1)}, {"output_padding", one(1)}}),
                   in) == "f32[16, 8, 100]");
}

TEST_CASE("Conv1d says what is wrong", "[conv1d]") {
  CHECK(outcome_of("Conv1d", with({}), {f32({1, 4, 8, 8})}) ==
        "the input must be [N, C, L], but is [1, 4, 8, 8]");
  CHECK(outcome_of("Conv1d", with({{"groups", number(3)}}), {f32({1, 4, 9})}) ==
        "in_channels (4) must be a multiple of groups (3); "
        "out_channels (8) must be a multiple of groups (3)");
  CHECK(outcome_of("Conv1d", with({{"dilation", one(2)}}), {f32({1, 1, 4})}) ==
        "the kernel [3], dilated to [5], is larger than the padded input [4]");
  CHECK(outcome_of("ConvTranspose1d", with({{"output_padding", one(1)}}), {f32({1, 4, 9})}) ==
        "output_padding is [1], but must be smaller than stride [1] or dilation [1]");
  CHECK(outcome_of("ConvTranspose1d", with({{"padding", two(2, 2)}}), {f32({1, 4, 2})}) ==
        "padding [2, 2] leaves nothing of the output: [0]");
}

TEST_CASE("Conv1d keeps PyTorch's parameters where an image's convolution computes it",
          "[conv1d]") {
  for (const bool transposed : {false, true}) {
    const std::string op = transposed ? "ConvTranspose1d" : "Conv1d";
    Graph graph;
    const ValueId in = graph.add_input("x", f32({2, 4, 9}));
    REQUIRE(graph.try_add(*find_op(op), "conv", with({{"groups", number(2)}}), {in}).ok());
    graph.outputs = graph.nodes[0].outputs;
    const ValueId weight = graph.nodes[0].inputs[1];
    const Shape shape = transposed ? Shape{4, 4, 3} : Shape{8, 2, 3};
    CHECK(graph.type(weight).shape == shape);
    CHECK(graph.values[weight].init.fan_in == shape[1] * 3);
    graph = expand_layers(std::move(graph));
    CHECK(verify(graph).empty());
    CHECK(graph.values[weight].init.shape == shape);
    CHECK(graph.type(weight).shape == Shape{shape[0], shape[1], 1, 3});
    CHECK(graph.nodes.size() == 3);  // a view before and behind
  }
}

TEST_CASE("Conv1d of known values", "[conv1d]") {
  const Attrs attrs = attrs_of({{"out_channels", number(2)},
                                {"kernel_size", one(2)},
                                {"stride", one(2)},
                                {"dilation", one(2)}});
  CHECK(run_compiled("Conv1d", attrs,
                     {tensor({1, 1, 5}, {1, 2, 3, 4, 5}), tensor({2, 1, 2}, {1, 10, 2, 20}),
                      tensor({2}, {0.5, 100})})[0]
            .data == std::vector<double>{31.5, 53.5, 162, 206});
  const Attrs up = attrs_of({{"out_channels", number(1)},
                             {"kernel_size", one(3)},
                             {"stride", one(2)},
                             {"padding", two(1, 0)},
                             {"output_padding", one(1)}});
  CHECK(run_compiled(
            "ConvTranspose1d", up,
            {tensor({1, 1, 3}, {1, 2, 3}), tensor({1, 1, 3}, {1, 10, 100}), tensor({1}, {0.5})})[0]
            .data == std::vector<double>{10.5, 102.5, 20.5, 203.5, 30.5, 300.5, 0.5});
}

TEST_CASE("Conv1d and ConvTranspose1d compute what their references compute", "[conv1d]") {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    const Case c = random_case(random);
    for (const bool transposed : {false, true}) {
      INFO(c.text(transposed) << "seed " << seed);
      check_lowering(transposed ? "ConvTranspose1d" : "Conv1d", c.attrs(transposed),
                     c.operands(transposed, random));
    }
  }
}

TEST_CASE("The gradients of Conv1d and ConvTranspose1d agree with finite differences",
          "[conv1d][gradient]") {
  for (uint32_t seed = 100; seed < 105; ++seed) {
    std::mt19937 random(seed);
    const Case c = random_case(random);
    for (const bool transposed : {false, true}) {
      INFO(c.text(transposed) << "seed " << seed);
      check_gradient(transposed ? "ConvTranspose1d" : "Conv1d", c.attrs(transposed),
                     c.operands(transposed, random));
    }
  }
}

}  // namespace cnnc
