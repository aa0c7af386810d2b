// Normalize.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs with(std::vector<double> mean, std::vector<double> std) {
  return attrs_of({{"mean", std::move(mean)}, {"std", std::move(std)}});
}

// Compiled code gives the bits that float arithmetic gives.
void check_bits(float mean, float std) {
  INFO("mean " << mean << ", std " << std);
  ReferenceTensor pixels = zeros({1, 1, 16, 16});
  for (size_t i = 0; i < 256; ++i) {
    pixels.data[i] = static_cast<double>(static_cast<float>(i) / 255.0F);
  }
  CompileOptions options;
  options.vector = 8;
  const std::vector<double> found =
      run_compiled("Normalize", with({mean}, {std}), {pixels}, options)[0].data;
  for (size_t i = 0; i < 256; ++i) {
    const float wanted = (static_cast<float>(pixels.data[i]) - mean) / std;
    if (found[i] != static_cast<double>(wanted)) CHECK(found[i] == static_cast<double>(wanted));
  }
}

}  // namespace

TEST_CASE("Normalize infers its output and says what is wrong", "[normalize]") {
  CHECK(outcome_of("Normalize", with({0.5}, {0.5}), {f32({2, 3, 4, 5})}) == "f32[2, 3, 4, 5]");
  CHECK(outcome_of("Normalize", with({0.5, 0.4, 0.3}, {0.5}), {f32({2, 3})}) == "f32[2, 3]");
  CHECK(outcome_of("Normalize", with({0.5, 0.4}, {0.5, 0.5, 0.5, 0.5}), {f32({2, 3, 4, 5})}) ==
        "mean has 2 values, but the input [2, 3, 4, 5] has 3 channels; "
        "std has 4 values, but the input [2, 3, 4, 5] has 3 channels");
  CHECK(outcome_of("Normalize", with({0.5}, {0.5, 0, 1}), {f32({2, 3, 4, 5})}) ==
        "std must be above 0, but is 0");
}

TEST_CASE("Normalize computes what its reference computes", "[normalize]") {
  std::mt19937 random(1);
  const ReferenceTensor image = random_tensor({2, 3, 4, 5}, random);
  check_lowering("Normalize", with({0.5}, {0.5}), {image});
  check_lowering("Normalize", with({0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}), {image});
  check_lowering("Normalize", with({0.485, 0.456, 0.406}, {0.5, 0.25, 4}), {image});
  check_lowering("Normalize", with({0.1}, {0.229, 0.224, 0.225}), {random_tensor({4, 3}, random)});
}

TEST_CASE("Normalize is exact", "[normalize]") {
  check_bits(0.5F, 0.5F);
  check_bits(0.1307F, 0.3081F);
  check_bits(0.25F, 4.0F);
  check_bits(0.0F, 255.0F);
}

TEST_CASE("Normalize's gradient rule agrees with finite differences", "[normalize][gradient]") {
  std::mt19937 random(2);
  check_gradient("Normalize", with({0.5, 0.4, 0.3}, {0.2, 0.3, 0.4}),
                 {random_tensor({2, 3, 2, 2}, random)});
}

}  // namespace cnnc
