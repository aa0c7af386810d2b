// Flatten, Unflatten.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs unflatten_attrs(int64_t channels, int64_t height, int64_t width) {
  return attrs_of({{"channels", channels}, {"height", height}, {"width", width}});
}

}  // namespace

TEST_CASE("Flatten infers its output", "[flatten]") {
  CHECK(outcome_of("Flatten", {}, {f32({64, 64, 7, 7})}) == "f32[64, 3136]");
  CHECK(outcome_of("Flatten", {}, {f32({64, 10})}) == "f32[64, 10]");
  CHECK(outcome_of("Flatten", attrs_of({{"start_dim", number(-3)}, {"end_dim", number(3)}}),
                   {f32({2, 3, 4, 5})}) == "f32[2, 60]");
  CHECK(outcome_of("Unflatten", unflatten_attrs(3, 4, 5), {f32({2, 60})}) == "f32[2, 3, 4, 5]");
}

TEST_CASE("Flatten says what is wrong", "[flatten]") {
  CHECK(outcome_of("Flatten", attrs_of({{"start_dim", number(0)}}), {f32({2, 3, 4, 5})}) ==
        "start_dim is 0, but Flatten joins all dimensions but the batch: start_dim must be 1 and "
        "end_dim -1");
  CHECK(outcome_of("Flatten", attrs_of({{"end_dim", number(2)}}), {f32({2, 3, 4, 5})}) ==
        "end_dim is 2, but Flatten joins all dimensions but the batch: start_dim must be 1 and "
        "end_dim -1");
  CHECK(outcome_of("Flatten", {}, {f32({2})}) ==
        "the input must be [N, C, H, W] or [N, C], but is [2]");
  CHECK(outcome_of("Unflatten", unflatten_attrs(3, 4, 5), {f32({2, 61})}) ==
        "cannot turn [2, 61] into [2, 3, 4, 5]");
}

TEST_CASE("Flatten and Unflatten keep the elements in order", "[flatten]") {
  std::mt19937 random(5);
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 4, 5}, Shape{3, 7, 1, 2}}) {
    INFO(to_string(shape));
    const ReferenceTensor image = random_tensor(shape, random);
    const ReferenceTensor flat = {{shape[0], shape[1] * shape[2] * shape[3]}, image.data};
    check_equal(run_compiled("Flatten", {}, {image})[0], flat, 0);
    check_equal(run_compiled("Unflatten", unflatten_attrs(shape[1], shape[2], shape[3]), {flat})[0],
                image, 0);
    check_lowering("Flatten", {}, {image}, {}, 0);
  }
  check_lowering("Flatten", {}, {random_tensor({3, 7}, random)}, {}, 0);
}

TEST_CASE("The gradient rules of Flatten agree with finite differences", "[flatten][gradient]") {
  std::mt19937 random(6);
  check_gradient("Flatten", {}, {random_tensor({2, 3, 2, 2}, random)});
  check_gradient("Flatten", {}, {random_tensor({2, 3}, random)});
  check_gradient("Unflatten", unflatten_attrs(3, 1, 2), {random_tensor({2, 6}, random)});
}

}  // namespace cnnc
