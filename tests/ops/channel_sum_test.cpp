// ChannelSum.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("ChannelSum infers its output", "[channel_sum]") {
  CHECK(outcome_of("ChannelSum", {}, {f32({2, 3, 4, 5})}) == "f32[3]");
  CHECK(outcome_of("ChannelSum", {}, {f32({2, 3})}) == "f32[3]");
  CHECK(outcome_of("ChannelSum", {}, {f32({3})}) ==
        "the gradient must be [N, C, H, W] or [N, C], but is [3]");
}

TEST_CASE("ChannelSum computes what its reference computes", "[channel_sum]") {
  for (const Shape& shape :
       {Shape{1, 1, 1, 1}, Shape{5, 3, 2, 7}, Shape{16, 2, 3, 3}, Shape{1, 4}, Shape{16, 10}}) {
    INFO(to_string(shape) << ", seed 1");
    std::mt19937 random(1);
    for (int lanes : {1, 4, 16}) {
      if (shape[0] % lanes != 0) continue;
      CompileOptions options;
      options.lanes = lanes;
      check_lowering("ChannelSum", {}, {random_tensor(shape, random)}, options);
    }
  }
}

}  // namespace cnnc
