// Tested through tests/ops/adaptive_avg_pool2d_test.cpp and tests/ops/adaptive_max_pool2d_test.cpp.
#include "compiler/ops/adaptive_window.h"

#include <algorithm>

#include "compiler/ops/exprs.h"

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

namespace {

constexpr int64_t kMostUnrolledReaders = 16;

// The `back`-th last window that reads position `p`, clamped, and whether it does.
std::pair<Expr, Expr> reader(const AdaptiveAxis& axis, const Expr& p, const Expr& back) {
  const int64_t taps = axis.in / axis.out;
  if (axis.in % axis.out == 0) return {p / constant(taps), Halide::Internal::const_true()};
  const Expr first = p * constant(axis.out) / constant(axis.in);
  const Expr last = ((p + 1) * constant(axis.out) + constant(axis.in - 1)) / constant(axis.in) - 1;
  const Expr o = last - back;
  return {Halide::clamp(o, 0, constant(axis.out - 1)), o >= first};
}

}  // namespace

int64_t AdaptiveAxis::most_taps() const {
  int64_t most = 0;
  for (int64_t o = 0; o < out; ++o) most = std::max(most, last(o) - first(o));
  return most;
}

bool AdaptiveAxis::has_equal_windows() const {
  for (int64_t o = 1; o < out; ++o) {
    if (last(o) - first(o) != last(0) - first(int64_t{0})) return false;
  }
  return true;
}

int64_t AdaptiveAxis::most_readers() const {
  int64_t most = 0;
  for (int64_t p = 0; p < in; ++p) most = std::max(most, last_reader(p) - first_reader(p));
  return most;
}

Expr AdaptiveAxis::first(const Expr& o) const {
  if (in % out == 0) return o * constant(in / out);
  return o * constant(in) / constant(out);
}

Expr AdaptiveAxis::count(const Expr& o) const {
  if (has_equal_windows()) return constant(most_taps());
  return ((o + 1) * constant(in) + constant(out - 1)) / constant(out) - first(o);
}

Expr AdaptiveAxis::position(RDom& r, const Expr& o, const Expr& k) const {
  Expr p = first(o) + k;
  if (in % out == 0) return p;
  if (!has_equal_windows()) r.where(k < count(o));
  return Halide::clamp(p, 0, constant(in - 1));
}

AdaptiveWindow adaptive_window(const Attrs& attrs, int64_t height, int64_t width) {
  const std::vector<int64_t>& size = attrs.integers("output_size");
  return {{height, size[0]}, {width, size[1]}};
}

Result<std::vector<Type>> infer_adaptive_grad(const InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {kImageForm});
  if (!problems.empty()) return problems;
  const Shape& shape = args.inputs[0].shape;
  const std::vector<int64_t>& size = args.attrs.integers("output_size");
  problems = expect_type(args, 0, "gradient", {DType::f32, {shape[0], shape[1], size[0], size[1]}});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32,
                      {shape[0], shape[1], args.attrs.integer("input_height"),
                       args.attrs.integer("input_width")}}});
}

Expr sum_over_readers(const AdaptiveWindow& window,
                      const std::function<Expr(const Expr&, const Expr&)>& term,
                      std::map<std::string, Func>& stages) {
  const Var x("x"), y("y"), c("c"), n("n");
  const auto of = [&](const Expr& back_x, const Expr& back_y) {
    const auto [ox, reads_x] = reader(window.x, x, back_x);
    const auto [oy, reads_y] = reader(window.y, y, back_y);
    return Halide::select(reads_x && reads_y, term(ox, oy), 0.f);
  };
  const int64_t columns = window.x.most_readers();
  const int64_t rows = window.y.most_readers();
  if (columns * rows > kMostUnrolledReaders) {
    RDom r(0, constant(columns), 0, constant(rows), "r");
    Func accumulator("accumulator");
    accumulator(x, y, c, n) = 0.f;
    accumulator(x, y, c, n) += of(constant(columns - 1) - r.x, constant(rows - 1) - r.y);
    stages["accumulator"] = accumulator;
    return accumulator(x, y, c, n);
  }
  Expr sum;
  for (int64_t back_y = rows - 1; back_y >= 0; --back_y) {
    for (int64_t back_x = columns - 1; back_x >= 0; --back_x) {
      const Expr next = of(constant(back_x), constant(back_y));
      sum = sum.defined() ? sum + next : next;
    }
  }
  return sum;
}

}  // namespace cnnc
