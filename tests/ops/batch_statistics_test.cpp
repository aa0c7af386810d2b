// BatchStatistics, RunningAverages, ChannelProducts, BatchNormInputGrad.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace cnnc {
namespace {

CompileOptions lanes(int count) {
  CompileOptions options;
  options.lanes = count;
  return options;
}

Operand integer(double value) { return {tensor({1}, {value}), DType::i32}; }

}  // namespace

TEST_CASE("What BatchNorm needs in training infers its outputs", "[batch_statistics]") {
  const Type x = f32({2, 3, 4, 5}), of_channel = f32({3}), count = i32({1});
  CHECK(outcome_of("BatchStatistics", {}, {x, count}) == "f32[3], f32[3], f32[3]");
  CHECK(outcome_of("BatchStatistics", {}, {f32({3}), count}) ==
        "the input must have channels, but is [3]");
  CHECK(outcome_of("BatchStatistics", {}, {x, f32({1})}) ==
        "the count must be i32[1], but is f32[1]");
  CHECK(outcome_of("ChannelProducts", {}, {x, x, of_channel, of_channel}) == "f32[3], f32[3]");
  CHECK(outcome_of("ChannelProducts", {}, {x, x, of_channel, f32({4})}) ==
        "the inverse deviation must be f32[3], but is f32[4]");
  CHECK(outcome_of("BatchNormInputGrad", {},
                   {x, x, of_channel, of_channel, of_channel, of_channel, count}) ==
        "f32[2, 3, 4, 5]");
}

TEST_CASE("What BatchNorm needs in training computes what its references compute",
          "[batch_statistics]") {
  Lowerings lowerings;
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{5, 3, 2, 7}, Shape{16, 2, 3, 3}, Shape{4, 3},
                             Shape{16, 10}, Shape{4, 2, 5}, Shape{4, 2, 2, 3, 2}}) {
    std::mt19937 random(1);
    const ReferenceTensor x = random_tensor(shape, random), up = random_tensor(shape, random);
    const auto of_channel = [&] { return random_tensor({shape[1]}, random); };
    const ReferenceTensor weight = of_channel(), bias = of_channel(), mean = of_channel(),
                          inverse = of_channel(), sums = of_channel();
    const int64_t some = shape[0] - shape[0] / 3;
    for (int count : {1, 4, 16}) {
      if (shape[0] % count != 0) continue;
      lowerings.add("ChannelProducts", {}, {up, x, mean, inverse}, lanes(count));
      lowerings.add("BatchStatistics", attrs_of({{"eps", 0.01}}),
                    {x, integer(static_cast<double>(some))}, lanes(count));
    }
    lowerings.add("ChannelProducts", {}, {up, x, absent(), absent()});
    for (int64_t images : {shape[0], some}) {
      const Operand counted = integer(static_cast<double>(images));
      const Operand scale = images == some ? Operand(weight) : Operand(absent());
      lowerings.add("BatchStatistics", attrs_of({{"eps", 0.01}}), {x, counted});
      lowerings.add("BatchNormInputGrad", {}, {up, x, mean, inverse, sums, bias, counted, scale});
    }
    for (double momentum : {0.1, -1.0}) {
      lowerings.add("RunningAverages", attrs_of({{"momentum", momentum}, {"pixels", number(6)}}),
                    {mean, inverse, bias, sums, integer(5), integer(3)});
    }
  }
  INFO("seed 1");
  lowerings.check();
}

TEST_CASE("The variance of a batch far from zero keeps its digits", "[batch_statistics]") {
  std::mt19937 random(3);
  ReferenceTensor x = random_tensor({16, 2, 8, 8}, random);
  for (double& value : x.data) value = static_cast<float>(value + 1000);
  const std::vector<ReferenceTensor> wanted =
      run_reference("BatchStatistics", {}, {x, integer(16)});
  const std::vector<ReferenceTensor> found =
      run_compiled("BatchStatistics", {}, {x, integer(16)}, lanes(8));
  for (size_t c : {0, 1}) {
    CHECK(found[0].data[c] == Approx(wanted[0].data[c]).epsilon(1e-7));
    CHECK(found[1].data[c] == Approx(wanted[1].data[c]).epsilon(1e-5));
  }
}

}  // namespace cnnc
