// Entry points: variables, at. Tested by every lowering test of tests/ops.
#include "compiler/ops/lowering.h"

#include "compiler/support/check.h"

namespace cnnc {

std::vector<Halide::Var> variables(int64_t rank) {
  CNNC_CHECK(rank >= 0 && rank <= kMostRank, "a tensor of rank " + std::to_string(rank));
  if (rank == 1) return {Halide::Var("c")};
  std::vector<Halide::Var> result;
  for (const char* name : {"x", "y", "z", "w"}) {
    if (static_cast<int64_t>(result.size()) < rank - 2) result.emplace_back(name);
  }
  if (rank > 0) result.insert(result.end(), {Halide::Var("c"), Halide::Var("n")});
  return result;
}

Halide::Expr at(const Halide::Func& f, const std::vector<Halide::Expr>& arguments) {
  return f(arguments);
}

}  // namespace cnnc
