// What the tests of groups of kernels share.
#pragma once
#include <random>
#include <string>
#include <vector>

#include "tests/schedules/cases.h"

namespace cnnc::test {

inline constexpr Layout kRowMajor = Layout::row_major;
inline constexpr Layout kChannelsLast = Layout::channels_last;

// Random cases of a group: CNNC_TEST_CASES, or 5.
[[nodiscard]] int random_count();
// The generator of one group of random cases on one target.
[[nodiscard]] std::mt19937 generator(const std::string& group, const std::string& target);

// Fails the test where something is wrong with a case.
void check(std::vector<Case> cases, const std::string& target, Caches caches = Caches::real,
           Choice choice = Choice::rules);

// In benchdnn's notation.
[[nodiscard]] ConvShape conv(const std::string& text);
[[nodiscard]] ConvShape with_pool(ConvShape s, int64_t kernel_h, int64_t kernel_w);
[[nodiscard]] ConvShape with_average(ConvShape s, int64_t kernel_h, int64_t kernel_w);

}  // namespace cnnc::test
