// Tested by tests/ops/resize_test.cpp.
#include "compiler/ops/resize_taps.h"

#include <algorithm>
#include <cmath>

namespace cnnc {
namespace {

// Where element `o` lies in the input.
double coordinate(const ResizeRule& rule, int64_t in, int64_t out, int64_t o) {
  const auto x = static_cast<double>(o), from = static_cast<double>(in),
             to = static_cast<double>(out);
  // Without a scale of its own the quotient is exact where it can be.
  const auto scaled = [&](double position) {
    return rule.scale > 0 ? position / rule.scale : position * from / to;
  };
  if (rule.coordinates == "align_corners") {
    // By ONNX's rule the last element lies where the scale says, which need not be a whole number.
    const double last = (rule.scale > 0 ? rule.scale * from : to) - 1;
    return out == 1 ? 0 : x * (from - 1) / last;
  }
  if (rule.coordinates == "asymmetric") return scaled(x);
  if (rule.coordinates == "pytorch_half_pixel" && out == 1) return 0;
  if (rule.coordinates == "half_pixel_symmetric" && rule.scale > 0) {
    const double adjustment = to / (rule.scale * from);
    return from / 2 * (1 - adjustment) + scaled(x + 0.5) - 0.5;
  }
  return scaled(x + 0.5) - 0.5;
}

double nearest(const ResizeRule& rule, double x) {
  if (rule.nearest == "floor") return std::floor(x);
  if (rule.nearest == "ceil") return std::ceil(x);
  if (rule.nearest == "round_prefer_floor") return std::ceil(x - 0.5);
  return std::floor(x + 0.5);  // round_prefer_ceil
}

// Keys' cubic convolution.
double cubic(double a, double distance) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

}  // namespace

Taps resize_taps(const ResizeRule& rule, int64_t in, int64_t out) {
  Taps taps;
  taps.count = rule.mode == "nearest" ? 1 : rule.mode == "linear" ? 2 : 4;
  for (int64_t o = 0; o < out; ++o) {
    const double x = coordinate(rule, in, out, o);
    const double first =
        rule.mode == "nearest" ? nearest(rule, x) : std::floor(x) - (taps.count == 4 ? 1 : 0);
    double sum = 0;
    for (int64_t k = 0; k < taps.count; ++k) {
      const int64_t index = static_cast<int64_t>(first) + k;
      const double distance = x - static_cast<double>(index);
      double weight = 1;
      if (rule.mode == "linear") weight = 1 - std::abs(distance);
      if (rule.mode == "cubic") weight = cubic(rule.cubic_a, distance);
      if (rule.exclude_outside && (index < 0 || index >= in)) weight = 0;
      taps.indices.push_back(std::clamp(index, int64_t{0}, in - 1));
      taps.weights.push_back(weight);
      sum += weight;
    }
    for (int64_t k = 0; rule.exclude_outside && k < taps.count; ++k) {
      taps.weights[taps.weights.size() - 1 - k] /= sum;
    }
  }
  return taps;
}

Taps transposed(const Taps& taps, int64_t in) {
  std::vector<std::vector<std::pair<int64_t, double>>> readers(in);
  for (size_t i = 0; i < taps.indices.size(); ++i) {
    if (taps.weights[i] == 0) continue;
    auto& list = readers[taps.indices[i]];
    const auto o = static_cast<int64_t>(i) / taps.count;
    if (!list.empty() && list.back().first == o) {
      list.back().second += taps.weights[i];
    } else {
      list.emplace_back(o, taps.weights[i]);
    }
  }
  Taps result;
  for (const auto& list : readers) {
    result.count = std::max(result.count, static_cast<int64_t>(list.size()));
  }
  for (const auto& list : readers) {
    for (int64_t k = 0; k < result.count; ++k) {
      const bool is_there = k < static_cast<int64_t>(list.size());
      result.indices.push_back(is_there ? list[k].first : list.empty() ? 0 : list.back().first);
      result.weights.push_back(is_there ? list[k].second : 0);
    }
  }
  return result;
}

}  // namespace cnnc
