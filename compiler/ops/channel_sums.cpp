// Tested by tests/ops/batch_statistics_test.cpp.
#include "compiler/ops/channel_sums.h"

#include <numeric>

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
  const Var c("c"), l("l"), u("u");
  // Elements of the innermost dimension of the image that are added at a time, each to a sum of its
  // own: one sum would wait for each addition to end.
  constexpr int64_t kChains = 4;
  const int64_t chains = shape.size() > 2 ? std::gcd(shape.back(), kChains) : 1;
  Halide::Region bounds = {{0, constant(shape[0] / lanes)}};
  for (size_t d = shape.size(); d-- > 2;) bounds.emplace_back(0, constant(shape[d]));
  if (bounds.size() > 1) bounds[1] = {0, constant(shape.back() / chains)};
  RDom r(bounds, "r"), rl(0, constant(lanes), 0, constant(chains), "rl");
  std::vector<Expr> place;
  for (size_t i = 1; i < bounds.size(); ++i) place.emplace_back(r[static_cast<int>(i)]);
  if (!place.empty()) place[0] = place[0] * constant(chains) + u;
  place.emplace_back(c);
  place.emplace_back(l + constant(lanes) * r[0]);
  const std::vector<Expr> added = terms(place);

  // One term is a value, several are a tuple.
  Func part("part");
  const std::vector<Expr> zeros(added.size(), 0.f);
  if (added.size() == 1) {
    part(l, u, c) = 0.f;
    part(l, u, c) += added[0];
  } else {
    part(l, u, c) = Halide::Tuple(zeros);
    std::vector<Expr> sums;
    sums.reserve(added.size());
    for (size_t i = 0; i < added.size(); ++i) {
      sums.push_back(part(l, u, c)[static_cast<int>(i)] + added[i]);
    }
    part(l, u, c) = Halide::Tuple(sums);
  }
  lowering.stages["part" + suffix] = part;

  std::vector<Func> result;
  for (size_t i = 0; i < added.size(); ++i) {
    Func accumulator("accumulator");
    accumulator(c) = 0.f;
    const Halide::FuncRef lane = part(rl.x, rl.y, c);
    accumulator(c) += added.size() == 1 ? Expr(lane) : Expr(lane[static_cast<int>(i)]);
    lowering.stages["accumulator" + suffix + (i > 0 ? std::to_string(i) : "")] = accumulator;
    result.push_back(accumulator);
  }
  return result;
}

}  // namespace cnnc
