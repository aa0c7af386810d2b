// Cast.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {

TEST_CASE("Cast infers its output", "[cast]") {
  CHECK(outcome_of("Cast", {}, {{DType::u8, {2, 3, 4, 5}}}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("Cast", {}, {i32({7})}) == "f32[7]");
}

TEST_CASE("Cast keeps the numbers", "[cast]") {
  std::mt19937 random(1);
  CompileOptions vectors;
  vectors.vector = 8;
  for (const Shape& shape : {Shape{2, 3, 5, 9}, Shape{4, 33}, Shape{1}}) {
    const Operand bytes(random_integers(shape, 256, random), DType::u8);
    check_lowering("Cast", {}, {bytes}, {}, 0);
    check_lowering("Cast", {}, {bytes}, vectors, 0);
    check_lowering("Cast", {}, {Operand(random_integers(shape, 1 << 20, random), DType::i32)}, {},
                   0);
  }
}

}  // namespace cnnc
