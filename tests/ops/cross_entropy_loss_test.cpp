// CrossEntropyLoss, CrossEntropyLossGrad.
#include <cmath>
#include <limits>

#include "tests/ops/losses.h"

namespace cnnc {
namespace {

Attrs with(const std::string& reduction, double label_smoothing) {
  return attrs_of({{"reduction", reduction}, {"label_smoothing", label_smoothing}});
}

Operand targets(int64_t rows, int64_t classes, std::mt19937& random) {
  return {random_integers({rows}, classes, random), DType::i32};
}

Attrs weighted(std::vector<double> weight, int64_t ignore_index, const std::string& reduction,
               double label_smoothing) {
  Attrs attrs = with(reduction, label_smoothing);
  attrs.set("weight", std::move(weight));
  attrs.set("ignore_index", ignore_index);
  return attrs;
}

}  // namespace

TEST_CASE("CrossEntropyLoss infers its output and says what is wrong", "[cross_entropy_loss]") {
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64, 10}), i32({64})}) == "f32[1]");
  CHECK(outcome_of("CrossEntropyLossGrad", {}, {f32({64, 10}), i32({64}), i32({1})}) ==
        "f32[64, 10]");
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64, 10, 7, 5}), i32({64, 1, 7, 5})}) == "f32[1]");
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64, 10, 7, 7}), i32({64})}) ==
        "the target must be i32[64, 1, 7, 7], but is i32[64]");
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64, 10, 7}), i32({64, 1, 7})}) == "f32[1]");
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64}), i32({64})}) ==
        "the input must be [N, C] or [N, C, ...], but is [64]");
  CHECK(outcome_of("CrossEntropyLoss", weighted({1, 2}, -100, "mean", 0),
                   {f32({64, 10}), i32({64})}) ==
        "weight has 2 numbers, but the network's output has 10 channels");
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64, 10}), i32({50})}) ==
        "the target must be i32[64], but is i32[50]");
  CHECK(outcome_of("CrossEntropyLoss", {}, {f32({64, 10})}) ==
        "the target must be i32[64], but is missing");
}

TEST_CASE("CrossEntropyLoss of known values", "[cross_entropy_loss]") {
  // Equal logits: log(number of classes) for each row.
  const Operand target(tensor({2}, {3, 0}), DType::i32);
  CHECK(run_compiled("CrossEntropyLoss", with("mean", 0), {zeros({2, 10}), target})[0].data[0] ==
        Approx(std::log(10.0)));
  CHECK(run_compiled("CrossEntropyLoss", with("sum", 0.25), {zeros({2, 10}), target})[0].data[0] ==
        Approx(2 * std::log(10.0)));
}

TEST_CASE("CrossEntropyLoss and its gradient compute what their references compute",
          "[cross_entropy_loss]") {
  for (const Shape& shape : {Shape{1, 1}, Shape{1, 10}, Shape{5, 3}, Shape{16, 10}}) {
    for (const char* op : {"CrossEntropyLoss", "CrossEntropyLossGrad"}) {
      INFO(to_string(shape) << ", seed 1");
      std::mt19937 random(1);
      const ReferenceTensor logits = scaled(random_tensor(shape, random), 8);
      const Operand target = targets(shape[0], shape[1], random);
      check_lowering(op, with("mean", 0), {logits, target});
      check_lowering(op, with("sum", 0.1), {logits, target});
      check_lowering(op, with("mean", 0), {logits, target, count_of(1)});
      check_lowering(op, with("mean", 0.2), {logits, target, count_of(shape[0] / 2 + 1)});
    }
  }
}

TEST_CASE("CrossEntropyLoss with weights, ignored targets, and for images",
          "[cross_entropy_loss]") {
  std::mt19937 random(1);
  INFO("seed 1");
  const Operand rows = scaled(random_tensor({6, 3}, random), 4);
  const Operand row_targets = {tensor({6}, {0, 2, 1, 2, 1, 0}), DType::i32};
  const Operand images = scaled(random_tensor({4, 3, 3, 2}, random), 4);
  const Operand image_targets = {random_integers({4, 1, 3, 2}, 3, random), DType::i32};
  const Operand lines = scaled(random_tensor({4, 3, 5}, random), 4);
  const Operand line_targets = {random_integers({4, 1, 5}, 3, random), DType::i32};
  const Operand volumes = scaled(random_tensor({2, 3, 2, 3, 2}, random), 4);
  const Operand volume_targets = {random_integers({2, 1, 2, 3, 2}, 3, random), DType::i32};
  CompileOptions vectors;
  vectors.vector = 4;
  for (const Attrs& attrs : {with("mean", 0), weighted({0.5, 2, 2}, 1, "mean", 0.25),
                             weighted({1, 0, 2}, 7, "sum", 0)}) {
    check_lowering("CrossEntropyLoss", attrs, {rows, row_targets, count_of(4)});
    check_lowering("CrossEntropyLossGrad", attrs, {rows, row_targets, count_of(4)}, vectors);
    check_lowering("CrossEntropyLoss", attrs, {images, image_targets, count_of(3)});
    check_lowering("CrossEntropyLossGrad", attrs, {images, image_targets, count_of(3)}, vectors);
    check_lowering("CrossEntropyLoss", attrs, {lines, line_targets, count_of(3)});
    check_lowering("CrossEntropyLossGrad", attrs, {lines, line_targets, count_of(3)});
    check_lowering("CrossEntropyLoss", attrs, {volumes, volume_targets, count_of(1)});
    check_lowering("CrossEntropyLossGrad", attrs, {volumes, volume_targets, count_of(1)});
    check_gradient("CrossEntropyLoss", attrs, {rows, row_targets, count_of(4)}, true);
    check_gradient("CrossEntropyLoss", attrs, {images, image_targets}, true);
  }
}

TEST_CASE("CrossEntropyLoss of known weights", "[cross_entropy_loss]") {
  // By hand, with equal logits: each target's log(4), and with smoothing 0.5 for the first target
  // half of its weight 1, and an eighth of the sum of weights, 10: 0.5 + 1.25.
  const ReferenceTensor logits = zeros({3, 4});
  const Operand target = {tensor({3}, {0, 3, 1}), DType::i32};
  const double log4 = std::log(4.0);
  const auto loss = [&](const Attrs& attrs) {
    return run_compiled("CrossEntropyLoss", attrs, {logits, target})[0].data[0];
  };
  CHECK(loss(weighted({1, 2, 3, 4}, 1, "sum", 0)) == Approx(5 * log4));
  CHECK(loss(weighted({1, 2, 3, 4}, 1, "mean", 0)) == Approx(log4));
  CHECK(loss(weighted({1, 2, 3, 4}, 1, "sum", 0.5)) == Approx((0.5 + 1.25 + 2 + 1.25) * log4));
  CHECK(loss(weighted({1, 2, 3, 4}, 1, "mean", 0.5)) == Approx(log4));
  Attrs ignoring = with("sum", 0);
  ignoring.set("ignore_index", int64_t{3});
  CHECK(loss(ignoring) == Approx(2 * log4));
  const std::vector<double> gradient =
      run_compiled("CrossEntropyLossGrad", ignoring, {logits, target})[0].data;
  CHECK(gradient[0] == Approx(-0.75));
  for (size_t i = 4; i < 8; ++i) CHECK(gradient[i] == 0);
}

TEST_CASE("CrossEntropyLoss neither overflows nor underflows", "[cross_entropy_loss]") {
  const ReferenceTensor logits = tensor({2, 3}, {1000, -1000, 999, -1e5, -1e5, 1e5});
  const Operand target(tensor({2}, {1, 2}), DType::i32);
  for (int width : {0, 8}) {
    CompileOptions options;
    options.vector = width;
    check_lowering("CrossEntropyLoss", with("mean", 0), {logits, target});
    check_lowering("CrossEntropyLossGrad", with("mean", 0), {logits, target}, options);
  }
}

TEST_CASE("CrossEntropyLoss shows NaN and infinity", "[cross_entropy_loss]") {
  const Operand target(tensor({2}, {1, 2}), DType::i32);
  for (double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const ReferenceTensor logits = tensor({2, 3}, {1, 2, 3, 4, bad, 6});
    CHECK(std::isnan(run_compiled("CrossEntropyLoss", {}, {logits, target})[0].data[0]));
    for (int width : {0, 8}) {
      CompileOptions options;
      options.vector = width;
      const std::vector<double> gradient =
          run_compiled("CrossEntropyLossGrad", {}, {logits, target}, options)[0].data;
      CHECK(std::isfinite(gradient[0]));
      CHECK(std::isnan(gradient[3]));
    }
  }
}

TEST_CASE("A padded batch has the loss of the rows that count", "[cross_entropy_loss]") {
  std::mt19937 random(3);
  const ReferenceTensor logits = random_tensor({3, 4}, random);
  const ReferenceTensor target = random_integers({3}, 4, random);
  ReferenceTensor padded = {{8, 4}, logits.data};
  padded.data.resize(32, 0);
  ReferenceTensor padded_target = {{8}, target.data};
  padded_target.data.resize(8, 0);
  const double loss =
      run_compiled("CrossEntropyLoss", {}, {logits, Operand(target, DType::i32)})[0].data[0];
  CHECK(run_compiled("CrossEntropyLoss", {},
                     {padded, Operand(padded_target, DType::i32), count_of(3)})[0]
            .data[0] == loss);
}

TEST_CASE("CrossEntropyLoss's gradient rule agrees with finite differences",
          "[cross_entropy_loss][gradient]") {
  std::mt19937 random(2);
  const ReferenceTensor logits = scaled(random_tensor({4, 5}, random), 3);
  const Operand target = targets(4, 5, random);
  check_gradient("CrossEntropyLoss", with("mean", 0), {logits, target}, true);
  check_gradient("CrossEntropyLoss", with("sum", 0), {logits, target}, true);
  check_gradient("CrossEntropyLoss", with("mean", 0.3), {logits, target}, true);
  check_gradient("CrossEntropyLoss", with("mean", 0), {logits, target, count_of(3)}, true);
}

}  // namespace cnnc
