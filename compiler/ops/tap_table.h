// Taps as constants of compiled code: see resize_taps.h.
#pragma once
#include "compiler/ops/dims.h"
#include "compiler/ops/resize_taps.h"

namespace cnnc {

// The taps of one dimension as expressions.
class TapTable {
 public:
  TapTable(const Taps& taps, int64_t other_extent);

  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] bool is_plain() const { return is_plain_; }  // all weights are 1
  // Of tap `k` of element `o`.
  [[nodiscard]] Halide::Expr index(const Halide::Expr& k, const Halide::Expr& o) const;
  [[nodiscard]] Halide::Expr weight(const Halide::Expr& k, const Halide::Expr& o) const;

 private:
  int64_t count_;
  int64_t own_extent_;
  int64_t other_extent_;
  bool is_plain_ = true;
  bool is_even_ = false;  // each element is repeated as often, or every so many are taken
  Halide::Buffer<int32_t> indices_;
  Halide::Buffer<float> weights_;
};

// Defines output 0 as the sum over the taps of dimension `dim` of input 0. What has no weight
// counts for nothing, NaN too.
void lower_sum_of_taps(Lowering& lowering, const char* name, int64_t dim, const Taps& taps);

// The same, for references.
void sum_taps(const ReferenceTensor& in, int64_t dim, const Taps& taps, ReferenceTensor& out);

}  // namespace cnnc
