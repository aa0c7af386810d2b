// PadBatch, CropBatch.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs rows(int64_t count) { return attrs_of({{"rows", count}}); }

Operand count_of(int64_t count) { return {tensor({1}, {static_cast<double>(count)}), DType::i32}; }

}  // namespace

TEST_CASE("PadBatch and CropBatch infer their outputs and say what is wrong", "[pad_batch]") {
  CHECK(outcome_of("PadBatch", rows(16), {f32({5, 1, 2, 3})}) == "f32[16, 1, 2, 3]");
  CHECK(outcome_of("PadBatch", rows(16), {i32({5}), i32({1})}) == "i32[16]");
  CHECK(outcome_of("PadBatch", rows(4), {f32({5, 7})}) == "cannot pad [5, 7] to 4 rows");
  CHECK(outcome_of("PadBatch", rows(16), {f32({5, 7}), f32({1})}) ==
        "the count must be i32[1], but is f32[1]");
  CHECK(outcome_of("CropBatch", rows(4), {f32({5, 7})}) == "f32[4, 7]");
  CHECK(outcome_of("CropBatch", rows(6), {f32({5, 7})}) == "cannot crop [5, 7] to 6 rows");
}

TEST_CASE("PadBatch and CropBatch compute what their references compute", "[pad_batch]") {
  std::mt19937 random(1);
  const ReferenceTensor image = random_tensor({5, 2, 3, 4}, random);
  const ReferenceTensor flat = random_tensor({5, 3}, random);
  check_lowering("PadBatch", rows(16), {image}, {}, 0);
  check_lowering("PadBatch", rows(5), {image}, {}, 0);
  for (int64_t count : {0, 1, 3, 5, 8}) {
    INFO("count " << count);
    check_lowering("PadBatch", rows(16), {image, count_of(count)}, {}, 0);
    check_lowering("PadBatch", rows(5), {flat, count_of(count)}, {}, 0);
    check_lowering("PadBatch", rows(8),
                   {Operand(tensor({5}, {1, 2, 3, 4, 5}), DType::i32), count_of(count)}, {}, 0);
  }
  check_lowering("CropBatch", rows(1), {image}, {}, 0);
  check_lowering("CropBatch", rows(5), {flat}, {}, 0);
}

TEST_CASE("Padding replaces whatever stands in the rows that do not count", "[pad_batch]") {
  const ReferenceTensor input = tensor({3, 1}, {1, std::numeric_limits<double>::quiet_NaN(),
                                                std::numeric_limits<double>::infinity()});
  CHECK(run_compiled("PadBatch", rows(4), {input, count_of(1)})[0].data ==
        std::vector<double>{1, 0, 0, 0});
}

TEST_CASE("The gradient rules of PadBatch agree with finite differences", "[pad_batch][gradient]") {
  std::mt19937 random(2);
  const ReferenceTensor flat = random_tensor({3, 2}, random);
  check_gradient("PadBatch", rows(5), {flat});
  check_gradient("PadBatch", rows(5), {flat, count_of(2)});
  check_gradient("PadBatch", rows(3), {flat, count_of(2)});
  check_gradient("CropBatch", rows(2), {flat});
}

}  // namespace cnnc
