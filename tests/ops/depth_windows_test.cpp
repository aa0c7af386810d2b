// DepthWindows, FoldDepth.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

struct Case {
  int64_t kernel, stride, dilation, padding, depth, windows;
  Shape rest;  // N, C, H, W
};

Attrs attrs_of_case(const Case& c) {
  return attrs_of({{"kernel", c.kernel},
                   {"stride", c.stride},
                   {"dilation", c.dilation},
                   {"padding", c.padding},
                   {"depth", c.depth},
                   {"windows", c.windows}});
}

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {1, 1, 1, 0, 1, 1, {2, 3, 2, 2}},  {1, 1, 1, 0, 4, 4, {2, 3, 2, 3}},
      {3, 1, 1, 1, 5, 5, {2, 2, 1, 3}},  {2, 2, 1, 0, 6, 3, {3, 1, 2, 2}},
      {3, 2, 2, 2, 7, 4, {1, 2, 2, 1}},  {2, 3, 1, 0, 8, 2, {1, 1, 1, 2}},
      {9, 1, 1, 4, 9, 9, {1, 1, 2, 1}},  {4, 1, 1, 0, 4, 1, {2, 2, 1, 1}},
      {10, 3, 1, 5, 6, 3, {4, 1, 1, 2}}, {3, 1, 1, 0, 1, 1, {1, 1, 2, 2}},  // one tap is inside
  };
  return list;
}

}  // namespace

TEST_CASE("DepthWindows and FoldDepth check their inputs", "[depth_windows]") {
  const Attrs attrs = attrs_of_case({3, 1, 1, 1, 5, 5, {}});
  CHECK(outcome_of("DepthWindows", attrs, {f32({2, 4, 5, 6, 7})}) == "f32[10, 12, 6, 7]");
  CHECK(outcome_of("FoldDepth", attrs, {f32({10, 12, 6, 7})}) == "f32[2, 4, 5, 6, 7]");
  CHECK(outcome_of("DepthWindows", attrs, {f32({2, 4, 6, 6, 7})}) ==
        "the input must be f32[2, 4, 5, 6, 7], but is f32[2, 4, 6, 6, 7]");
  CHECK(outcome_of("FoldDepth", attrs, {f32({11, 12, 6, 7})}) ==
        "cannot fold [11, 12, 6, 7] from 5 windows of 3");
}

TEST_CASE("DepthWindows and FoldDepth compute what their references compute", "[depth_windows]") {
  for (size_t i = 0; i < cases().size(); ++i) {
    const Case& c = cases()[i];
    INFO("case and seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const Shape volume = {c.rest[0], c.rest[1], c.depth, c.rest[2], c.rest[3]};
    const Shape images = {c.rest[0] * c.windows, c.rest[1] * c.kernel, c.rest[2], c.rest[3]};
    const Operand input = random_tensor(volume, random);
    check_lowering("DepthWindows", attrs_of_case(c), {input});
    check_gradient("DepthWindows", attrs_of_case(c), {input});
    std::vector<Operand> folded = {random_tensor(images, random)};
    folded.emplace_back(i % 2 == 0 ? random_tensor({c.rest[1]}, random) : absent());
    check_lowering("FoldDepth", attrs_of_case(c), folded);
    check_gradient("FoldDepth", attrs_of_case(c), folded);
  }
}

}  // namespace cnnc
