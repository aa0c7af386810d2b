// Flatten, Unflatten.
#include "tests/ops/moves.h"

namespace cnnc {
namespace {

Attrs from_to(int64_t start, int64_t end) {
  return attrs_of({{"start_dim", start}, {"end_dim", end}});
}

Attrs into(int64_t dim, std::vector<int64_t> sizes) {
  return attrs_of({{"dim", dim}, {"unflattened_size", list(std::move(sizes))}});
}

}  // namespace

TEST_CASE("Flatten infers its output", "[flatten]") {
  CHECK(outcome_of("Flatten", {}, {f32({64, 64, 7, 7})}) == "f32[64, 3136]");
  CHECK(outcome_of("Flatten", {}, {f32({64, 10})}) == "f32[64, 10]");
  CHECK(outcome_of("Flatten", from_to(-3, 3), {f32({2, 3, 4, 5})}) == "f32[2, 60]");
  CHECK(outcome_of("Flatten", from_to(2, -1), {f32({2, 3, 4, 5})}) == "f32[2, 3, 20]");
  CHECK(outcome_of("Flatten", from_to(1, -2), {i32({2, 3, 4, 5})}) == "i32[2, 12, 5]");
  CHECK(outcome_of("Flatten", from_to(0, -1), {f32({2, 3, 4, 5, 6, 7})}) == "f32[5040]");
  CHECK(outcome_of("Unflatten", into(1, {3, 4, 5}), {f32({2, 60})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("Unflatten", into(-2, {2, -1}), {f32({2, 6, 7})}) == "f32[2, 2, 3, 7]");
}

TEST_CASE("Flatten says what is wrong", "[flatten]") {
  CHECK(outcome_of("Flatten", {}, {f32({2})}) ==
        "start_dim is 1, but the input [2] has dimensions 0 to 0");
  CHECK(outcome_of("Flatten", from_to(1, 4), {f32({2, 3, 4, 5})}) ==
        "end_dim is 4, but the input [2, 3, 4, 5] has dimensions 0 to 3");
  CHECK(outcome_of("Flatten", from_to(3, 1), {f32({2, 3, 4, 5})}) ==
        "start_dim is 3, which comes after end_dim, 1");
  const std::string wrong = ", which cannot hold the 61 elements of dimension 1 of [2, 61]";
  CHECK(outcome_of("Unflatten", into(1, {3, 4, 5}), {f32({2, 61})}) ==
        "unflattened_size is [3, 4, 5]" + wrong);
  CHECK(outcome_of("Unflatten", into(1, {-1, 4}), {f32({2, 61})}) ==
        "unflattened_size is [-1, 4]" + wrong);
  CHECK(outcome_of("Unflatten", into(1, {-1, -1}), {f32({2, 61})}) ==
        "unflattened_size is [-1, -1]" + wrong);
  CHECK(outcome_of("Unflatten", into(1, {2, 2, 3, 1, 5}), {f32({2, 60, 2, 2})}) ==
        "the output would have 8 dimensions: a tensor has 1 to 6");
}

TEST_CASE("Flatten and Unflatten keep the elements in order", "[flatten]") {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 4, 5}, Shape{3, 7, 1, 2}}) {
    INFO(to_string(shape));
    const ReferenceTensor image = counted(shape);
    const ReferenceTensor flat = {{shape[0], shape[1] * shape[2] * shape[3]}, image.data};
    check_equal(run_compiled("Flatten", {}, {image})[0], flat, 0);
    check_equal(run_compiled("Unflatten", into(1, {shape[1], shape[2], shape[3]}), {flat})[0],
                image, 0);
    check_move("Flatten", {}, {image});
    check_move("Flatten", from_to(1, 2), {image});
    check_move("Flatten", from_to(0, 3), {image});
  }
  check_move("Flatten", {}, {counted({3, 7})});
  check_move("Unflatten", into(2, {2, 3}), {counted({3, 5, 6})});
}

TEST_CASE("The gradient rules of Flatten agree with finite differences", "[flatten][gradient]") {
  std::mt19937 random(6);
  check_gradient("Flatten", {}, {random_tensor({2, 3, 2, 2}, random)});
  check_gradient("Flatten", {}, {random_tensor({2, 3}, random)});
  check_gradient("Flatten", from_to(1, 2), {random_tensor({2, 3, 2, 2}, random)});
  check_gradient("Unflatten", into(1, {3, 1, 2}), {random_tensor({2, 6}, random)});
}

}  // namespace cnnc
