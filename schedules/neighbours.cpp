// Params near others: where a search goes on. Tested by tests/schedules/choose_test.cpp.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

bool same_numbers(const Params& x, const Params& y) {
  return x.schedule == y.schedule && x.a == y.a && x.b == y.b && x.tile == y.tile &&
         x.rows == y.rows && x.columns == y.columns && x.block_c == y.block_c &&
         x.block_n == y.block_n && x.stages_input == y.stages_input && x.band_rows == y.band_rows &&
         x.separates_border == y.separates_border;
}

// What the rules choose by Winograd's algorithm and without it, where both are possible.
std::vector<Params> with_and_without_winograd(const Problem& problem) {
  if (!problem.winograd) return {};
  Problem direct = problem;
  direct.winograd = false;
  return {choose(problem), choose(direct)};
}

}  // namespace

void vary(std::vector<Params>& list, const Params& from, int64_t Params::* number,
          const std::vector<int64_t>& values) {
  for (int64_t value : values) {
    if (value == from.*number || value < 0) continue;
    list.push_back(from);
    list.back().*number = value;
  }
}

std::vector<Params> other_tiles(const Params& from) {
  std::vector<Params> result;
  for (int64_t b : {from.b, from.b - 1, from.b + 1, from.b / 2, from.b * 2}) {
    for (int64_t a : {from.a, from.a - 1, from.a + 1, from.a - 2, from.a + 2, from.a / 2,
                      from.a * 2, from.a * from.b / std::max<int64_t>(1, b)}) {
      result.push_back(from);
      result.back().a = a;
      result.back().b = b;
    }
  }
  return result;
}

void keep_fitting(std::vector<Params>& list, const Machine& machine,
                  const std::function<int64_t(const Params&)>& accumulators) {
  const auto spills = [&](const Params& params) {
    return accumulators(params) + params.b + 1 > machine.registers;
  };
  list.erase(std::remove_if(list.begin(), list.end(), spills), list.end());
}

std::vector<Params> neighbours(const Problem& problem, const Params& params) {
  std::vector<Params> found = find_schedule(params.schedule)->neighbours(problem, params);
  for (Params& other : with_and_without_winograd(problem)) found.push_back(std::move(other));
  std::vector<Params> result;
  for (const Params& each : found) {
    bool is_known = same_numbers(each, params) || !obstacle(problem, each).empty();
    for (const Params& earlier : result) is_known |= same_numbers(each, earlier);
    if (!is_known) result.push_back(completed(problem, each));
  }
  return result;
}

}  // namespace cnnc
