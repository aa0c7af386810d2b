// ChannelsFirst.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("ChannelsFirst infers its output and says what is wrong", "[channels_first]") {
  CHECK(outcome_of("ChannelsFirst", {}, {f32({2, 4, 5, 3})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("ChannelsFirst", {}, {{DType::u8, {1, 28, 28, 1}}}) == "u8[1, 1, 28, 28]");
  CHECK(outcome_of("ChannelsFirst", {}, {f32({2, 3})}) ==
        "the input must be [N, H, W, C], but is [2, 3]");
}

TEST_CASE("ChannelsFirst moves every element to its place", "[channels_first]") {
  std::mt19937 random(1);
  CompileOptions vectors;
  vectors.vector = 8;
  for (const Shape& shape : {Shape{2, 4, 5, 3}, Shape{1, 1, 1, 1}, Shape{3, 7, 2, 17}}) {
    check_lowering("ChannelsFirst", {}, {random_tensor(shape, random)}, {}, 0);
    check_lowering("ChannelsFirst", {}, {random_tensor(shape, random)}, vectors, 0);
    check_lowering("ChannelsFirst", {}, {Operand(random_integers(shape, 256, random), DType::u8)},
                   vectors, 0);
  }
}

}  // namespace cnnc
