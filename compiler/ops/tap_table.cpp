// Tested by tests/ops/{resize,index_select}_test.cpp.
#include "compiler/ops/tap_table.h"

#include <algorithm>

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;

constexpr int64_t kMostUnrolled = 8;  // taps

template <class T, class U>
Halide::Buffer<T> table(const Taps& taps, const std::vector<U>& values) {
  Halide::Buffer<T> result(static_cast<int>(taps.count), static_cast<int>(taps.elements()));
  for (int64_t o = 0; o < taps.elements(); ++o) {
    for (int64_t k = 0; k < taps.count; ++k) {
      result(static_cast<int>(k), static_cast<int>(o)) = static_cast<T>(values[o * taps.count + k]);
    }
  }
  return result;
}

}  // namespace

TapTable::TapTable(const Taps& taps, int64_t other_extent)
    : count_(taps.count), own_extent_(taps.elements()), other_extent_(other_extent) {
  is_plain_ = std::all_of(taps.weights.begin(), taps.weights.end(),
                          [](double weight) { return weight == 1; });
  is_even_ = count_ == 1 && (own_extent_ % other_extent == 0 || other_extent % own_extent_ == 0);
  for (int64_t o = 0; is_even_ && o < own_extent_; ++o) {
    is_even_ = taps.indices[o] == o * other_extent / own_extent_;
  }
  if (!is_even_) indices_ = table<int32_t>(taps, taps.indices);
  if (!is_plain_) weights_ = table<float>(taps, taps.weights);
}

Expr TapTable::index(const Expr& k, const Expr& o) const {
  if (!is_even_) return Halide::clamp(indices_(k, o), 0, constant(other_extent_ - 1));
  return own_extent_ >= other_extent_ ? o / constant(own_extent_ / other_extent_)
                                      : o * constant(other_extent_ / own_extent_);
}

Expr TapTable::weight(const Expr& k, const Expr& o) const { return weights_(k, o); }

void lower_sum_of_taps(Lowering& lowering, const char* name, int64_t dim, const Taps& taps) {
  const std::vector<Halide::Var> vars = variables(lowering.output_types[0].rank());
  const TapTable table(taps, lowering.input_types[0].shape[dim]);
  const std::vector<Expr> coordinates = reversed(vars);
  const auto term = [&](const Expr& k) {
    std::vector<Expr> source = coordinates;
    source[dim] = table.index(k, coordinates[dim]);
    const Expr value = at(lowering.inputs[0], reversed(source));
    if (table.is_plain()) return value;
    const Expr weight = table.weight(k, coordinates[dim]);
    return Halide::select(weight != 0.f, value * weight, 0.f);
  };
  Func output(name);
  if (table.count() <= kMostUnrolled) {
    Expr sum = term(0);
    for (int64_t k = 1; k < table.count(); ++k) sum = sum + term(constant(k));
    output(vars) = sum;
  } else {
    const Halide::RDom r(0, constant(table.count()), "r");
    Func sum("sum");
    sum(vars) = 0.f;
    sum(vars) += term(r);
    lowering.stages["sum"] = sum;
    output(vars) = sum(vars);
  }
  lowering.outputs = {output};
}

void sum_taps(const ReferenceTensor& in, int64_t dim, const Taps& taps, ReferenceTensor& out) {
  for (int64_t i = 0; i < element_count(out.shape); ++i) {
    Shape from = coordinates_of(out.shape, i);
    const int64_t o = from[dim];
    for (int64_t k = o * taps.count; k < (o + 1) * taps.count; ++k) {
      from[dim] = taps.indices[k];
      if (taps.weights[k] != 0)
        out.data[i] += taps.weights[k] * in.data[position_of(in.shape, from)];
    }
  }
}

}  // namespace cnnc
