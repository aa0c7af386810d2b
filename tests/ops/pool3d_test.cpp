// MaxPool3d, AvgPool3d, AdaptiveMaxPool3d, AdaptiveAvgPool3d.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

std::string text_of(const Attrs& attrs) {
  std::string text;
  for (const auto& [name, value] : attrs.all()) text += name + " = " + to_string(value) + " ";
  return text;
}

struct Case {
  Shape input;
  Attrs attrs;
};

Case random_pool(std::mt19937& random, bool is_mean) {
  const auto from = [&](int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random() % static_cast<uint32_t>(most - least + 1));
  };
  Shape kernel, stride, dilation, before, after;
  Case c;
  c.input = {from(1, 2), from(1, 2)};
  for (int axis = 0; axis < 3; ++axis) {
    kernel.push_back(from(1, 3));
    stride.push_back(from(1, 3));
    dilation.push_back(from(1, 2));
    const int64_t span = (kernel.back() - 1) * dilation.back() + 1;
    before.push_back(from(0, span - 1) / 2);
    after.push_back(from(0, span - 1) / 2);
    c.input.push_back(span + from(0, 4));
  }
  before.insert(before.end(), after.begin(), after.end());
  c.attrs = attrs_of({{"kernel_size", kernel},
                      {"stride", stride},
                      {"padding", before},
                      {"dilation", dilation},
                      {"ceil_mode", from(0, 1) == 1}});
  if (is_mean) c.attrs.set("count_include_pad", from(0, 1) == 1);
  if (is_mean && from(0, 3) == 0) c.attrs.set("divisor_override", from(1, 5));
  return c;
}

}  // namespace

TEST_CASE("Pooling of volumes infers its output as PyTorch does", "[pool3d]") {
  const std::vector<Type> in = {f32({4, 8, 6, 28, 29})};
  CHECK(outcome_of("MaxPool3d", attrs_of({{"kernel_size", Shape{2, 2, 2}}}), in) ==
        "f32[4, 8, 3, 14, 14]");
  CHECK(outcome_of("AvgPool3d", attrs_of({{"kernel_size", Shape{2, 3, 2}}, {"ceil_mode", true}}),
                   in) == "f32[4, 8, 3, 10, 15]");
  CHECK(outcome_of("AdaptiveAvgPool3d", attrs_of({{"output_size", Shape{1, 0, 5}}}), in) ==
        "f32[4, 8, 1, 28, 5]");
}

TEST_CASE("Pooling of volumes says what is wrong", "[pool3d]") {
  CHECK(outcome_of("MaxPool3d", attrs_of({{"kernel_size", Shape{2, 2, 2}}}), {f32({4, 8, 6, 6})}) ==
        "the input must be [N, C, D, H, W], but is [4, 8, 6, 6]");
  CHECK(
      outcome_of("AvgPool3d",
                 attrs_of({{"kernel_size", Shape{2, 2, 2}}, {"padding", Shape{2, 0, 0, 0, 0, 0}}}),
                 {f32({1, 1, 6, 6, 6})}) ==
      "padding is [2, 0, 0, 0, 0, 0], but must be smaller than kernel_size [2, 2, 2]");
}

TEST_CASE("Pooling of volumes of known values", "[pool3d]") {
  const Operand volume = tensor({1, 1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 10});
  const auto run = [&](const std::string& op, const Attrs& attrs) {
    return run_compiled(op, attrs, {volume})[0].data;
  };
  CHECK(run("MaxPool3d", attrs_of({{"kernel_size", Shape{2, 2, 1}}})) ==
        std::vector<double>{7, 10});
  CHECK(run("AvgPool3d", attrs_of({{"kernel_size", Shape{2, 2, 2}}})) == std::vector<double>{4.75});
  CHECK(run("AvgPool3d",
            attrs_of({{"kernel_size", Shape{2, 1, 2}}, {"divisor_override", number(2)}})) ==
        std::vector<double>{7, 12});
  CHECK(run("AdaptiveMaxPool3d", attrs_of({{"output_size", Shape{1, 1, 1}}})) ==
        std::vector<double>{10});
  CHECK(run("AdaptiveAvgPool3d", attrs_of({{"output_size", Shape{1, 2, 1}}})) ==
        std::vector<double>{3.5, 6});
}

TEST_CASE("Pooling of volumes computes what its references compute", "[pool3d]") {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    for (const std::string op : {"MaxPool3d", "AvgPool3d"}) {
      const Case c = random_pool(random, op == "AvgPool3d");
      INFO(op << " of " << to_string(c.input) << " " << text_of(c.attrs) << "seed " << seed);
      check_lowering(op, c.attrs, {spread_tensor(c.input, random)});
      if (seed < 2) check_gradient(op, c.attrs, {spread_tensor(c.input, random)});
    }
    const auto size = [&](uint32_t most) { return static_cast<int64_t>(1 + random() % most); };
    const Shape input = {1, 2, size(4), size(5), size(6)};
    const Attrs attrs = attrs_of({{"output_size", Shape{size(3), size(4), size(3)}}});
    for (const std::string op : {"AdaptiveMaxPool3d", "AdaptiveAvgPool3d"}) {
      INFO(op << " of " << to_string(input) << " " << text_of(attrs) << "seed " << seed);
      check_lowering(op, attrs, {spread_tensor(input, random)});
      if (seed < 2) check_gradient(op, attrs, {spread_tensor(input, random)});
    }
  }
}

}  // namespace cnnc
