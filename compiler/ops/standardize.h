// What GroupNorm, InstanceNorm and LayerNorm share: sets of elements of one image, each brought to
// a mean of 0 and a variance of 1.
#pragma once
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// The sets of a tensor [N, C, ...]: all elements that differ only in dimensions from `first` on
// and, with groups, in the channel of a group. groups > 0 goes with first = 2.
struct NormSets {
  int64_t first = 2;
  int64_t groups = 0;

  // Elements of a set.
  [[nodiscard]] int64_t size(const Shape& shape) const;
  [[nodiscard]] int64_t count(const Shape& shape) const;
  // The set that an element is in, by its row-major index.
  [[nodiscard]] int64_t set_of(const Shape& shape, int64_t element) const;
};

// As attributes of Standardize and StandardizeGrad.
[[nodiscard]] Attrs attrs_of_sets(const NormSets& sets, double eps);

// x - mean and 1 / sqrt(variance + eps) at `place`, of input `index`. Adds the stages "sum" and
// "squares".
struct Standardized {
  Halide::Expr distance;
  Halide::Expr inverse;
};
[[nodiscard]] Standardized standardized(Lowering& lowering, size_t index, const NormSets& sets,
                                        const std::vector<Halide::Expr>& place);

// The same in double: for each set its mean and 1 / sqrt(variance + eps).
struct SetStatistics {
  std::vector<double> mean;
  std::vector<double> inverse;
};
[[nodiscard]] SetStatistics statistics_of_sets(const ReferenceTensor& x, const NormSets& sets,
                                               double eps);

// The gradients of a layer (x - mean) * inverse * weight + bias, where weight and bias, inputs 1
// and 2, stand for the dimensions of x from `weighted` on, as many as they have.
[[nodiscard]] std::vector<ValueId> standardize_gradient(GradientArgs& args, const NormSets& sets,
                                                        int64_t weighted);

// The part of a place that a parameter stands for, as its arguments.
[[nodiscard]] std::vector<Halide::Expr> place_in_parameter(const std::vector<Halide::Expr>& place,
                                                           int64_t weighted, int64_t rank);
// The element of a parameter that stands for those dimensions of an element of x.
[[nodiscard]] int64_t element_in_parameter(const Shape& x, int64_t element, int64_t weighted,
                                           int64_t rank);

}  // namespace cnnc
