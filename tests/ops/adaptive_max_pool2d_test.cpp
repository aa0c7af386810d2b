// AdaptiveMaxPool2d, AdaptiveMaxPool2dGrad.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/ops/adaptive_cases.h"

namespace cnnc {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("AdaptiveMaxPool2d infers its output as PyTorch does", "[adaptive_max_pool2d]") {
  const auto outcome = [](int64_t height, int64_t width, const Shape& in) {
    return outcome_of("AdaptiveMaxPool2d", attrs_of({{"output_size", pair(height, width)}}),
                      {f32(in)});
  };
  CHECK(outcome(1, 1, {4, 8, 7, 7}) == "f32[4, 8, 1, 1], i32[4, 8, 1, 1]");
  CHECK(outcome(5, 0, {4, 8, 7, 9}) == "f32[4, 8, 5, 9], i32[4, 8, 5, 9]");
  CHECK(outcome(1, 1, {4, 8}) == "the input must be [N, C, H, W], but is [4, 8]");
  CHECK(outcome(2147483647, 1, {1, 1, 7, 7}) ==
        "output_size [2147483647, 1] is too large for the input [1, 1, 7, 7]");
}

TEST_CASE("AdaptiveMaxPool2d of known values", "[adaptive_max_pool2d]") {
  // Windows [0, 2), [1, 4), [3, 5), as torch.nn.AdaptiveMaxPool2d((1, 3)) has them.
  const auto check = [](const ReferenceTensor& input, const std::vector<double>& values,
                        const std::vector<double>& indices) {
    const auto width = static_cast<int64_t>(values.size());
    const std::vector<ReferenceTensor> found =
        run_compiled("AdaptiveMaxPool2d", attrs_of({{"output_size", pair(1, width)}}), {input});
    check_equal(found[0], tensor({1, 1, 1, width}, values), 0);
    CHECK(found[1].data == indices);
  };
  check(tensor({1, 1, 1, 5}, {1, 5, 3, 5, 2}), {5, 5, 5}, {1, 1, 3});
  check(tensor({1, 1, 1, 2}, {1, 3}), {1, 3, 3}, {0, 1, 1});
  check(tensor({1, 1, 2, 2}, {1, kNan, 5, 10}), {kNan}, {1});
  check(tensor({1, 1, 2, 2}, {kNan, 1, kNan, 10}), {kNan}, {2});  // the last NaN
  check(tensor({1, 1, 2, 2}, {-kInfinity, -kInfinity, -kInfinity, -kInfinity}),
        {-kInfinity, -kInfinity}, {0, 1});
}

TEST_CASE("AdaptiveMaxPool2dGrad is a cheap gather where windows do not overlap",
          "[adaptive_max_pool2d]") {
  const OpDef& op = *find_op("AdaptiveMaxPool2dGrad");
  CHECK(op.more_traits(grad_attrs("AdaptiveMaxPool2d", adaptive_cases()[0]), {}) == kCheapGather);
  CHECK(op.more_traits(grad_attrs("AdaptiveMaxPool2d", adaptive_cases()[1]), {}) == kCheapGather);
  CHECK(op.more_traits(grad_attrs("AdaptiveMaxPool2d", adaptive_cases()[2]), {}) == 0);
  CHECK(op.more_traits(grad_attrs("AdaptiveMaxPool2d", adaptive_cases()[4]), {}) == 0);
}

TEST_CASE("AdaptiveMaxPool2d and its gradient compute what their references compute",
          "[adaptive_max_pool2d]") {
  for (size_t i = 0; i < adaptive_cases().size(); ++i) {
    const AdaptiveCase& c = adaptive_cases()[i];
    INFO(to_string(c.input) << " to " << c.height << "x" << c.width << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    const ReferenceTensor input = random_tensor(c.input, random);
    check_lowering("AdaptiveMaxPool2d", attrs_of_case(c), {input}, vectors(i % 2 == 0 ? 0 : 8), 0);
    const std::vector<ReferenceTensor> pool =
        run_reference("AdaptiveMaxPool2d", attrs_of_case(c), {input});
    const ReferenceTensor upstream = random_tensor(pool[0].shape, random);
    check_lowering("AdaptiveMaxPool2dGrad", grad_attrs("AdaptiveMaxPool2d", c),
                   {upstream, Operand(pool[1], DType::i32)}, vectors(i % 2 == 0 ? 8 : 0));
  }
}

TEST_CASE("AdaptiveMaxPool2d's gradient rule agrees with finite differences",
          "[adaptive_max_pool2d][gradient]") {
  for (size_t i = 0; i < adaptive_cases().size(); ++i) {
    const AdaptiveCase& c = adaptive_cases()[i];
    INFO(to_string(c.input) << " to " << c.height << "x" << c.width << ", seed " << i);
    std::mt19937 random(static_cast<uint32_t>(i));
    check_gradient("AdaptiveMaxPool2d", attrs_of_case(c), {spread_tensor(c.input, random)});
  }
}

}  // namespace cnnc
