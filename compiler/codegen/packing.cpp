#include "compiler/codegen/packing.h"

#include <cstring>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

// Any parameter as [Cout][Cin][KH][KW].
Shape as_weights(const Shape& shape) {
  Shape result = shape;
  while (result.size() < 4) result.push_back(1);
  return result;
}

}  // namespace

std::vector<int64_t> packed_extents(const Shape& shape, int64_t panel) {
  const int64_t panels = (shape[0] + panel - 1) / panel;
  switch (shape.size()) {
    case 1:
      return {panels * panel};
    case 2:
      return {panel, shape[1], panels};
    case 4:
      return {panel, shape[1], shape[3], shape[2], panels};
    default:
      break;
  }
  CNNC_CHECK(false, "no packing for a parameter of shape " + to_string(shape));
  return {};
}

std::string pack_parameter(const float* elements, const Shape& shape, int64_t panel) {
  const Shape s = as_weights(shape);
  const int64_t outputs = s[0], inputs = s[1], height = s[2], width = s[3];
  std::vector<float> packed(static_cast<size_t>(element_count(packed_extents(shape, panel))));
  for (int64_t o = 0; o < outputs; ++o) {
    const float* from = elements + o * inputs * height * width;
    float* to = packed.data() + (o / panel) * height * width * inputs * panel + o % panel;
    for (int64_t tap = 0; tap < height * width; ++tap) {
      for (int64_t i = 0; i < inputs; ++i) {
        to[(tap * inputs + i) * panel] = from[i * height * width + tap];
      }
    }
  }
  std::string bytes(packed.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), packed.data(), bytes.size());
  return bytes;
}

}  // namespace cnnc
