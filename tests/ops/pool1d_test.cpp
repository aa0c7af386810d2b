// MaxPool1d, AvgPool1d, AdaptiveMaxPool1d, AdaptiveAvgPool1d.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

AttrValue one(int64_t value) { return std::vector<int64_t>{value}; }
AttrValue two(int64_t first, int64_t second) { return std::vector<int64_t>{first, second}; }

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
  const int64_t kernel = from(1, 5), dilation = from(1, 2);
  const int64_t span = (kernel - 1) * dilation + 1;
  const int64_t before = from(0, span - 1) / 2, after = from(0, span - 1) / 2;
  Case c;
  c.input = {from(1, 3), from(1, 4), from(span, span + 10)};
  c.attrs = attrs_of({{"kernel_size", one(kernel)},
                      {"stride", one(from(1, 4))},
                      {"padding", two(before, after)},
                      {"dilation", one(dilation)},
                      {"ceil_mode", from(0, 1) == 1}});
  if (is_mean) c.attrs.set("count_include_pad", from(0, 1) == 1);
  return c;
}

}  // namespace

TEST_CASE("Pooling of sequences infers its output as PyTorch does", "[pool1d]") {
  const std::vector<Type> in = {f32({4, 8, 28})};
  CHECK(outcome_of("MaxPool1d", attrs_of({{"kernel_size", one(3)}}), in) == "f32[4, 8, 9]");
  CHECK(outcome_of("MaxPool1d", attrs_of({{"kernel_size", one(3)}, {"ceil_mode", true}}), in) ==
        "f32[4, 8, 10]");
  CHECK(outcome_of("AvgPool1d",
                   attrs_of({{"kernel_size", one(4)}, {"padding", std::string("same_upper")}}),
                   in) == "f32[4, 8, 7]");
  CHECK(outcome_of("AdaptiveAvgPool1d", attrs_of({{"output_size", one(5)}}), in) == "f32[4, 8, 5]");
  CHECK(outcome_of("AdaptiveMaxPool1d", attrs_of({{"output_size", one(0)}}), in) ==
        "f32[4, 8, 28]");
}

TEST_CASE("Pooling of sequences says what is wrong", "[pool1d]") {
  CHECK(outcome_of("MaxPool1d", attrs_of({{"kernel_size", one(3)}}), {f32({4, 8, 28, 28})}) ==
        "the input must be [N, C, L], but is [4, 8, 28, 28]");
  CHECK(outcome_of("AvgPool1d", attrs_of({{"kernel_size", one(3)}, {"padding", two(3, 0)}}),
                   {f32({4, 8, 28})}) ==
        "padding is [3, 0], but must be smaller than kernel_size [3]");
  CHECK(outcome_of("AdaptiveAvgPool1d", attrs_of({{"output_size", one(5)}}), {f32({4, 8})}) ==
        "the input must be [N, C, L], but is [4, 8]");
}

TEST_CASE("Pooling of sequences of known values", "[pool1d]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Operand row = tensor({1, 1, 5}, {1, 3, 5, 10, 20});
  const auto run = [&](const std::string& op, const Attrs& attrs, const Operand& input) {
    return run_compiled(op, attrs, {input})[0].data;
  };
  const Attrs window =
      attrs_of({{"kernel_size", one(3)}, {"stride", one(2)}, {"padding", two(1, 1)}});
  CHECK(run("MaxPool1d", window, row) == std::vector<double>{3, 10, 20});
  CHECK(run("AvgPool1d", attrs_of({{"kernel_size", one(2)}}), row) == std::vector<double>{2, 7.5});
  CHECK(run("AdaptiveAvgPool1d", attrs_of({{"output_size", one(3)}}), row) ==
        std::vector<double>{2, 6, 15});
  CHECK(run("AdaptiveMaxPool1d", attrs_of({{"output_size", one(3)}}), row) ==
        std::vector<double>{3, 10, 20});
  const std::vector<double> found =
      run("MaxPool1d", window, tensor({1, 1, 5}, {1, nan, 5, 10, 20}));
  CHECK(found[0] != found[0]);
  CHECK(found[2] == 20);
}

TEST_CASE("Pooling of sequences computes what its references compute", "[pool1d]") {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    std::mt19937 random(seed);
    for (const std::string op : {"MaxPool1d", "AvgPool1d"}) {
      const Case c = random_pool(random, op == "AvgPool1d");
      INFO(op << " of " << to_string(c.input) << " " << text_of(c.attrs) << "seed " << seed);
      check_lowering(op, c.attrs, {spread_tensor(c.input, random)});
      if (seed < 4) check_gradient(op, c.attrs, {spread_tensor(c.input, random)});
    }
    const auto size = [&](uint32_t most) { return static_cast<int64_t>(1 + random() % most); };
    const Shape input = {2, size(3), size(12)};
    const Attrs attrs = attrs_of({{"output_size", one(size(8))}});
    for (const std::string op : {"AdaptiveMaxPool1d", "AdaptiveAvgPool1d"}) {
      INFO(op << " of " << to_string(input) << " " << text_of(attrs) << "seed " << seed);
      check_lowering(op, attrs, {spread_tensor(input, random)});
      if (seed < 4) check_gradient(op, attrs, {spread_tensor(input, random)});
    }
  }
}

}  // namespace cnnc
