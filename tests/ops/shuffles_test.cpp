// ChannelShuffle, PixelShuffle, PixelUnshuffle.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs groups(int64_t number) { return attrs_of({{"groups", number}}); }
Attrs up(int64_t factor) { return attrs_of({{"upscale_factor", factor}}); }
Attrs down(int64_t factor) { return attrs_of({{"downscale_factor", factor}}); }

}  // namespace

TEST_CASE("Shuffles infer their outputs and say what is wrong", "[shuffles]") {
  CHECK(outcome_of("ChannelShuffle", groups(3), {f32({2, 6, 4, 5})}) == "f32[2, 6, 4, 5]");
  CHECK(outcome_of("ChannelShuffle", groups(4), {f32({2, 6, 4, 5})}) ==
        "groups is 4, which does not divide the channels, 6");
  CHECK(outcome_of("ChannelShuffle", groups(1), {f32({2})}) ==
        "the input must have channels, but is [2]");
  CHECK(outcome_of("PixelShuffle", up(2), {i32({2, 12, 4, 5})}) == "i32[2, 3, 8, 10]");
  CHECK(outcome_of("PixelShuffle", up(3), {f32({2, 12, 4, 5})}) ==
        "upscale_factor is 3, whose square does not divide the channels, 12");
  CHECK(outcome_of("PixelShuffle", up(1), {f32({2, 12, 4})}) ==
        "the input must be [N, C, H, W], but is [2, 12, 4]");
  CHECK(outcome_of("PixelUnshuffle", down(2), {f32({2, 3, 8, 10})}) == "f32[2, 12, 4, 5]");
  CHECK(outcome_of("PixelUnshuffle", down(5), {f32({2, 3, 8, 10})}) ==
        "downscale_factor is 5, which does not divide the height, 8");
  CHECK(outcome_of("PixelUnshuffle", down(4), {f32({2, 3, 8, 10})}) ==
        "downscale_factor is 4, which does not divide the width, 10");
}

TEST_CASE("Shuffles move elements as PyTorch does", "[shuffles]") {
  CHECK(moved("ChannelShuffle", groups(2), {{1, 6}}).data == std::vector<double>{0, 3, 1, 4, 2, 5});
  CHECK(moved("PixelShuffle", up(2), {{1, 4, 1, 2}}).data ==
        std::vector<double>{0, 2, 1, 3, 4, 6, 5, 7});
  CHECK(moved("PixelUnshuffle", down(2), {{1, 1, 2, 4}}).data ==
        std::vector<double>{0, 2, 1, 3, 4, 6, 5, 7});
  check_move("ChannelShuffle", groups(3), {counted({2, 12, 3, 2})});
  check_move("ChannelShuffle", groups(4), {counted({2, 12, 3})});
  check_move("PixelShuffle", up(3), {counted({2, 18, 3, 2})});
  check_move("PixelUnshuffle", down(3), {counted({2, 2, 6, 9})});
}

TEST_CASE("The gradient rules of shuffles agree with finite differences", "[shuffles][gradient]") {
  std::mt19937 random(15);
  check_gradient("ChannelShuffle", groups(3), {random_tensor({2, 6, 2}, random)});
  check_gradient("PixelShuffle", up(2), {random_tensor({1, 8, 2, 1}, random)});
  check_gradient("PixelUnshuffle", down(2), {random_tensor({1, 2, 4, 2}, random)});
}

}  // namespace cnnc
