// Functions of real numbers as expressions: a few units in the last place, the same in vectors and
// in scalars, and no calls of libm.
//
// Halide's default arithmetic assumes that there are neither NaNs nor infinities. Here arguments
// may be both: what meets them is strict, and polynomials only see finite numbers.
#pragma once
#include <Halide.h>

namespace cnnc {

// One strict operation. Halide::strict_float makes everything below it strict, and strict products
// and sums are not contracted. Halide takes a <= b for !(b < a), which NaN makes wrong.
[[nodiscard]] Halide::Expr strict_add(const Halide::Expr& a, const Halide::Expr& b);
[[nodiscard]] Halide::Expr strict_sub(const Halide::Expr& a, const Halide::Expr& b);
[[nodiscard]] Halide::Expr strict_mul(const Halide::Expr& a, const Halide::Expr& b);
[[nodiscard]] Halide::Expr strict_div(const Halide::Expr& a, const Halide::Expr& b);
[[nodiscard]] Halide::Expr strict_less(const Halide::Expr& a, const Halide::Expr& b);
[[nodiscard]] Halide::Expr at_most(const Halide::Expr& a, const Halide::Expr& b);  // a <= b
[[nodiscard]] Halide::Expr strict_equal(const Halide::Expr& a, const Halide::Expr& b);

// x, at least `least` and at most `most`: NaN stays, or becomes the least.
[[nodiscard]] Halide::Expr clamp_or_nan(const Halide::Expr& x, double least, double most);
[[nodiscard]] Halide::Expr clamp_finite(const Halide::Expr& x, double least, double most);

// Any argument.
[[nodiscard]] Halide::Expr exp_of(const Halide::Expr& x);
[[nodiscard]] Halide::Expr log_of(const Halide::Expr& x);
[[nodiscard]] Halide::Expr sigmoid_of(const Halide::Expr& x);
[[nodiscard]] Halide::Expr tanh_of(const Halide::Expr& x);
[[nodiscard]] Halide::Expr softplus_of(const Halide::Expr& x);  // log(1 + exp(x))
[[nodiscard]] Halide::Expr erf_of(const Halide::Expr& x);
// The normal distribution: the probability below x, and its density at x.
[[nodiscard]] Halide::Expr normal_below(const Halide::Expr& x);
[[nodiscard]] Halide::Expr normal_density(const Halide::Expr& x);
[[nodiscard]] Halide::Expr sqrt_of(const Halide::Expr& x);
[[nodiscard]] Halide::Expr pow_of(const Halide::Expr& x, const Halide::Expr& y);
// Up to 2^30; what is greater counts as 2^30, and infinity gives NaN.
[[nodiscard]] Halide::Expr sin_of(const Halide::Expr& x);
[[nodiscard]] Halide::Expr cos_of(const Halide::Expr& x);

// exp(x) - 1 for x <= 0, with 0 for what is greater.
[[nodiscard]] Halide::Expr expm1_below_zero(const Halide::Expr& x);

}  // namespace cnnc
