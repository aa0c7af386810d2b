// The windows of adaptive pooling, one axis at a time: as PyTorch divides `in` positions among
// `out` outputs. They are equally long where `out` divides `in`, overlap where it does not.
#pragma once
#include <Halide.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/ops/pool_axes.h"

namespace cnnc {

struct AdaptiveAxis {
  int64_t in = 1;
  int64_t out = 1;

  // Output o reads the positions [first(o), last(o)).
  [[nodiscard]] int64_t first(int64_t o) const { return o * in / out; }
  [[nodiscard]] int64_t last(int64_t o) const { return ((o + 1) * in + out - 1) / out; }
  // Position p is read by the outputs [first_reader(p), last_reader(p)).
  [[nodiscard]] int64_t first_reader(int64_t p) const { return p * out / in; }
  [[nodiscard]] int64_t last_reader(int64_t p) const { return ((p + 1) * out + in - 1) / in; }

  // The longest window, and whether all are as long.
  [[nodiscard]] int64_t most_taps() const;
  [[nodiscard]] bool has_equal_windows() const;
  // Of one position.
  [[nodiscard]] int64_t most_readers() const;

  [[nodiscard]] Halide::Expr first(const Halide::Expr& o) const;
  [[nodiscard]] Halide::Expr count(const Halide::Expr& o) const;  // last - first
  // The position that tap `k` of output `o` reads. Restricts `r` to taps that the window has.
  [[nodiscard]] Halide::Expr position(Halide::RDom& r, const Halide::Expr& o,
                                      const Halide::Expr& k) const;
};

struct AdaptiveWindow {
  AdaptiveAxis y;
  AdaptiveAxis x;

  [[nodiscard]] bool overlaps() const { return y.most_readers() > 1 || x.most_readers() > 1; }
};

[[nodiscard]] AdaptiveWindow adaptive_window(const Attrs& attrs, int64_t height, int64_t width);

// The type of the input's gradient, for that of the outputs, which is input 0.
[[nodiscard]] Result<std::vector<Type>> infer_adaptive_grad(const InferArgs& args);
// The sum of term(ox, oy) over the windows that read the position (x, y, c, n), in their order: an
// expression, or where they are many a Func that is put into `stages` as "accumulator".
[[nodiscard]] Halide::Expr sum_over_readers(
    const AdaptiveWindow& window,
    const std::function<Halide::Expr(const Halide::Expr& ox, const Halide::Expr& oy)>& term,
    std::map<std::string, Halide::Func>& stages);

}  // namespace cnnc
