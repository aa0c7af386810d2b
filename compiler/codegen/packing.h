// How constant parameters lie in an object: panels of output channels, so that a kernel with the
// channels innermost reads each weight vector with one aligned load.
//
//   weights [Cout, Cin/groups, KH, KW] -> [Cout/V][KH][KW][Cin/groups][V]
//   weights [out, in]                  -> [out/V][in][V]
//   biases  [Cout]                     -> padded with zeros to a multiple of V
//
// For Winograd's algorithm, weights [Cout, Cin, 3, 3] are transformed to [Cout, Cin, 6, 6] before.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/types.h"

namespace cnnc {

struct WeightPacking {
  int64_t panel = 0;  // V; 0: not packed, as it is
  bool is_transformed = false;
};
[[nodiscard]] std::string to_string(const WeightPacking& packing);

// The shape of a parameter after its transformation.
[[nodiscard]] Shape transformed_shape(const Shape& shape, const WeightPacking& packing);

// Halide's dimensions of a packed parameter, innermost first.
[[nodiscard]] std::vector<int64_t> packed_extents(const Shape& shape, const WeightPacking& packing);

// The bytes of a packed parameter, from its row-major elements.
[[nodiscard]] std::string pack_parameter(const float* elements, const Shape& shape,
                                         const WeightPacking& packing);

}  // namespace cnnc
