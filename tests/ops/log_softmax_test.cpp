// LogSoftmax, LogSoftmaxGrad.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs along(int64_t dim) { return attrs_of({{"dim", dim}}); }

CompileOptions vectors(int width) {
  CompileOptions options;
  options.vector = width;
  return options;
}

ReferenceTensor scaled(ReferenceTensor tensor, double factor) {
  for (double& value : tensor.data) value *= factor;
  return tensor;
}

}  // namespace

TEST_CASE("LogSoftmax infers its output and says what is wrong", "[log_softmax]") {
  CHECK(outcome_of("LogSoftmax", {}, {f32({4, 10})}) == "f32[4, 10]");
  CHECK(inferred("LogSoftmax", {}, {f32({4, 10})}).integer("dim") == 1);
  CHECK(inferred("LogSoftmax", along(-1), {f32({4, 3, 2, 5})}).integer("dim") == 3);
  CHECK(inferred("LogSoftmax", along(-3), {f32({4, 3, 2, 5})}).integer("dim") == 1);
  CHECK(outcome_of("LogSoftmax", along(2), {f32({4, 10})}) ==
        "dim is 2, but the input [4, 10] has 2 dimensions");
  CHECK(outcome_of("LogSoftmaxGrad", {}, {f32({4, 10}), f32({4, 9})}) ==
        "the output must be f32[4, 10], but is f32[4, 9]");
}

TEST_CASE("LogSoftmax and its gradient compute what their references compute", "[log_softmax]") {
  for (const Shape& shape : {Shape{6}, Shape{1, 1}, Shape{5, 10}, Shape{3, 4, 6}, Shape{2, 7, 3, 5},
                             Shape{2, 3, 2, 3, 4}}) {
    for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim) {
      for (int width : {0, 8}) {
        INFO(to_string(shape) << ", dim " << dim << ", vectors of " << width << ", seed 1");
        std::mt19937 random(1);
        const ReferenceTensor logits = scaled(random_tensor(shape, random), 8);
        check_lowering("LogSoftmax", along(dim), {logits}, vectors(width));
        check_lowering(
            "LogSoftmaxGrad", along(dim),
            {random_tensor(shape, random), run_reference("LogSoftmax", along(dim), {logits})[0]},
            vectors(width));
      }
    }
  }
}

TEST_CASE("LogSoftmax neither overflows nor underflows", "[log_softmax]") {
  const ReferenceTensor logits = tensor({2, 3}, {1000, -1000, 999, -1e5, -1e5, 1e5});
  for (int width : {0, 8}) check_lowering("LogSoftmax", along(1), {logits}, vectors(width));
}

TEST_CASE("LogSoftmax propagates NaN", "[log_softmax]") {
  const ReferenceTensor logits =
      tensor({2, 3}, {1, std::numeric_limits<double>::quiet_NaN(), 2, 1, 2, 3});
  for (int width : {0, 4, 8}) {
    INFO("vectors of " << width);
    const std::vector<double> found =
        run_compiled("LogSoftmax", along(1), {logits}, vectors(width))[0].data;
    for (size_t i : {0, 1, 2}) CHECK(std::isnan(found[i]));
    for (size_t i : {3, 4, 5}) CHECK(std::isfinite(found[i]));
  }
}

TEST_CASE("LogSoftmax's gradient rule agrees with finite differences", "[log_softmax][gradient]") {
  std::mt19937 random(2);
  check_gradient("LogSoftmax", along(1), {random_tensor({3, 4}, random)});
  check_gradient("LogSoftmax", along(1), {random_tensor({2, 3, 2, 2}, random)});
  check_gradient("LogSoftmax", along(3), {random_tensor({1, 2, 2, 4}, random)});
}

}  // namespace cnnc
