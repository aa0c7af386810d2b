// How constant parameters lie in an object: panels of output channels, so that a kernel with the
// channels innermost reads each weight vector with one aligned load.
//
//   weights [Cout, Cin/groups, KH, KW] -> [Cout/V][KH][KW][Cin/groups][V]
//   weights [out, in]                  -> [out/V][in][V]
//   weights [Cin, Cout, KH, KW]        -> [Cout/V][KH][KW][Cin][V], of transposed convolutions
//   biases  [Cout]                     -> as many as there are in the panels of the weights
//
// Behind the last output channel lie zeros: a kernel computes whole tiles of channels, which may be
// wider or narrower than a panel, and reads weights for all of them.
//
// For Winograd's algorithm with tiles of m x m outputs, weights [Cout, Cin, 3, 3] are transformed
// to [Cout, Cin, m + 2, m + 2] before.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/types.h"

namespace cnnc {

struct WeightPacking {
  int64_t panel = 0;            // V; 0: not packed, as it is
  int64_t winograd = 0;         // m of the transform; 0: none
  bool outputs_second = false;  // of weights, the second dimension is that of the output channels
  int64_t tile = 1;             // channels that a kernel computes at a time
};
// The order of the elements; the tile only says where they end.
[[nodiscard]] std::string to_string(const WeightPacking& packing);

// The shape of a parameter after its transformation.
[[nodiscard]] Shape transformed_shape(const Shape& shape, const WeightPacking& packing);

// Halide's dimensions of a packed parameter, innermost first.
[[nodiscard]] std::vector<int64_t> packed_extents(const Shape& shape, const WeightPacking& packing);

// The bytes of a packed parameter, from its row-major elements.
[[nodiscard]] std::string pack_parameter(const float* elements, const Shape& shape,
                                         const WeightPacking& packing);

}  // namespace cnnc
