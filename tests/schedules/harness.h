// Kernels under test: small graphs, compiled as the driver compiles whole networks, run between
// guard pages and compared with the reference functions of the ops.
//
// Each case runs on two sets of numbers. With the first, multiples of 1/4, sums of products have no
// rounding errors, so compiled code gives what the reference in double gives, exactly. With the
// second, any floats, results are close, and equal bit for bit whatever the number of threads and
// with or without run-time checks.
#pragma once
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/reference/interpreter.h"

namespace cnnc::test {

struct Case {
  std::string text;  // enough to make it again
  Graph graph;
  // batch_innermost: parameters and states are in the state block. channels_last: constants.
  Layout layout = Layout::batch_innermost;
  // Of the caller's tensors. Whole networks have row-major ones; a kernel in the middle has not.
  Layout input_layout = Layout::row_major;
  Layout output_layout = Layout::row_major;
  GivenValues fixed;  // inputs that are no arbitrary floats
  double tolerance =
      0;  // with numbers that leave no rounding errors: of ops that divide, and the like
  int64_t sum_length = 1;  // terms of the longest sum: how close results with rounding errors are
  bool has_nan = false;    // a few inputs are NaN
};

// small: the target is taken to have caches of a few KiB, so that small shapes are cut into blocks
// as large ones are.
enum class Caches { real, small };

// Which Params the kernels get.
enum class Choice {
  rules,
  generic,     // the schedule to which all others fall back
  neighbours,  // as a search may come by: a few steps from the rules' choice, drawn at random
  blocks,      // the rules', but blocks of Winograd's algorithm are of several panels each way
};

// What is wrong, one text per finding. `target` is one that this machine runs.
[[nodiscard]] std::vector<std::string> problems_of(std::vector<Case> cases,
                                                   const std::string& target,
                                                   Caches caches = Caches::real,
                                                   Choice choice = Choice::rules);

// The number with which random cases begin: CNNC_TEST_SEED, or 1.
[[nodiscard]] uint32_t seed();
// Targets that this machine runs; CNNC_TEST_TARGETS (names, separated by commas) narrows them down.
[[nodiscard]] std::vector<std::string> targets();
// Elements of a vector of the target.
[[nodiscard]] int64_t lanes_of(const std::string& target);

}  // namespace cnnc::test
