// ChannelScale.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("ChannelScale infers its output", "[channel_scale]") {
  CHECK(outcome_of("ChannelScale", {}, {f32({2, 3, 4}), f32({3}), f32({3})}) == "f32[2, 3, 4]");
  CHECK(outcome_of("ChannelScale", {}, {f32({2, 3, 4}), f32({4}), f32({3})}) ==
        "the scale must be f32[3], but is f32[4]");
  CHECK(outcome_of("ChannelScale", {}, {f32({2}), f32({2}), f32({2})}) ==
        "the input must have channels, but is [2]");
}

TEST_CASE("ChannelScale computes what its reference computes", "[channel_scale]") {
  for (const Shape& shape :
       {Shape{1, 1}, Shape{5, 3}, Shape{2, 3, 4}, Shape{5, 3, 2, 7}, Shape{2, 2, 2, 3, 2}}) {
    INFO(to_string(shape) << ", seed 1");
    std::mt19937 random(1);
    check_lowering("ChannelScale", {},
                   {random_tensor(shape, random), random_tensor({shape[1]}, random),
                    random_tensor({shape[1]}, random)});
  }
}

}  // namespace cnnc
