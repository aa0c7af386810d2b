// How constant parameters lie in an object: panels of output channels, so that a kernel with the
// channels innermost reads each weight vector with one aligned load.
//
//   weights [Cout, Cin/groups, KH, KW] -> [Cout/V][KH][KW][Cin/groups][V]
//   weights [out, in]                  -> [out/V][in][V]
//   biases  [Cout]                     -> padded with zeros to a multiple of V
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/types.h"

namespace cnnc {

// Halide's dimensions of a packed parameter, innermost first. `panel` is V.
[[nodiscard]] std::vector<int64_t> packed_extents(const Shape& shape, int64_t panel);

// The bytes of a packed parameter, from its row-major elements.
[[nodiscard]] std::string pack_parameter(const float* elements, const Shape& shape, int64_t panel);

}  // namespace cnnc
