// Tested by tests/ops/batch_statistics_test.cpp.
#include "compiler/ops/channel_sums.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

std::vector<Func> channel_sums(
    Lowering& lowering, const Shape& shape,
    const std::function<std::vector<Expr>(const std::vector<Expr>& place)>& terms,
    const std::string& suffix) {
  const int64_t lanes = lowering.lanes;
  CNNC_CHECK(shape[0] % lanes == 0, "lanes do not divide the batch");
  const Var c("c"), l("l");
  Halide::Region bounds = {{0, constant(shape[0] / lanes)}};
  for (size_t d = shape.size(); d-- > 2;) bounds.emplace_back(0, constant(shape[d]));
  RDom r(bounds, "r"), rl(0, constant(lanes), "rl");
  std::vector<Expr> place;
  for (size_t i = 1; i < bounds.size(); ++i) place.emplace_back(r[static_cast<int>(i)]);
  place.emplace_back(c);
  place.emplace_back(l + constant(lanes) * r[0]);
  const std::vector<Expr> added = terms(place);

  // One term is a value, several are a tuple.
  Func part("part");
  const std::vector<Expr> zeros(added.size(), 0.f);
  if (added.size() == 1) {
    part(l, c) = 0.f;
    part(l, c) += added[0];
  } else {
    part(l, c) = Halide::Tuple(zeros);
    std::vector<Expr> sums;
    for (size_t i = 0; i < added.size(); ++i) {
      sums.push_back(part(l, c)[static_cast<int>(i)] + added[i]);
    }
    part(l, c) = Halide::Tuple(sums);
  }
  lowering.stages["part" + suffix] = part;

  std::vector<Func> result;
  for (size_t i = 0; i < added.size(); ++i) {
    Func accumulator("accumulator");
    accumulator(c) = 0.f;
    const Halide::FuncRef lane = part(rl, c);
    accumulator(c) += added.size() == 1 ? Expr(lane) : Expr(lane[static_cast<int>(i)]);
    lowering.stages["accumulator" + suffix + (i > 0 ? std::to_string(i) : "")] = accumulator;
    result.push_back(accumulator);
  }
  return result;
}

}  // namespace cnnc
