// Entry points: Reduction, settle_dims. Tested by tests/ops/reduce_test.cpp.
#include <algorithm>
#include <set>

#include "compiler/ops/reduce.h"

namespace cnnc {

using Halide::Expr;
using Halide::RDom;
using Halide::Var;
using Place = std::vector<Expr>;

Reduction::Reduction(const Attrs& attrs, Shape in)
    : in_(std::move(in)), reduced_(in_.size()), keepdim_(attrs.boolean("keepdim")) {
  for (const int64_t d : attrs.integers("dim")) reduced_[static_cast<size_t>(d)] = true;
  for (int64_t d = 0; d < rank(); ++d) {
    if (!is_reduced(d)) {
      out_.push_back(in_[static_cast<size_t>(d)]);
    } else if (keepdim_) {
      out_.push_back(1);
    }
  }
  if (out_.empty()) out_ = {1};
}

int64_t Reduction::size() const { return element_count(in_) / element_count(out_); }

int64_t Reduction::out_element(int64_t element) const {
  int64_t result = 0, stride = 1;
  for (int64_t d = rank(); d-- > 0;) {
    const int64_t extent = in_[static_cast<size_t>(d)];
    if (!is_reduced(d)) {
      result += element % extent * stride;
      stride *= extent;
    }
    element /= extent;
  }
  return result;
}

RDom Reduction::domain(const std::string& name) const {
  Halide::Region bounds;
  for (int64_t d = rank(); d-- > 0;) {
    if (is_reduced(d)) bounds.emplace_back(0, constant(in_[static_cast<size_t>(d)]));
  }
  return RDom(bounds, name);
}

Place Reduction::source(const Place& out_place, const RDom& domain) const {
  Place result;
  int point = 0;
  size_t next = 0;
  for (int64_t d = rank(); d-- > 0;) {
    if (is_reduced(d)) {
      result.emplace_back(domain[point++]);
      next += keepdim_ ? 1 : 0;
    } else {
      result.push_back(out_place[next++]);
    }
  }
  return result;
}

Place Reduction::target(const Place& place) const {
  Place result;
  for (int64_t d = rank(); d-- > 0;) {
    if (!is_reduced(d)) {
      result.push_back(place[static_cast<size_t>(rank() - 1 - d)]);
    } else if (keepdim_) {
      result.emplace_back(0);
    }
  }
  if (result.empty()) result.emplace_back(0);
  return result;
}

Place Reduction::kept_of(const Place& place) const {
  Place result;
  for (int64_t d = rank(); d-- > 0;) {
    if (!is_reduced(d)) result.push_back(place[static_cast<size_t>(rank() - 1 - d)]);
  }
  return result;
}

std::vector<Var> Reduction::kept() const {
  const std::vector<Var> vars = variables(rank());
  std::vector<Var> result;
  for (int64_t d = rank(); d-- > 0;) {
    if (!is_reduced(d)) result.push_back(vars[static_cast<size_t>(rank() - 1 - d)]);
  }
  return result;
}

Place Reduction::source_of_kept(const RDom& domain) const {
  Place result = as_exprs(variables(rank()));
  int point = 0;
  for (int64_t d = rank(); d-- > 0;) {
    if (is_reduced(d)) result[static_cast<size_t>(rank() - 1 - d)] = domain[point++];
  }
  return result;
}

Diagnostics settle_dims(InferArgs& args, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  std::set<int64_t> dims;
  if (args.attrs.has("dim")) {
    for (const int64_t given : args.attrs.integers("dim")) {
      const int64_t d = given < 0 ? given + rank : given;
      if (d < 0 || d >= rank) {
        return {error("dim is " + std::to_string(given) + ", but the input " + to_string(shape) +
                      " has " + std::to_string(rank) + " dimensions")};
      }
      if (!dims.insert(d).second) {
        return {error("dim has the dimension " + std::to_string(d) + " twice")};
      }
    }
  } else {
    for (int64_t d = std::min<int64_t>(1, rank - 1); d < rank; ++d) dims.insert(d);
  }
  args.attrs.set("dim", std::vector<int64_t>(dims.begin(), dims.end()));
  return {};
}

}  // namespace cnnc
