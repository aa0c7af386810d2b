// What Softmax, LogSoftmax and CrossEntropyLoss share: sums of exponentials along one dimension,
// without overflow.
#pragma once
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// Over all arguments of the input but the reduced one:
//   maximum = max of input      sum = sum of exp(input - maximum)
// so that softmax is exp(input - maximum) / sum and its logarithm input - maximum - log(sum). As in
// PyTorch, a NaN or an infinity makes the sum NaN.
struct Exponentials {
  Halide::Func maximum;
  Halide::Func sum;
};

// exp and log that give NaN for NaN. Halide's own assume that there are none, like its default
// arithmetic; hence what leads up to them is strict too.
[[nodiscard]] Halide::Expr exp_or_nan(const Halide::Expr& value);
[[nodiscard]] Halide::Expr log_or_nan(const Halide::Expr& value);

// Adds the stages "maximum" and "sum". `argument` is the place of the reduced dimension among the
// arguments of input 0.
[[nodiscard]] Exponentials add_exponentials(Lowering& lowering, int64_t argument);

// The arguments without the one at `argument`.
[[nodiscard]] std::vector<Halide::Expr> without(std::vector<Halide::Expr> arguments,
                                                int64_t argument);

// The attribute `dim`: 1 unless it is given; negative ones count from the back.
[[nodiscard]] AttrSpec dim_attr(const char* doc);
// Checks `dim` against the rank of input 0, and makes it count from the front.
[[nodiscard]] Diagnostics settle_dim(InferArgs& args);
// The argument of a Func that stands for dimension `dim` of input 0.
[[nodiscard]] int64_t dim_argument(const Lowering& lowering);

// Calls visit(index of the first element, distance between elements, count) for every row of
// elements along `dim`.
template <class Visit>
void for_each_fibre(const Shape& shape, int64_t dim, Visit visit) {
  const Fibres f = fibres(shape, dim);
  for (int64_t i = 0; i < f.before; ++i) {
    for (int64_t k = 0; k < f.after; ++k) visit(i * f.extent * f.after + k, f.after, f.extent);
  }
}

}  // namespace cnnc
