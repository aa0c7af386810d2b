// MaxPool2d, MaxPool2dGrad.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  Shape input, kernel, stride, padding, dilation;
  bool ceil_mode = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{2, 3, 8, 8}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{5, 2, 7, 9}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{1, 2, 7, 9}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}, true},
      {{2, 2, 9, 8}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
      {{2, 2, 9, 8}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, true},
      {{1, 2, 10, 11}, {3, 2}, {3, 3}, {1, 0, 1, 0}, {1, 1}, true},
      {{1, 1, 9, 9}, {3, 3}, {1, 1}, {1, 1, 1, 1}, {2, 2}},
      {{1, 2, 11, 7}, {2, 3}, {4, 3}, {1, 1, 1, 1}, {3, 1}},         // gaps between windows
      {{1, 2, 11, 13}, {2, 2}, {5, 5}, {0, 0, 0, 0}, {2, 3}, true},  // gaps within windows
      {{1, 1, 5, 6}, {5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}},          // many windows per element
      {{1, 2, 12, 11}, {9, 8}, {3, 2}, {4, 4, 4, 4}, {1, 1}, true},  // too many taps to unroll
      {{1, 1, 20, 19}, {17, 17}, {2, 3}, {8, 8, 8, 8}, {1, 1}},      // index of 32 bits
      {{1, 1, 3, 3}, {4, 4}, {3, 3}, {1, 1, 1, 1}, {1, 1}, true},    // window larger than the input
      {{1, 2, 9, 8}, {3, 2}, {2, 1}, {2, 0, 1, 2}, {2, 3}, true},    // asymmetric padding
      {{1, 2, 8, 8}, {3, 3}, {2, 2}, {0, 0, 1, 1}, {1, 1}},
      {{1, 2, 8, 8}, {3, 3}, {2, 2}, {2, 2, 0, 0}, {1, 1}},
  };
  return list;
}

std::string describe(const Case& c) {
  return to_string(c.input) + ", kernel " + to_string(c.kernel) + ", stride " +
         to_string(c.stride) + ", padding " + to_string(c.padding) + ", dilation " +
         to_string(c.dilation) + (c.ceil_mode ? ", ceil_mode" : "");
}

Attrs layer_attrs(const Case& c) {
  return attrs_of({{"kernel_size", c.kernel},
                   {"stride", c.stride},
                   {"padding", c.padding},
                   {"dilation", c.dilation},
                   {"ceil_mode", c.ceil_mode}});
}

Attrs grad_attrs(const Case& c) {
  Attrs attrs = layer_attrs(c);
  attrs.set("input_height", c.input[2]);
  attrs.set("input_width", c.input[3]);
  return attrs;
}

DType index_type(const Case& c) { return c.kernel[0] * c.kernel[1] > 255 ? DType::i32 : DType::u8; }

CompileOptions vectors(int width) {
  CompileOptions options;
  options.vector = width;
  return options;
}

std::string pooled(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                   bool ceil_mode) {
  return outcome_of(
      "MaxPool2d",
      layer_attrs(
          Case{{}, {kernel, 1}, {stride, 1}, {padding, 0, padding, 0}, {dilation, 1}, ceil_mode}),
      {f32({1, 1, size, 1})});
}

}  // namespace

TEST_CASE("MaxPool2d infers its output as PyTorch does", "[max_pool2d]") {
  CHECK(outcome_of("MaxPool2d", attrs_of({{"kernel_size", pair(2, 3)}}), {f32({4, 8, 28, 29})}) ==
        "f32[4, 8, 14, 9], u8[4, 8, 14, 9]");
  CHECK(inferred("MaxPool2d", attrs_of({{"kernel_size", pair(2, 3)}}), {f32({4, 8, 28, 29})})
            .integers("stride") == Shape{2, 3});
  CHECK(pooled(7, 2, 2, 0, 1, false) == "f32[1, 1, 3, 1], u8[1, 1, 3, 1]");
  CHECK(pooled(7, 2, 2, 0, 1, true) == "f32[1, 1, 4, 1], u8[1, 1, 4, 1]");
  CHECK(pooled(8, 3, 2, 1, 1, true) == "f32[1, 1, 5, 1], u8[1, 1, 5, 1]");
  // ceil((5 + 2 - 2) / 3) + 1 = 3, but the third window would start at 6 - 1 = 5, after the input.
  CHECK(pooled(5, 2, 3, 1, 1, true) == "f32[1, 1, 2, 1], u8[1, 1, 2, 1]");
  CHECK(pooled(9, 3, 2, 1, 2, false) == "f32[1, 1, 4, 1], u8[1, 1, 4, 1]");
  CHECK(pooled(3, 4, 3, 0, 1, true) == "f32[1, 1, 1, 1], u8[1, 1, 1, 1]");
  CHECK(pooled(300, 255, 1, 0, 1, false) == "f32[1, 1, 46, 1], u8[1, 1, 46, 1]");
  CHECK(pooled(300, 256, 1, 0, 1, false) == "f32[1, 1, 45, 1], i32[1, 1, 45, 1]");
}

TEST_CASE("MaxPool2d pads as ONNX's auto_pad does", "[max_pool2d]") {
  const auto padding = [](const std::string& word, int64_t size) {
    const Attrs attrs =
        attrs_of({{"kernel_size", pair(3, 2)}, {"stride", pair(2, 1)}, {"padding", word}});
    return inferred("MaxPool2d", attrs, {f32({1, 1, size, size})}).integers("padding");
  };
  CHECK(padding("same_upper", 8) == Shape{0, 0, 1, 1});
  CHECK(padding("same_lower", 8) == Shape{1, 1, 0, 0});
  CHECK(padding("same_upper", 7) == Shape{1, 0, 1, 1});
  CHECK(padding("valid", 7) == Shape{0, 0, 0, 0});
}

TEST_CASE("MaxPool2d says what is wrong", "[max_pool2d]") {
  const Attrs attrs = attrs_of({{"kernel_size", pair(2, 2)}});
  CHECK(outcome_of("MaxPool2d", attrs, {f32({4, 8})}) ==
        "the input must be [N, C, H, W], but is [4, 8]");
  CHECK(outcome_of("MaxPool2d", attrs, {f32({4, 8, 1, 5})}) ==
        "the kernel [2, 2] is larger than the padded input [1, 5]");
  CHECK(pooled(9, 3, 1, 3, 1, false) ==
        "padding is [3, 0, 3, 0], but must be smaller than kernel_size [3, 1]");
  CHECK(pooled(9, 3, 1, 5, 2, false) ==
        "padding is [5, 0, 5, 0], but must be smaller than kernel_size [3, 1], dilated to [5, 1]");
  CHECK(pooled(1, 3, 3, 1, 2, true) ==
        "a window with kernel_size [3, 1] and dilation [2, 1] covers nothing but padding of the "
        "input [1, 1, 1, 1]");
  CHECK(
      outcome_of("MaxPool2dGrad", grad_attrs(cases()[1]), {f32({2, 3, 4, 4}), f32({2, 3, 4, 4})}) ==
      "the index must be u8[2, 3, 4, 4], but is f32[2, 3, 4, 4]");
}

TEST_CASE("MaxPool2dGrad is a cheap gather where windows do not overlap", "[max_pool2d]") {
  const OpDef& op = *find_op("MaxPool2dGrad");
  CHECK(op.more_traits(grad_attrs(cases()[1]), {}) == kCheapGather);
  CHECK(op.more_traits(grad_attrs(cases()[4]), {}) == 0);
  CHECK(op.more_traits(grad_attrs(cases()[8]), {}) == kCheapGather);
}

TEST_CASE("MaxPool2d computes what its reference computes", "[max_pool2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_lowering("MaxPool2d", layer_attrs(c), {random_tensor(c.input, random)},
                   vectors(i % 2 == 0 ? 0 : 8), 0);
  }
}

TEST_CASE("MaxPool2d with ties, NaN and infinity", "[max_pool2d]") {
  const std::vector<double> values = {kNan, -kInfinity, 0, 1, 1, -1};
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    ReferenceTensor input = random_integers(c.input, 6, random);
    // Few NaNs, or they win everywhere.
    for (double& value : input.data) {
      value = values[value != 0 || random() % 4 == 0 ? static_cast<size_t>(value) : 1];
    }
    check_lowering("MaxPool2d", layer_attrs(c), {input}, vectors(i % 2 == 0 ? 8 : 0), 0);
  }
  const Case c = {{1, 1, 2, 8}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}};
  const ReferenceTensor input = tensor(c.input, {1, 1, kNan, 3, -kInfinity, -kInfinity, 0, -0.0,  //
                                                 1, 1, 5, kNan, -kInfinity, -kInfinity, -1, -2});
  for (int width : {0, 4, 8}) {
    const std::vector<ReferenceTensor> found =
        run_compiled("MaxPool2d", layer_attrs(c), {input}, vectors(width));
    CHECK(found[1].data == std::vector<double>{0, 3, 0, 0});
    check_equal(found[0], tensor({1, 1, 1, 4}, {1, kNan, -kInfinity, 0}), 0);
  }
}

TEST_CASE("MaxPool2d leaves padding out where everything is -infinity", "[max_pool2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c));
    ReferenceTensor input = zeros(c.input);
    for (double& value : input.data) value = -kInfinity;
    check_lowering("MaxPool2d", layer_attrs(c), {input}, {}, 0);
  }
}

TEST_CASE("MaxPool2dGrad computes what its reference computes", "[max_pool2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const std::vector<ReferenceTensor> pool =
        run_reference("MaxPool2d", layer_attrs(c), {random_tensor(c.input, random)});
    check_lowering("MaxPool2dGrad", grad_attrs(c),
                   {random_tensor(pool[0].shape, random), Operand(pool[1], index_type(c))},
                   vectors(i % 2 == 0 ? 0 : 8));
  }
}

TEST_CASE("MaxPool2d's gradient rule agrees with finite differences", "[max_pool2d][gradient]") {
  for (size_t i : {0, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16}) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_gradient("MaxPool2d", layer_attrs(c), {spread_tensor(c.input, random)});
  }
}

}  // namespace cnnc
