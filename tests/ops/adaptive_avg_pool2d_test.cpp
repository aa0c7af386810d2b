// AdaptiveAvgPool2d, AdaptiveAvgPool2dGrad.
#include <catch2/catch.hpp>

#include "tests/ops/adaptive_cases.h"

namespace cnnc {
TEST_CASE("AdaptiveAvgPool2d infers its output as PyTorch does", "[adaptive_avg_pool2d]") {
  const auto outcome = [](int64_t height, int64_t width, const Shape& in) {
    return outcome_of("AdaptiveAvgPool2d", attrs_of({{"output_size", pair(height, width)}}),
                      {f32(in)});
  };
  CHECK(outcome(1, 1, {4, 8, 7, 7}) == "f32[4, 8, 1, 1]");
  CHECK(outcome(5, 0, {4, 8, 7, 9}) == "f32[4, 8, 5, 9]");
  CHECK(outcome(1, 1, {4, 8}) == "the input must be [N, C, H, W], but is [4, 8]");
  CHECK(outcome(2147483647, 1, {1, 1, 7, 7}) ==
        "output_size [2147483647, 1] is too large for the input [1, 1, 7, 7]");
}

TEST_CASE("AdaptiveAvgPool2d of known values", "[adaptive_avg_pool2d]") {
  // Windows [0, 2), [1, 4), [3, 5), as torch.nn.AdaptiveAvgPool2d((1, 3)) has them.
  const auto pool = [](int64_t width, const ReferenceTensor& row) {
    return run_compiled("AdaptiveAvgPool2d", attrs_of({{"output_size", pair(1, width)}}), {row})[0]
        .data;
  };
  CHECK(pool(3, tensor({1, 1, 1, 5}, {1, 3, 5, 10, 20})) == std::vector<double>{2, 6, 15});
  CHECK(pool(2, tensor({1, 1, 1, 4}, {1, 3, 5, 10})) == std::vector<double>{2, 7.5});
  CHECK(pool(4, tensor({1, 1, 1, 2}, {1, 3})) == std::vector<double>{1, 1, 3, 3});
  CHECK(pool(3, tensor({1, 1, 1, 2}, {1, 3})) == std::vector<double>{1, 2, 3});
  CHECK(pool(1, tensor({1, 1, 2, 2}, {1, 3, 5, 10})) == std::vector<double>{4.75});
}

TEST_CASE("AdaptiveAvgPool2dGrad is a cheap gather where windows do not overlap",
          "[adaptive_avg_pool2d]") {
  const OpDef& op = *find_op("AdaptiveAvgPool2dGrad");
  CHECK(op.more_traits(grad_attrs("AdaptiveAvgPool2d", adaptive_cases()[0]), {}) == kCheapGather);
  CHECK(op.more_traits(grad_attrs("AdaptiveAvgPool2d", adaptive_cases()[1]), {}) == kCheapGather);
  CHECK(op.more_traits(grad_attrs("AdaptiveAvgPool2d", adaptive_cases()[2]), {}) == 0);
  CHECK(op.more_traits(grad_attrs("AdaptiveAvgPool2d", adaptive_cases()[4]), {}) == 0);
}

TEST_CASE("AdaptiveAvgPool2d and its gradient compute what their references compute",
          "[adaptive_avg_pool2d]") {
  for (size_t i = 0; i < adaptive_cases().size(); ++i) {
    const AdaptiveCase& c = adaptive_cases()[i];
    INFO(to_string(c.input) << " to " << c.height << "x" << c.width << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const ReferenceTensor input = random_tensor(c.input, random);
    check_lowering("AdaptiveAvgPool2d", attrs_of_case(c), {input}, vectors(i % 2 == 0 ? 0 : 8));
    const Shape out = run_reference("AdaptiveAvgPool2d", attrs_of_case(c), {input})[0].shape;
    check_lowering("AdaptiveAvgPool2dGrad", grad_attrs("AdaptiveAvgPool2d", c),
                   {random_tensor(out, random)}, vectors(i % 2 == 0 ? 8 : 0));
  }
}

TEST_CASE("AdaptiveAvgPool2d's gradient rule agrees with finite differences",
          "[adaptive_avg_pool2d][gradient]") {
  for (size_t i = 0; i < adaptive_cases().size(); ++i) {
    const AdaptiveCase& c = adaptive_cases()[i];
    INFO(to_string(c.input) << " to " << c.height << "x" << c.width << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_gradient("AdaptiveAvgPool2d", attrs_of_case(c), {random_tensor(c.input, random)});
  }
}

}  // namespace cnnc
