// Conv2d, Conv2dInputGrad, Conv2dWeightGrad.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

struct Case {
  int64_t batch, in, height, width, out;
  Shape kernel, stride;
  std::vector<int64_t> padding;  // top, left, bottom, right
  Shape dilation;
  int64_t groups = 1;
  bool bias = true;
};

std::string describe(const Case& c) {
  return "batch " + std::to_string(c.batch) + ", " + std::to_string(c.in) + " to " +
         std::to_string(c.out) + " channels, " + to_string(Shape{c.height, c.width}) + ", kernel " +
         to_string(c.kernel) + ", stride " + to_string(c.stride) + ", padding " +
         to_string(c.padding) + ", dilation " + to_string(c.dilation) + ", groups " +
         std::to_string(c.groups);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {1, 1, 1, 1, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {1, 3, 5, 7, 2, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {5, 2, 6, 5, 3, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {2, 3, 9, 8, 4, {3, 2}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1, false},
      {16, 2, 7, 7, 3, {3, 3}, {3, 3}, {0, 0, 0, 0}, {1, 1}},
      {1, 2, 11, 10, 2, {3, 3}, {2, 3}, {1, 1, 1, 1}, {1, 1}},
      {4, 2, 9, 9, 2, {3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
      {1, 1, 8, 9, 2, {3, 3}, {2, 2}, {2, 1, 0, 3}, {2, 1}},
      {2, 4, 5, 5, 6, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2},
      {4, 6, 7, 6, 6, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 6},
      {1, 3, 6, 6, 6, {5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 3, false},
      {2, 2, 3, 4, 2, {2, 2}, {1, 1}, {0, 0, 1, 1}, {1, 1}},
      {1, 2, 2, 2, 3, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {1, 1, 13, 4, 1, {2, 1}, {5, 4}, {0, 0, 0, 0}, {1, 1}},  // inputs that no window reads
      {3, 1, 3, 3, 2, {2, 2}, {2, 2}, {3, 3, 3, 3}, {1, 1}},   // windows all in the padding
      {1, 2, 12, 12, 2, {7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}},
  };
  return list;
}

Attrs window_attrs(const Case& c) {
  return attrs_of({{"kernel_size", c.kernel},
                   {"stride", c.stride},
                   {"padding", c.padding},
                   {"dilation", c.dilation},
                   {"groups", c.groups}});
}

Attrs layer_attrs(const Case& c) {
  Attrs attrs = window_attrs(c);
  attrs.set("out_channels", c.out);
  attrs.set("bias", c.bias);
  return attrs;
}

Shape weight_shape(const Case& c) { return {c.out, c.in / c.groups, c.kernel[0], c.kernel[1]}; }
Shape input_shape(const Case& c) { return {c.batch, c.in, c.height, c.width}; }

Shape output_shape(const Case& c) {
  Attrs attrs = layer_attrs(c);
  const OpDef& op = *find_op("Conv2d");
  set_defaults(attrs, op.attrs);
  const std::vector<Type> inputs = {f32(input_shape(c))};
  InferArgs args{attrs, inputs};
  return (*op.infer(args))[0].shape;
}

std::vector<int> lane_counts(const Case& c) {
  std::vector<int> result = {1};
  if (c.batch % 4 == 0) result.push_back(4);
  if (c.batch % 16 == 0) result.push_back(16);
  return result;
}

Attrs with(const std::vector<std::pair<std::string, AttrValue>>& more) {
  Attrs attrs = attrs_of({{"out_channels", number(8)}, {"kernel_size", pair(3, 3)}});
  for (const auto& [name, value] : more) attrs.set(name, value);
  return attrs;
}

}  // namespace

TEST_CASE("Conv2d infers its output as PyTorch does", "[conv2d]") {
  const std::vector<Type> in = {f32({64, 4, 28, 30})};
  CHECK(outcome_of("Conv2d", with({}), in) == "f32[64, 8, 26, 28]");
  CHECK(outcome_of("Conv2d", with({{"padding", std::string("valid")}}), in) ==
        "f32[64, 8, 26, 28]");
  CHECK(outcome_of("Conv2d", with({{"padding", std::string("same")}}), in) == "f32[64, 8, 28, 30]");
  CHECK(outcome_of("Conv2d", with({{"padding", std::string("same")}, {"dilation", pair(2, 3)}}),
                   in) == "f32[64, 8, 28, 30]");
  CHECK(outcome_of("Conv2d", with({{"stride", pair(2, 3)}}), in) == "f32[64, 8, 13, 10]");
  CHECK(outcome_of("Conv2d", with({{"padding", Shape{1, 2, 3, 4}}}), in) == "f32[64, 8, 30, 34]");
  CHECK(outcome_of("Conv2d", with({{"padding", std::string("same_lower")}, {"stride", pair(2, 4)}}),
                   in) == "f32[64, 8, 14, 8]");
  CHECK(outcome_of("Conv2d", with({{"dilation", pair(4, 2)}}), in) == "f32[64, 8, 20, 26]");
  CHECK(outcome_of("Conv2d", with({{"groups", number(4)}}), in) == "f32[64, 8, 26, 28]");
  CHECK(outcome_of("Conv2d", with({{"in_channels", number(4)}}), in) == "f32[64, 8, 26, 28]");
}

TEST_CASE("Conv2d writes what it infers into its attributes", "[conv2d]") {
  const Attrs attrs =
      inferred("Conv2d", with({{"padding", std::string("same")}, {"kernel_size", pair(4, 3)}}),
               {f32({1, 4, 9, 9})});
  const auto padding = [](const std::string& word) {
    return inferred("Conv2d", with({{"padding", word}, {"stride", pair(2, 4)}}),
                    {f32({1, 4, 8, 9})})
        .integers("padding");
  };
  CHECK(padding("same_upper") == Shape{0, 1, 1, 1});
  CHECK(padding("same_lower") == Shape{1, 1, 0, 1});
  CHECK(attrs.integer("in_channels") == 4);
  CHECK(attrs.integers("padding") == Shape{1, 1, 2, 1});  // the odd one at the end
}

TEST_CASE("Conv2d says what is wrong", "[conv2d]") {
  const std::vector<Type> in = {f32({64, 1, 28, 28})};
  CHECK(outcome_of("Conv2d", with({{"in_channels", number(3)}}), in) ==
        "in_channels is 3, but the input [64, 1, 28, 28] has 1 channels");
  CHECK(outcome_of("Conv2d", with({}), {f32({64, 10})}) ==
        "the input must be [N, C, H, W], but is [64, 10]");
  CHECK(outcome_of("Conv2d", with({}), {i32({64, 1, 28, 28})}) ==
        "the input must be f32, but is i32[64, 1, 28, 28]");
  CHECK(outcome_of("Conv2d", with({}), {}) == "needs an input \"input\" [N, C, H, W]");
  CHECK(outcome_of("Conv2d", with({{"groups", number(3)}}), {f32({1, 4, 9, 9})}) ==
        "in_channels (4) must be a multiple of groups (3); "
        "out_channels (8) must be a multiple of groups (3)");
  CHECK(outcome_of("Conv2d", with({{"padding", std::string("same")}, {"stride", pair(1, 2)}}),
                   in) == "padding \"same\" needs stride 1, but stride is [1, 2]");
  CHECK(outcome_of("Conv2d", with({{"kernel_size", pair(5, 3)}}), {f32({1, 1, 4, 4})}) ==
        "the kernel [5, 3] is larger than the padded input [4, 4]");
  CHECK(outcome_of("Conv2d", with({{"dilation", pair(2, 2)}}), {f32({1, 1, 5, 4})}) ==
        "the kernel [3, 3], dilated to [5, 5], is larger than the padded input [5, 4]");
  CHECK(outcome_of("Conv2d", with({{"out_channels", number(2147483647)}}), in) ==
        "the weight [2147483647, 1, 3, 3] is too large");
  CHECK(outcome_of("Conv2d", with({{"out_channels", number(200000)}}), in) ==
        "the output [64, 200000, 26, 26] has more than 2147483647 elements");
  CHECK(outcome_of("Conv2d", with({{"padding", Shape{2147483647, 0, 0, 0}}}), in) ==
        "the padded input [2147483675, 28] is larger than 2147483647");
}

TEST_CASE("Conv2d has PyTorch's parameters", "[conv2d]") {
  Graph graph;
  const ValueId in = graph.add_input("x", f32({2, 4, 9, 9}));
  REQUIRE(graph.try_add(*find_op("Conv2d"), "conv1", with({{"groups", number(2)}}), {in}).ok());
  REQUIRE(graph.nodes[0].inputs.size() == 3);
  const Value& weight = graph.values[graph.nodes[0].inputs[1]];
  const Value& bias = graph.values[graph.nodes[0].inputs[2]];
  CHECK(weight.name == "conv1.weight");
  CHECK(weight.type == f32({8, 2, 3, 3}));
  CHECK(weight.init.fan_in == 18);
  CHECK(weight.init.kaiming);
  CHECK(bias.name == "conv1.bias");
  CHECK(bias.type == f32({8}));
  CHECK(bias.init.fan_in == 18);
  CHECK(bias.init.bound == Approx(1 / std::sqrt(18.0)));
  REQUIRE(graph.try_add(*find_op("Conv2d"), "conv2", with({{"bias", false}}), {in}).ok());
  CHECK(graph.nodes[1].inputs[2] == kNoValue);
  const Type out = graph.type(graph.nodes[0].outputs[0]);
  CHECK(find_op("Conv2d")->flops(graph.nodes[0].attrs, graph.types(graph.nodes[0].inputs), {out}) ==
        2 * 2 * 8 * 7 * 7 * 2 * 9);
}

TEST_CASE("Conv2d of known values", "[conv2d]") {
  // "same" puts the odd row and column of zeros at the end; the kernel is not flipped.
  const Attrs same = attrs_of({{"out_channels", number(1)},
                               {"kernel_size", pair(2, 2)},
                               {"padding", std::string("same")},
                               {"bias", false}});
  const Operand square = tensor({1, 1, 2, 2}, {1, 2, 3, 4});
  const Operand digits = tensor({1, 1, 2, 2}, {1, 10, 100, 1000});
  CHECK(run_compiled("Conv2d", same, {square, digits, absent()})[0].data ==
        std::vector<double>{4321, 402, 43, 4});
  // Every second position of every second element, plus the bias of each channel.
  const Attrs sparse = attrs_of({{"out_channels", number(2)},
                                 {"kernel_size", pair(1, 2)},
                                 {"stride", pair(1, 2)},
                                 {"dilation", pair(1, 2)}});
  CHECK(run_compiled("Conv2d", sparse,
                     {tensor({1, 1, 1, 5}, {1, 2, 3, 4, 5}), tensor({2, 1, 1, 2}, {1, 10, 2, 20}),
                      tensor({2}, {0.5, 100})})[0]
            .data == std::vector<double>{31.5, 53.5, 162, 206});
}

TEST_CASE("Conv2d computes what its reference computes", "[conv2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    std::vector<Operand> inputs = {random_tensor(input_shape(c), random),
                                   random_tensor(weight_shape(c), random)};
    inputs.emplace_back(c.bias ? random_tensor({c.out}, random) : absent());
    check_lowering("Conv2d", layer_attrs(c), inputs);
  }
}

TEST_CASE("Conv2dInputGrad computes what its reference computes", "[conv2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    Attrs attrs = window_attrs(c);
    attrs.set("input_height", c.height);
    attrs.set("input_width", c.width);
    check_lowering(
        "Conv2dInputGrad", attrs,
        {random_tensor(output_shape(c), random), random_tensor(weight_shape(c), random)});
  }
}

TEST_CASE("Conv2dWeightGrad computes what its reference computes", "[conv2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const ReferenceTensor upstream = random_tensor(output_shape(c), random);
    const ReferenceTensor input = random_tensor(input_shape(c), random);
    size_t way = i;
    for (int lanes : lane_counts(c)) {
      CompileOptions options;
      options.lanes = lanes;
      const auto check = [&](int64_t chunk_rows, int64_t band_rows, bool separates_border) {
        options.chunk_rows = chunk_rows;
        options.band_rows = band_rows;
        options.separates_border = separates_border;
        check_lowering("Conv2dWeightGrad", window_attrs(c), {upstream, input}, options);
      };
      // Ways to sum, in turn over cases and lanes: each is another pipeline to compile.
      if (way++ % 2 == 0) {
        check(0, 0, false);
        check(2, 1, false);
      } else {
        check(6, 3, false);
        check(0, upstream.shape[2], true);
      }
    }
  }
}

TEST_CASE("The gradient ops of Conv2d check their inputs", "[conv2d]") {
  Attrs attrs = attrs_of(
      {{"kernel_size", pair(3, 3)}, {"input_height", number(8)}, {"input_width", number(8)}});
  CHECK(outcome_of("Conv2dInputGrad", attrs, {f32({2, 4, 6, 6}), f32({4, 3, 3, 3})}) ==
        "f32[2, 3, 8, 8]");
  CHECK(outcome_of("Conv2dInputGrad", attrs, {f32({2, 4, 5, 6}), f32({4, 3, 3, 3})}) ==
        "the gradient must be f32[2, 4, 6, 6], but is f32[2, 4, 5, 6]");
  CHECK(outcome_of("Conv2dWeightGrad", attrs, {f32({2, 4, 6, 6}), f32({2, 3, 8, 8})}) ==
        "f32[4, 3, 3, 3]");
  CHECK(outcome_of("Conv2dWeightGrad", attrs, {f32({3, 4, 6, 6}), f32({2, 3, 8, 8})}) ==
        "the gradient must be f32[2, 4, 6, 6], but is f32[3, 4, 6, 6]");
}

TEST_CASE("Conv2d's gradient rule agrees with finite differences", "[conv2d][gradient]") {
  for (size_t i : {0, 2, 3, 5, 6, 7, 8, 9, 11, 13, 14}) {
    Case c = cases()[i];
    c.batch = std::min<int64_t>(c.batch, 2);
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    std::vector<Operand> inputs = {random_tensor(input_shape(c), random),
                                   random_tensor(weight_shape(c), random)};
    inputs.emplace_back(c.bias ? random_tensor({c.out}, random) : absent());
    check_gradient("Conv2d", layer_attrs(c), inputs);
  }
}

}  // namespace cnnc
