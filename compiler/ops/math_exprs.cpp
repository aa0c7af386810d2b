// Tested by the tests of the layers that use them.
#include "compiler/ops/math_exprs.h"

#include <cmath>
#include <limits>
#include <vector>

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Internal::Call;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kLn2 = 0.69314718055994530942;
// ln 2 in two parts. Products of the first with exponents are exact.
constexpr float kLn2High = 355.f / 512;
constexpr auto kLn2Low = static_cast<float>(kLn2 - 355.0 / 512);
constexpr int kMantissaBits = 23;
constexpr int kExponentBias = 127;

Expr strict(Call::IntrinsicOp op, const Halide::Type& type, const Expr& a, const Expr& b) {
  return Call::make(type, op, {a, b}, Call::PureIntrinsic);
}

// x where it is NaN, else `value`.
Expr kept_nan(const Expr& x, const Expr& value) {
  return Halide::select(strict_equal(x, x), value, x);
}

Expr real(double value) { return static_cast<float>(value); }

// c[0] + x * (c[1] + x * (...
Expr polynomial(const Expr& x, const std::vector<double>& c) {
  Expr result = real(c.back());
  for (size_t i = c.size() - 1; i-- > 0;) result = result * x + real(c[i]);
  return result;
}

Expr power_of_two(const Expr& exponent) {
  return Halide::reinterpret<float>((exponent + kExponentBias) << kMantissaBits);
}

// exp(x) - 1 for |x| <= ln 2 / 2.
Expr expm1_near_zero(const Expr& x) {
  return x + x * x * polynomial(x, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040});
}

// value * 2^exponent, in two steps: the power need not be a float.
Expr scaled_by_power(const Expr& value, const Expr& exponent) {
  const Expr half = exponent >> 1;
  return strict_mul(strict_mul(value, power_of_two(half)), power_of_two(exponent - half));
}

// x = mantissa * 2^exponent with sqrt(1 / 2) <= mantissa < sqrt(2), for positive finite x.
struct Split {
  Expr exponent;
  Expr mantissa;
};

Split split_exponent(const Expr& x) {
  constexpr int kRootOfHalf = 0x3f3504f3;  // the bits of sqrt(0.5)
  constexpr int kShift = 24;
  const Expr small = x < std::numeric_limits<float>::min();
  const Expr normal = Halide::select(small, x * static_cast<float>(1 << kShift), x);
  const Expr bits = Halide::reinterpret<int32_t>(normal);
  const Expr exponent = (bits - kRootOfHalf) >> kMantissaBits;
  const Expr mantissa = Halide::reinterpret<float>(bits - (exponent << kMantissaBits));
  return {Halide::select(small, exponent - kShift, exponent), mantissa};
}

// exp(x) = (1 + rest) * 2^exponent, with |x - exponent * ln 2| <= ln 2 / 2.
struct Exponential {
  Expr exponent;
  Expr rest;
};

Exponential exponential(const Expr& finite) {
  const Expr scaled = finite * real(1 / kLn2);
  const Expr exponent = Halide::cast<int32_t>(scaled + Halide::select(scaled < 0.f, -0.5f, 0.5f));
  const Expr whole = Halide::cast<float>(exponent);
  const Expr r =
      strict_sub(strict_sub(finite, strict_mul(whole, kLn2High)), strict_mul(whole, kLn2Low));
  return {exponent, expm1_near_zero(r)};
}

// log(1 + x) for 0 <= x <= 1, by 2 * artanh(x / (2 + x)).
Expr log1p_to_one(const Expr& x) {
  const Expr s = x / (2.f + x);
  return 2.f * s *
         polynomial(s * s, {1, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15});
}

// The odd part of erf: erf(x) / x as a polynomial of x^2, for |x| <= 1. Its relative error is 2e-9.
Expr erf_to_one(const Expr& x) {
  return x * polynomial(x * x, {1.1283791658483504, -0.3761262666671963, 0.11283594715152363,
                                -0.026854212010276407, 0.0051890874227800456,
                                -0.0008016864281817756, 7.875875046790626e-05});
}

// 1 - erf(x) for 1 <= x <= 12. exp(x^2) times that is a polynomial of 1 / (x + 2), with a relative
// error of 5e-8 up to 4 where 1 begins to hide it.
Expr erfc_from_one(const Expr& x) {
  const Expr t = 1.f / (x + 2.f);
  const Expr scaled = polynomial(
      t, {0.0006051183909435154, 0.5472686801675908, 1.3230285348426714, 0.8119632992703472,
          6.455920854599693, -1.8260864011560898, -3.432347395083006});
  return exp_of(-(x * x)) * scaled;
}

// sin(x + quarters * pi / 2).
Expr sine(const Expr& x, int quarters) {
  constexpr double kHalfPi = 1.57079632679489661923;
  constexpr auto kHigh = static_cast<double>(static_cast<float>(kHalfPi));
  constexpr double kLow = 6.123233995736766e-17 + (kHalfPi - kHigh);
  constexpr double kMost = 1 << 30;
  const Expr finite = Halide::cast<double>(clamp_finite(x, -kMost, kMost));
  const Expr scaled = finite * Expr(1 / kHalfPi);
  const Expr turns =
      Halide::cast<int32_t>(scaled + Halide::select(scaled < Expr(0.0), Expr(-0.5), Expr(0.5)));
  const Expr whole = Halide::cast<double>(turns);
  const Expr reduced =
      strict_sub(strict_sub(finite, strict_mul(whole, Expr(kHigh))), strict_mul(whole, Expr(kLow)));
  const Expr r = Halide::cast<float>(reduced);
  const Expr square = r * r;
  const Expr sin =
      r + r * square * polynomial(square, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880});
  const Expr cos =
      polynomial(square, {1, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800});
  const Expr quarter = turns + quarters;
  const Expr value = Halide::select((quarter & 1) == 0, sin, cos);
  const Expr is_number = strict_less(Halide::abs(x), kInfinity);
  return Halide::select(is_number, Halide::select((quarter & 2) == 0, value, -value),
                        std::numeric_limits<float>::quiet_NaN());
}

}  // namespace

Expr strict_add(const Expr& a, const Expr& b) { return strict(Call::strict_add, a.type(), a, b); }
Expr strict_sub(const Expr& a, const Expr& b) { return strict(Call::strict_sub, a.type(), a, b); }
Expr strict_mul(const Expr& a, const Expr& b) { return strict(Call::strict_mul, a.type(), a, b); }
Expr strict_div(const Expr& a, const Expr& b) { return strict(Call::strict_div, a.type(), a, b); }
Expr strict_less(const Expr& a, const Expr& b) {
  return strict(Call::strict_lt, Halide::Bool(), a, b);
}
Expr strict_equal(const Expr& a, const Expr& b) {
  return strict(Call::strict_eq, Halide::Bool(), a, b);
}
Expr at_most(const Expr& a, const Expr& b) { return strict_less(a, b) || strict_equal(a, b); }

Expr clamp_or_nan(const Expr& x, double least, double most) {
  const Expr above = Halide::select(strict_less(x, real(least)), real(least), x);
  return Halide::select(strict_less(real(most), above), real(most), above);
}

Expr clamp_finite(const Expr& x, double least, double most) {
  const Expr above = Halide::select(strict_less(real(least), x), x, real(least));
  return Halide::select(strict_less(above, real(most)), above, real(most));
}

Expr exp_of(const Expr& x) {
  const Exponential e = exponential(clamp_finite(x, -104, 89));
  return kept_nan(x, scaled_by_power(strict_add(1.f, e.rest), e.exponent));
}

Expr expm1_below_zero(const Expr& x) {
  const Exponential e = exponential(clamp_finite(x, -80, 0));
  const Expr scale = power_of_two(e.exponent);
  return kept_nan(x, e.rest * scale + (scale - 1.f));
}

Expr log_of(const Expr& x) {
  const Expr positive = strict_less(0.f, x) && strict_less(x, kInfinity);
  const Split split = split_exponent(Halide::select(positive, x, 1.f));
  const Expr f = split.mantissa - 1.f;
  const Expr s = f / (2.f + f);
  const Expr tail = s * s * polynomial(s * s, {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11});
  const Expr whole = Halide::cast<float>(split.exponent);
  const Expr result =
      strict_add(strict_mul(whole, kLn2High), 2.f * s + (s * tail + whole * kLn2Low));
  return Halide::select(positive, result, strict_equal(x, 0.f), -kInfinity,
                        strict_equal(x, kInfinity), kInfinity,
                        std::numeric_limits<float>::quiet_NaN());
}

Expr sqrt_of(const Expr& x) {
  const Expr root = Halide::sqrt(Halide::select(strict_less(0.f, x), x, 0.f));
  return Halide::select(strict_less(0.f, x), root, strict_equal(x, 0.f), x,
                        std::numeric_limits<float>::quiet_NaN());
}

// By C's rules. The logarithm and its product with y are doubles: an error of theirs is one of the
// result, times y * log(x).
Expr pow_of(const Expr& x, const Expr& y) {
  constexpr double kHuge = 1e200;
  constexpr float kMostOdd = 16777216.f;  // from this size on, floats are even
  const Expr size = Halide::abs(x);
  const Expr positive = strict_less(0.f, size) && strict_less(size, kInfinity);
  const Split split = split_exponent(Halide::select(positive, size, 1.f));
  const Expr f = Halide::cast<double>(split.mantissa) - Expr(1.0);
  const Expr s = f / (Expr(2.0) + f);
  const Expr square = s * s;
  Expr series = Expr(1.0 / 15);
  for (int n = 13; n > 0; n -= 2) series = series * square + Expr(1.0 / n);
  const Expr logarithm = Halide::select(
      positive, Halide::cast<double>(split.exponent) * Expr(kLn2) + Expr(2.0) * s * series,
      strict_equal(size, 0.f), Expr(-kHuge), Expr(kHuge));
  constexpr double kMost = std::numeric_limits<float>::max();
  const Expr product = Halide::clamp(
      Halide::cast<double>(clamp_finite(y, -kMost, kMost)) * logarithm, Expr(-104.0), Expr(89.0));
  const Expr scaled = product * Expr(1 / kLn2);
  const Expr exponent =
      Halide::cast<int32_t>(scaled + Halide::select(scaled < Expr(0.0), Expr(-0.5), Expr(0.5)));
  const Expr r = Halide::cast<float>(product - Halide::cast<double>(exponent) * Expr(kLn2));
  const Expr result = scaled_by_power(1.f + expm1_near_zero(r), exponent);

  const Expr can_be_odd = strict_less(Halide::abs(y), kMostOdd);
  const Expr whole = Halide::cast<int32_t>(Halide::select(can_be_odd, y, 0.f));
  const Expr is_whole = !can_be_odd || strict_equal(Halide::cast<float>(whole), y);
  const Expr is_odd = can_be_odd && is_whole && (whole & 1) == 1;
  const Expr is_negative = Halide::reinterpret<int32_t>(x) < 0;
  const Expr value = Halide::select(is_negative && is_odd, strict_sub(0.f, result), result);
  const Expr is_nan = !strict_equal(x, x) || !strict_equal(y, y) ||
                      (strict_less(x, 0.f) && strict_less(-kInfinity, x) && !is_whole);
  const Expr is_one = strict_equal(y, 0.f) || strict_equal(x, 1.f);
  return Halide::select(is_one, 1.f, is_nan, std::numeric_limits<float>::quiet_NaN(), value);
}

Expr sigmoid_of(const Expr& x) {
  return strict_div(1.f, strict_add(1.f, exp_of(strict_sub(0.f, x))));
}

Expr tanh_of(const Expr& x) {
  const Expr size = Halide::abs(clamp_finite(x, -20, 20));
  const Expr m = expm1_below_zero(-2.f * size);
  const Expr value = -m / (m + 2.f);
  return kept_nan(x, Halide::select(strict_less(x, 0.f), -value, value));
}

Expr softplus_of(const Expr& x) {
  const Expr small = exp_of(-Halide::abs(clamp_finite(x, -104, 104)));
  return strict_add(Halide::select(strict_less(x, 0.f), 0.f, x), log1p_to_one(small));
}

Expr erf_of(const Expr& x) {
  const Expr finite = clamp_finite(x, -12, 12);
  const Expr size = Halide::abs(finite);
  const Expr most = 1.f - erfc_from_one(Halide::max(size, 1.f));
  const Expr value =
      Halide::select(size < 1.f, erf_to_one(finite), Halide::select(finite < 0.f, -most, most));
  return kept_nan(x, value);
}

Expr sin_of(const Expr& x) { return sine(x, 0); }
Expr cos_of(const Expr& x) { return sine(x, 1); }

Expr normal_below(const Expr& x) {
  const Expr finite = clamp_finite(strict_mul(x, real(std::sqrt(0.5))), -12, 12);
  const Expr size = Halide::abs(finite);
  const Expr tail = 0.5f * erfc_from_one(Halide::max(size, 1.f));
  const Expr value = Halide::select(size < 1.f, 0.5f + 0.5f * erf_to_one(finite),
                                    Halide::select(finite < 0.f, tail, 1.f - tail));
  return kept_nan(x, value);
}

Expr normal_density(const Expr& x) {
  constexpr double kPi = 3.14159265358979323846;
  const Expr finite = clamp_finite(x, -20, 20);
  const Expr value = real(1 / std::sqrt(2 * kPi)) * exp_of(-0.5f * (finite * finite));
  return kept_nan(x, value);
}

}  // namespace cnnc
