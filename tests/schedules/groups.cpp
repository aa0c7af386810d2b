#include "tests/schedules/groups.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "compiler/support/check.h"
#include "compiler/support/diagnostics.h"

namespace cnnc::test {

int random_count() {
  const char* text = std::getenv("CNNC_TEST_CASES");
  return text ? static_cast<int>(std::strtol(text, nullptr, 10)) : 5;
}

void check(std::vector<Case> cases, const std::string& target, Caches caches, Choice choice) {
  const std::vector<std::string> problems = problems_of(std::move(cases), target, caches, choice);
  for (const std::string& problem : problems) FAIL_CHECK(problem);
  CHECK(problems.empty());
}

std::mt19937 generator(const std::string& group, const std::string& target) {
  std::seed_seq sequence(group.begin(), group.end());
  std::mt19937 random(sequence);
  random.discard(seed() * 97);
  std::cout << "random cases: " << group << ", " << target << ", seed " << seed() << "\n"
            << std::flush;
  return random;
}

ConvShape conv(const std::string& text) {
  const Result<ConvProblem> problem = parse_problem(text);
  CNNC_CHECK(problem.ok(), problem.ok() ? "" : render(problem.diagnostics()));
  ConvShape shape;
  static_cast<ConvProblem&>(shape) = *problem;
  return shape;
}

ConvShape with_pool(ConvShape s, int64_t kernel_h, int64_t kernel_w) {
  s.pool.kernel_h = kernel_h;
  s.pool.kernel_w = kernel_w;
  s.relu = true;
  return s;
}

ConvShape with_average(ConvShape s, int64_t kernel_h, int64_t kernel_w) {
  s = with_pool(s, kernel_h, kernel_w);
  s.pool.average = true;
  return s;
}

}  // namespace cnnc::test
