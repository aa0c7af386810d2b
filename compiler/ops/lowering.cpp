// Entry points: variables, at. Tested by every lowering test of tests/ops.
#include "compiler/ops/lowering.h"

namespace cnnc {

std::vector<Halide::Var> variables(int64_t rank) {
  switch (rank) {
    case 4:
      return {Halide::Var("x"), Halide::Var("y"), Halide::Var("c"), Halide::Var("n")};
    case 2:
      return {Halide::Var("c"), Halide::Var("n")};
    case 1:
      return {Halide::Var("c")};
    default:
      break;
  }
  std::vector<Halide::Var> result;
  result.reserve(static_cast<size_t>(rank));
  for (int64_t i = 0; i < rank; ++i) result.emplace_back("d" + std::to_string(i));
  return result;
}

Halide::Expr at(const Halide::Func& f, const std::vector<Halide::Expr>& arguments) {
  return f(arguments);
}

}  // namespace cnnc
