// AvgPool2d, AvgPool2dGrad.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

struct Case {
  Shape input, kernel, stride, padding, dilation;
  bool ceil_mode = false;
  bool count_include_pad = true;
  int64_t divisor_override = 0;  // 0: none
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{2, 3, 8, 8}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{5, 2, 7, 9}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{1, 2, 7, 9}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}, true},
      {{1, 2, 7, 9}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}, true, false},
      {{2, 2, 9, 8}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
      {{2, 2, 9, 8}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, false, false},
      {{2, 2, 9, 8}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, true},
      {{2, 2, 9, 8}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, true, false},
      {{1, 2, 10, 11}, {3, 2}, {3, 3}, {1, 0, 1, 0}, {1, 1}, true},
      {{1, 1, 6, 6}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, true},
      {{1, 1, 6, 6}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, true, true, 5},
      {{1, 2, 5, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}, false, true, -3},
      {{1, 1, 9, 9}, {3, 3}, {1, 1}, {1, 1, 1, 1}, {2, 2}},
      {{1, 2, 9, 8}, {3, 2}, {2, 1}, {2, 0, 1, 2}, {2, 3}, true},         // asymmetric
      {{1, 2, 9, 8}, {3, 2}, {2, 1}, {2, 0, 1, 2}, {2, 3}, true, false},  // asymmetric
      {{1, 2, 8, 8}, {3, 3}, {2, 2}, {0, 0, 1, 1}, {1, 1}, false, false},
      {{1, 2, 11, 7}, {2, 3}, {4, 3}, {1, 1, 1, 1}, {3, 1}},         // gaps between windows
      {{1, 2, 11, 13}, {2, 2}, {5, 5}, {0, 0, 0, 0}, {2, 3}, true},  // gaps within windows
      {{1, 1, 5, 6}, {5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}},          // many per element
      {{1, 2, 12, 11}, {9, 8}, {3, 2}, {4, 4, 4, 4}, {1, 1}, true},  // too many to unroll
      {{1, 1, 3, 3}, {4, 4}, {3, 3}, {1, 1, 1, 1}, {1, 1}, true},    // larger than the input
      {{1, 1, 3, 5}, {3, 1}, {3, 1}, {2, 0, 2, 0}, {1, 1}, true},
      {{3, 5, 4, 6}, {4, 6}, {1, 1}, {0, 0, 0, 0}, {1, 1}},  // global
  };
  return list;
}

std::string describe(const Case& c) {
  return to_string(c.input) + ", kernel " + to_string(c.kernel) + ", stride " +
         to_string(c.stride) + ", padding " + to_string(c.padding) + ", dilation " +
         to_string(c.dilation) + (c.ceil_mode ? ", ceil_mode" : "") +
         (c.count_include_pad ? "" : ", without padding") + ", divisor " +
         std::to_string(c.divisor_override);
}

Attrs layer_attrs(const Case& c) {
  Attrs attrs = attrs_of({{"kernel_size", c.kernel},
                          {"stride", c.stride},
                          {"padding", c.padding},
                          {"dilation", c.dilation},
                          {"ceil_mode", c.ceil_mode},
                          {"count_include_pad", c.count_include_pad}});
  if (c.divisor_override != 0) attrs.set("divisor_override", c.divisor_override);
  return attrs;
}

Attrs grad_attrs(const Case& c) {
  Attrs attrs = layer_attrs(c);
  attrs.set("input_height", c.input[2]);
  attrs.set("input_width", c.input[3]);
  return attrs;
}

CompileOptions vectors(int width) {
  CompileOptions options;
  options.vector = width;
  return options;
}

// The words of PyTorch's kernel, for one row of an image with symmetric padding: the start and end
// of a window are cut to the padded input before the pool size is taken, and to the input after.
std::vector<double> row_by_pytorch(const std::vector<double>& row, int64_t out, int64_t kernel,
                                   int64_t stride, int64_t padding, bool count_include_pad) {
  const auto width = static_cast<int64_t>(row.size());
  std::vector<double> result;
  for (int64_t o = 0; o < out; ++o) {
    int64_t start = o * stride - padding;
    int64_t end = std::min(start + kernel, width + padding);
    const int64_t pool_size = end - start;
    start = std::max<int64_t>(start, 0);
    end = std::min(end, width);
    double sum = 0;
    for (int64_t i = start; i < end; ++i) sum += row[i];
    result.push_back(sum / static_cast<double>(count_include_pad ? pool_size : end - start));
  }
  return result;
}

}  // namespace

TEST_CASE("AvgPool2d infers its output as PyTorch does", "[avg_pool2d]") {
  const auto pooled = [](const std::vector<std::pair<std::string, AttrValue>>& attrs,
                         const Shape& in) {
    return outcome_of("AvgPool2d", attrs_of(attrs), {f32(in)});
  };
  CHECK(pooled({{"kernel_size", pair(2, 3)}}, {4, 8, 28, 29}) == "f32[4, 8, 14, 9]");
  CHECK(pooled({{"kernel_size", pair(2, 3)}, {"ceil_mode", true}}, {4, 8, 29, 29}) ==
        "f32[4, 8, 15, 10]");
  CHECK(inferred("AvgPool2d", attrs_of({{"kernel_size", pair(2, 3)}}), {f32({4, 8, 28, 29})})
            .integers("stride") == Shape{2, 3});
  CHECK(
      pooled({{"kernel_size", pair(3, 3)}, {"stride", pair(2, 2)}, {"padding", Shape{0, 1, 2, 1}}},
             {1, 1, 8, 8}) == "f32[1, 1, 4, 4]");
}

TEST_CASE("AvgPool2d says what is wrong", "[avg_pool2d]") {
  const auto outcome = [](const std::string& name, const AttrValue& value, const Shape& in) {
    return outcome_of("AvgPool2d", attrs_of({{"kernel_size", pair(2, 2)}, {name, value}}),
                      {f32(in)});
  };
  CHECK(outcome("stride", pair(1, 1), {4, 8}) == "the input must be [N, C, H, W], but is [4, 8]");
  CHECK(outcome("stride", pair(1, 1), {4, 8, 1, 5}) ==
        "the kernel [2, 2] is larger than the padded input [1, 5]");
  CHECK(outcome("padding", Shape{0, 0, 2, 0}, {4, 8, 5, 5}) ==
        "padding is [0, 0, 2, 0], but must be smaller than kernel_size [2, 2]");
  CHECK(outcome("divisor_override", number(0), {4, 8, 5, 5}) == "divisor_override must not be 0");
  CHECK(outcome_of("AvgPool2dGrad", grad_attrs(cases()[1]), {f32({2, 3, 4, 5})}) ==
        "the gradient must be f32[2, 3, 4, 4], but is f32[2, 3, 4, 5]");
}

TEST_CASE("AvgPool2d divides as PyTorch does", "[avg_pool2d]") {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const auto draw = [&](int64_t least, int64_t most) {
      return least + static_cast<int64_t>(random() % static_cast<uint32_t>(most - least + 1));
    };
    const int64_t kernel = draw(1, 5), stride = draw(1, 6), padding = draw(0, kernel / 2);
    const int64_t width = draw(std::max<int64_t>(1, kernel - 2 * padding), 12);
    const bool ceil_mode = draw(0, 1) == 1, count_include_pad = draw(0, 1) == 1;
    const Attrs attrs = layer_attrs({{},
                                     {1, kernel},
                                     {1, stride},
                                     {0, padding, 0, padding},
                                     {1, 1},
                                     ceil_mode,
                                     count_include_pad});
    const ReferenceTensor input = random_tensor({1, 1, 1, width}, random);
    const ReferenceTensor found = run_reference("AvgPool2d", attrs, {input})[0];
    INFO("kernel " << kernel << " stride " << stride << " padding " << padding << " width " << width
                   << " ceil_mode " << ceil_mode << " count_include_pad " << count_include_pad);
    const std::vector<double> wanted =
        row_by_pytorch(input.data, found.shape[3], kernel, stride, padding, count_include_pad);
    check_equal(found, tensor(found.shape, wanted), 1e-12);
  }
}

TEST_CASE("AvgPool2d of known values", "[avg_pool2d]") {
  // What torch.nn.AvgPool2d(3, 2, 1, ceil_mode=True) gives of 1 ... 6: the last window of
  // ceil_mode holds 6, a zero of the padding, and a tap beyond it that does not count.
  const auto pool = [](bool count_include_pad, int64_t divisor) {
    const Case c = {{}, {1, 3}, {1, 2}, {0, 1, 0, 1}, {1, 1}, true, count_include_pad, divisor};
    return run_compiled("AvgPool2d", layer_attrs(c), {tensor({1, 1, 1, 6}, {1, 2, 3, 4, 5, 6})})[0]
        .data;
  };
  CHECK(pool(true, 0) == std::vector<double>{1, 3, 5, 3});
  CHECK(pool(false, 0) == std::vector<double>{1.5, 3, 5, 6});
  CHECK(pool(true, 2) == std::vector<double>{1.5, 4.5, 7.5, 3});
  // ONNX's SAME_UPPER and SAME_LOWER, zeros not counted.
  const auto same = [](const std::string& word) {
    Attrs attrs = attrs_of({{"kernel_size", pair(1, 2)},
                            {"stride", pair(1, 1)},
                            {"padding", word},
                            {"count_include_pad", false}});
    return run_compiled("AvgPool2d", attrs, {tensor({1, 1, 1, 3}, {1, 3, 7})})[0].data;
  };
  CHECK(same("same_upper") == std::vector<double>{2, 5, 7});
  CHECK(same("same_lower") == std::vector<double>{1, 2, 5});
}

TEST_CASE("AvgPool2dGrad's traits", "[avg_pool2d]") {
  const OpDef& op = *find_op("AvgPool2dGrad");
  const auto traits = [&](size_t i) { return op.more_traits(grad_attrs(cases()[i]), {}); };
  CHECK(traits(1) == (kSumPreserving | kCheapGather));
  CHECK(traits(4) == (kSumPreserving | kCheapGather));
  CHECK(traits(5) == 0);               // zeros count
  CHECK(traits(6) == kSumPreserving);  // they do not
  CHECK(traits(12) == kCheapGather);   // divided by another number
  CHECK(traits(16) == kSumPreserving);
}

TEST_CASE("AvgPool2d computes what its reference computes", "[avg_pool2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_lowering("AvgPool2d", layer_attrs(c), {random_tensor(c.input, random)},
                   vectors(i % 2 == 0 ? 0 : 8));
  }
}

TEST_CASE("AvgPool2dGrad computes what its reference computes", "[avg_pool2d]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const std::vector<ReferenceTensor> pool =
        run_reference("AvgPool2d", layer_attrs(c), {random_tensor(c.input, random)});
    check_lowering("AvgPool2dGrad", grad_attrs(c), {random_tensor(pool[0].shape, random)},
                   vectors(i % 2 == 0 ? 8 : 0));
  }
}

TEST_CASE("AvgPool2d's gradient rule agrees with finite differences", "[avg_pool2d][gradient]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO(describe(c) << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_gradient("AvgPool2d", layer_attrs(c), {random_tensor(c.input, random)});
  }
}

}  // namespace cnnc
