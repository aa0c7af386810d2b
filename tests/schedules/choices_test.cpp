// Every choice gives the same results: what a search may come by, and what all fall back to.
//
// CNNC_TEST_SEED and CNNC_TEST_TARGETS as in kernels_test.cpp.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/schedules/cases.h"

namespace cnnc::test {
namespace {

constexpr int kConvs = 4;
constexpr Layout kChannelsLast = Layout::channels_last;

// Kernels of every family, small and with what may follow them.
std::vector<Case> some_cases(const std::string& target, std::mt19937& random) {
  const int64_t lanes = lanes_of(target);
  const Update update{true, 0.5, 0.25, 0, true, 3};
  std::vector<Case> cases;
  for (int i = 0; i < kConvs; ++i) {
    const int64_t batch = lanes * (1 + static_cast<int64_t>(random() % 4));
    cases.push_back(for_training(conv_forward(random_conv(random, batch))));
    cases.push_back(for_training(conv_input_grad(random_conv(random, batch))));
    cases.push_back(for_training(conv_weight_grad(random_conv(random, batch), update)));
    const auto images = 1 + static_cast<int64_t>(random() % 8);
    cases.push_back(
        for_inference(conv_forward(random_conv(random, images)), kChannelsLast, kChannelsLast));
    ConvShape transposed = random_conv(random, i % 2 == 0 ? batch : images);
    transposed.pool = {};
    cases.push_back(i % 2 == 0
                        ? for_training(conv_transpose(transposed))
                        : for_inference(conv_transpose(transposed), kChannelsLast, kChannelsLast));
    PoolShape window = random_pool(random);
    window.average = i % 2 == 0;
    cases.push_back(for_training(pool({batch, 3, 9, 10}, window)));
    cases.push_back(for_inference(pool({images, 65, 9, 10}, window), kChannelsLast, kChannelsLast));
    if (i % 2 == 0) continue;
    cases.push_back(for_training(linear_forward(random_linear(random, batch))));
    cases.push_back(for_training(linear_weight_grad(random_linear(random, batch), update)));
    cases.push_back(
        for_inference(linear_forward(random_linear(random, images)), kChannelsLast, kChannelsLast));
  }
  // Winograd's algorithm.
  ConvShape shape;
  shape.in = shape.out = 32;
  shape.height = shape.width = 16;
  shape.kernel_h = shape.kernel_w = 3;
  shape.top = shape.left = shape.bottom = shape.right = 1;
  cases.push_back(for_inference(conv_forward(shape), kChannelsLast, kChannelsLast));
  ConvShape trained = shape;
  trained.batch = 2 * lanes;
  trained.height = trained.width = 10;
  cases.push_back(for_training(conv_forward(trained)));
  cases.push_back(for_training(conv_input_grad(trained)));
  cases.push_back(for_training(conv_weight_grad(trained, update)));
  shape.relu = true;
  shape.pool.kernel_h = shape.pool.kernel_w = 2;
  cases.push_back(for_inference(conv_forward(shape), kChannelsLast, kChannelsLast));
  return cases;
}

void check(Choice choice) {
  for (const std::string& target : targets()) {
    std::cout << "random choices, " << target << ", seed " << seed() << "\n" << std::flush;
    std::mt19937 random(seed() * 7919);
    // As if caches were small, so that there are blocks whose numbers can be varied.
    const std::vector<std::string> problems =
        problems_of(some_cases(target, random), target, Caches::small, choice);
    for (const std::string& problem : problems) FAIL_CHECK(problem);
    CHECK(problems.empty());
  }
}

}  // namespace

TEST_CASE("Params that a search may come by compute what the rules' Params compute") {
  check(Choice::neighbours);
}

TEST_CASE("the generic schedule computes every kernel") { check(Choice::generic); }

}  // namespace cnnc::test
