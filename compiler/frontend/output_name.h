// How "inputs" name an output of a layer: "split" is the first, "split[1]" the second.
#pragma once
#include <cstddef>
#include <string>

namespace cnnc {

struct OutputName {
  std::string layer;
  size_t index = 0;
};

// Text without a number in brackets at its end is the name of a layer as it is.
[[nodiscard]] OutputName parse_output_name(const std::string& text);

}  // namespace cnnc
