// NLLLoss, NLLLossGrad.
#include <cmath>

#include "tests/ops/losses.h"

namespace cnnc {
namespace {

using Reals = std::vector<double>;

Attrs with(Reals weight, int64_t ignore_index, const std::string& reduction) {
  return attrs_of(
      {{"weight", std::move(weight)}, {"ignore_index", ignore_index}, {"reduction", reduction}});
}

Operand targets(Shape shape, Reals data) {
  return {tensor(std::move(shape), std::move(data)), DType::i32};
}

}  // namespace

TEST_CASE("NLLLoss infers its output and says what is wrong", "[nll_loss]") {
  CHECK(outcome_of("NLLLoss", {}, {f32({8, 3}), i32({8})}) == "f32[1]");
  CHECK(outcome_of("NLLLossGrad", {}, {f32({8, 3, 4, 5}), i32({8, 1, 4, 5})}) == "f32[8, 3, 4, 5]");
  CHECK(outcome_of("NLLLoss", {}, {f32({8, 3, 4, 5}), i32({8})}) ==
        "the target must be i32[8, 1, 4, 5], but is i32[8]");
  CHECK(outcome_of("NLLLoss", with({1, 2}, 0, "mean"), {f32({8, 3}), i32({8})}) ==
        "weight has 2 numbers, but the network's output has 3 channels");
  CHECK(outcome_of("NLLLoss", with({1}, 0, "mean"), {f32({8, 3}), i32({8})}) ==
        "weight has 1 number, but the network's output has 3 channels");
}

TEST_CASE("NLLLoss and its gradient compute what their references compute", "[nll_loss]") {
  std::mt19937 random(1);
  INFO("seed 1");
  const Operand rows = random_tensor({6, 3}, random), images = random_tensor({4, 3, 3, 2}, random);
  const Operand row_targets = targets({6}, {0, 2, 1, 2, 1, 0});
  Operand image_targets = {random_integers({4, 1, 3, 2}, 3, random), DType::i32};
  for (const Attrs& attrs : {Attrs{}, with({0.5, 2, 3}, 1, "mean"), with({1, 1, 2}, 7, "sum")}) {
    check_lowering("NLLLoss", attrs, {rows, row_targets, count_of(4)});
    check_lowering("NLLLossGrad", attrs, {rows, row_targets, count_of(4)});
    check_lowering("NLLLoss", attrs, {images, image_targets, count_of(3)});
    check_lowering("NLLLossGrad", attrs, {images, image_targets, count_of(3)});
    check_loss_gradient("NLLLoss", attrs, {rows, row_targets, count_of(4)});
    check_loss_gradient("NLLLoss", attrs, {images, image_targets});
  }
}

TEST_CASE("NLLLoss of known values", "[nll_loss]") {
  // By hand: weights 1, 2, 4; the third target is ignored, so that 1 * 3 + 4 * 5 is divided by 5.
  const ReferenceTensor x = tensor({3, 3}, {-3, -1, -1, -1, -1, -5, -7, -7, -7});
  const Operand target = targets({3}, {0, 2, -100});
  const Attrs attrs = with({1, 2, 4}, -100, "mean");
  CHECK(run_compiled("NLLLoss", attrs, {x, target})[0].data[0] == Approx(23.0 / 5));
  const Reals gradient = run_compiled("NLLLossGrad", attrs, {x, target})[0].data;
  CHECK(gradient[0] == Approx(-0.2));
  CHECK(gradient[5] == Approx(-0.8));
  CHECK(gradient[1] + gradient[2] + gradient[3] + gradient[6] + gradient[7] + gradient[8] == 0);
}

TEST_CASE("NLLLoss of no target at all is NaN, as in PyTorch", "[nll_loss]") {
  const ReferenceTensor x = tensor({2, 2}, {-3, -1, -1, -1});
  const Operand target = targets({2}, {-100, -100});
  CHECK(std::isnan(run_compiled("NLLLoss", {}, {x, target})[0].data[0]));
  CHECK(run_compiled("NLLLossGrad", {}, {x, target})[0].data == Reals{0, 0, 0, 0});
  CHECK(run_compiled("NLLLoss", with({1, 1}, -100, "sum"), {x, target})[0].data[0] == 0);
}

}  // namespace cnnc
