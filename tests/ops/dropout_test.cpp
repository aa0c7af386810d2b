// Dropout.
#include <catch2/catch.hpp>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

Attrs with(double p, int64_t stream = 0) { return attrs_of({{"p", p}, {"stream", stream}}); }

Operand seed_of(int64_t seed) { return {tensor({1}, {static_cast<double>(seed)}), DType::i32}; }

ReferenceTensor ones(const Shape& shape) {
  ReferenceTensor result = zeros(shape);
  for (double& value : result.data) value = 1;
  return result;
}

std::vector<double> mask(const Shape& shape, double p, int64_t seed, int64_t stream = 0) {
  return run_reference("Dropout", with(p, stream), {ones(shape), seed_of(seed)})[0].data;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE("Dropout infers its output", "[dropout]") {
  CHECK(outcome_of("Dropout", {}, {f32({4, 10})}) == "f32[4, 10]");
  CHECK(outcome_of("Dropout", {}, {f32({4, 3, 2, 2}), i32({1})}) == "f32[4, 3, 2, 2]");
  CHECK(outcome_of("Dropout", {}, {f32({4, 10}), f32({1})}) ==
        "the seed must be i32[1], but is f32[1]");
}

TEST_CASE("Dropout computes what its reference computes", "[dropout]") {
  for (const Shape& shape : {Shape{1, 1}, Shape{5, 33}, Shape{3, 2, 5, 7}}) {
    INFO(to_string(shape) << ", seed 1");
    std::mt19937 random(1);
    const ReferenceTensor x = random_tensor(shape, random);
    CompileOptions options;
    options.vector = 8;
    for (double p : {0.0, 0.1, 0.5, 0.999, 1.0}) {
      check_lowering("Dropout", with(p), {x});
      check_lowering("Dropout", with(p), {x, seed_of(-5)}, options);
    }
    check_lowering("Dropout", with(0.5, 3), {x, seed_of(2147483647)});
  }
}

TEST_CASE("Dropout keeps 1 - p of the elements and the mean", "[dropout]") {
  for (double p : {0.1, 0.5, 0.8}) {
    const std::vector<double> values = mask({100, 100}, p, 42);
    int64_t kept = 0;
    for (double value : values) kept += value != 0 ? 1 : 0;
    CHECK(static_cast<double>(kept) / 1e4 == Approx(1 - p).margin(0.02));
    CHECK(mean(values) == Approx(1).margin(0.1));
  }
}

TEST_CASE("The masks of seeds, streams and neighbours are unrelated", "[dropout]") {
  const Shape shape = {100, 100};
  const std::vector<double> first = mask(shape, 0.5, 7);
  const auto agreement = [&](const std::vector<double>& other, size_t shift) {
    double same = 0;
    for (size_t i = shift; i < other.size(); ++i) same += first[i] == other[i - shift] ? 1 : 0;
    return same / static_cast<double>(other.size() - shift);
  };
  for (int64_t seed : {0, 6, 8, 15, 7 + 65536}) {
    CHECK(agreement(mask(shape, 0.5, seed), 0) == Approx(0.5).margin(0.03));
  }
  for (int64_t stream : {1, 2, 256}) {
    CHECK(agreement(mask(shape, 0.5, 7, stream), 0) == Approx(0.5).margin(0.03));
  }
  for (size_t shift : {1, 2, 64, 100}) CHECK(agreement(first, shift) == Approx(0.5).margin(0.03));
  CHECK(mask(shape, 0.5, 7) == first);
}

TEST_CASE("Dropout's gradient rule agrees with finite differences", "[dropout][gradient]") {
  std::mt19937 random(2);
  check_gradient("Dropout", with(0.4, 2), {random_tensor({3, 4}, random), seed_of(9)});
  check_gradient("Dropout", with(0.4), {random_tensor({3, 4}, random)});
}

}  // namespace cnnc
