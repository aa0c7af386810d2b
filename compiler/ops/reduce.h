// Reductions along dimensions: which elements of the input an element of the output is made of.
#pragma once
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

// Of a tensor of the shape `in`, along the dimensions in the attribute "dim".
class Reduction {
 public:
  Reduction(const Attrs& attrs, Shape in);

  [[nodiscard]] const Shape& out() const { return out_; }
  // Elements that one of the output is made of.
  [[nodiscard]] int64_t size() const;
  // The element of the output that an element of the input is part of, by row-major indices.
  [[nodiscard]] int64_t out_element(int64_t element) const;

  // The dimensions that are reduced, as a reduction domain of that name.
  [[nodiscard]] Halide::RDom domain(const std::string& name) const;
  // The place in the input of a place in the output and a point of the domain.
  [[nodiscard]] std::vector<Halide::Expr> source(const std::vector<Halide::Expr>& out_place,
                                                 const Halide::RDom& domain) const;
  // The place in the output that a place in the input is part of.
  [[nodiscard]] std::vector<Halide::Expr> target(const std::vector<Halide::Expr>& place) const;
  // The arguments of the input that are not reduced, and its place at these and a point of the
  // domain: for a Func with an element per element of the output in a kernel over the input.
  [[nodiscard]] std::vector<Halide::Var> kept() const;
  [[nodiscard]] std::vector<Halide::Expr> source_of_kept(const Halide::RDom& domain) const;
  [[nodiscard]] std::vector<Halide::Expr> kept_of(const std::vector<Halide::Expr>& place) const;

 private:
  [[nodiscard]] bool is_reduced(int64_t d) const { return reduced_[static_cast<size_t>(d)]; }
  [[nodiscard]] int64_t rank() const { return static_cast<int64_t>(in_.size()); }

  Shape in_, out_;
  std::vector<bool> reduced_;
  bool keepdim_;
};

// Checks "dim", makes it count from the front and in order; without it, all but the batch.
[[nodiscard]] Diagnostics settle_dims(InferArgs& args, const Shape& shape);

}  // namespace cnnc
