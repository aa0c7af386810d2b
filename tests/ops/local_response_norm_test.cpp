// LocalResponseNorm, LocalResponseNormRatio, LocalResponseNormGrad.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs window(int64_t size, double alpha = 1e-4, double beta = 0.75, double k = 1) {
  return attrs_of({{"size", size}, {"alpha", alpha}, {"beta", beta}, {"k", k}});
}

}  // namespace

TEST_CASE("LocalResponseNorm infers its output and says what is wrong", "[local_response_norm]") {
  CHECK(outcome_of("LocalResponseNorm", window(5), {f32({2, 6, 4, 5})}) == "f32[2, 6, 4, 5]");
  CHECK(outcome_of("LocalResponseNorm", window(5), {f32({2, 6})}) ==
        "the input must be [N, C, L], [N, C, H, W] or the like, but is [2, 6]");
}

TEST_CASE("LocalResponseNorm computes what its reference computes", "[local_response_norm]") {
  std::mt19937 random(1);
  for (const Shape& shape : {Shape{2, 7, 3, 4}, Shape{3, 1, 2, 2}, Shape{2, 4, 6}}) {
    for (int64_t size : {1, 2, 3, 5, 12}) {
      INFO(to_string(shape) << ", size " << size << ", seed 1");
      const Attrs attrs = window(size, 0.5, 0.75, 2);
      const ReferenceTensor x = random_tensor(shape, random), up = random_tensor(shape, random),
                            ratio = random_tensor(shape, random);
      check_lowering("LocalResponseNorm", attrs, {x});
      check_lowering("LocalResponseNormRatio", attrs, {x, up});
      check_lowering("LocalResponseNormGrad", attrs, {x, up, ratio});
    }
  }
}

TEST_CASE("LocalResponseNorm gives what PyTorch gives", "[local_response_norm]") {
  // torch.nn.functional.local_response_norm of channels 1, 2, 3, size 2, alpha 2, beta 1, k 1: the
  // window of a channel has the one before it.
  check_equal(
      run_reference("LocalResponseNorm", window(2, 2, 1, 1), {tensor({1, 3, 1}, {1, 2, 3})})[0],
      tensor({1, 3, 1}, {1.0 / 2, 2.0 / 6, 3.0 / 14}), 1e-12);
}

TEST_CASE("LocalResponseNorm's gradient rule agrees with finite differences",
          "[local_response_norm][gradient]") {
  std::mt19937 random(2);
  for (int64_t size : {1, 2, 3, 6}) {
    check_gradient("LocalResponseNorm", window(size, 0.8, 0.6, 1.5),
                   {random_tensor({2, 4, 2, 2}, random)});
  }
}

}  // namespace cnnc
