// Which elements of a dimension each element of a resized one is made of: tables of small numbers,
// made when a network is compiled.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

// How one dimension is resized, in the words of ONNX's Resize.
struct ResizeRule {
  std::string mode = "nearest";            // "nearest", "linear", "cubic"
  std::string coordinates = "asymmetric";  // coordinate_transformation_mode
  std::string nearest = "floor";           // nearest_mode
  double cubic_a = -0.75;                  // cubic_coeff_a
  bool exclude_outside = false;  // elements outside have no weight, rather than the edge's
  double scale = 0;              // of the coordinates; 0: output extent / input extent
};

// Element o is the sum of weights[o * count + k] * element indices[o * count + k] of the other.
struct Taps {
  int64_t count = 1;
  std::vector<int64_t> indices;
  std::vector<double> weights;

  [[nodiscard]] int64_t elements() const { return static_cast<int64_t>(indices.size()) / count; }
};

[[nodiscard]] Taps resize_taps(const ResizeRule& rule, int64_t in, int64_t out);
// Of the gradient: which elements of the output each of the `in` of the input flows into.
[[nodiscard]] Taps transposed(const Taps& taps, int64_t in);

}  // namespace cnnc
