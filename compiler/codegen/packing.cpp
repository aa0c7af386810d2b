#include "compiler/codegen/packing.h"

#include <cstring>
#include <vector>

#include "compiler/ops/winograd.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

// Any parameter as [Cout][Cin][KH][KW].
Shape as_weights(const Shape& shape, const WeightPacking& packing) {
  Shape result = shape;
  while (result.size() < 4) result.push_back(1);
  if (packing.outputs_second && shape.size() == 4) std::swap(result[0], result[1]);
  return result;
}

// G g G^T for every [3, 3] of the weights, in double.
template <class Tile>
std::vector<float> transform(const float* elements, const Shape& shape) {
  constexpr int kIn = 3, kOut = Tile::kIn;
  std::vector<float> result(static_cast<size_t>(shape[0] * shape[1] * kOut * kOut));
  const auto& g = Tile::weights;
  for (int64_t m = 0; m < shape[0] * shape[1]; ++m) {
    const float* from = elements + m * kIn * kIn;
    float* to = result.data() + m * kOut * kOut;
    for (int i = 0; i < kOut; ++i) {
      for (int j = 0; j < kOut; ++j) {
        double sum = 0;
        for (int k = 0; k < kIn; ++k) {
          for (int l = 0; l < kIn; ++l) sum += g[i][k] * from[k * kIn + l] * g[j][l];
        }
        to[i * kOut + j] = static_cast<float>(sum);
      }
    }
  }
  return result;
}

}  // namespace

std::string to_string(const WeightPacking& packing) {
  if (packing.panel == 0) return "";
  std::string form = ".packed";
  if (packing.winograd > 0) form = ".winograd" + std::to_string(packing.winograd) + ".";
  return form + std::to_string(packing.panel) + (packing.outputs_second ? ".outputs_second" : "");
}

Shape transformed_shape(const Shape& shape, const WeightPacking& packing) {
  if (packing.winograd == 0 || shape.size() != 4) return shape;
  return {shape[0], shape[1], packing.winograd + 2, packing.winograd + 2};
}

std::vector<int64_t> packed_extents(const Shape& raw, const WeightPacking& packing) {
  const Shape shape = transformed_shape(raw, packing);
  const Shape weights = as_weights(shape, packing);
  const int64_t panel = packing.panel;
  const int64_t channels = (weights[0] + packing.tile - 1) / packing.tile * packing.tile;
  const int64_t panels = (channels + panel - 1) / panel;
  switch (shape.size()) {
    case 1:
      return {panels * panel};
    case 2:
      return {panel, shape[1], panels};
    case 4:
      return {panel, weights[1], weights[3], weights[2], panels};
    default:
      break;
  }
  CNNC_CHECK(false, "no packing for a parameter of shape " + to_string(shape));
  return {};
}

std::string pack_parameter(const float* elements, const Shape& raw, const WeightPacking& packing) {
  const Shape s = as_weights(transformed_shape(raw, packing), packing);
  std::vector<float> transformed;
  if (packing.winograd > 0 && raw.size() == 4) {
    transformed = packing.winograd == WinogradTile2::kOut ? transform<WinogradTile2>(elements, raw)
                                                          : transform<WinogradTile4>(elements, raw);
    elements = transformed.data();
  }
  const int64_t panel = packing.panel;
  const int64_t outputs = s[0], inputs = s[1], height = s[2], width = s[3];
  const bool outputs_second = packing.outputs_second && raw.size() == 4;
  const int64_t output_stride = height * width * (outputs_second ? 1 : inputs);
  const int64_t input_stride = height * width * (outputs_second ? outputs : 1);
  std::vector<float> packed(static_cast<size_t>(element_count(packed_extents(raw, packing))));
  for (int64_t o = 0; o < outputs; ++o) {
    const float* from = elements + o * output_stride;
    float* to = packed.data() + (o / panel) * height * width * inputs * panel + o % panel;
    for (int64_t tap = 0; tap < height * width; ++tap) {
      for (int64_t i = 0; i < inputs; ++i) {
        to[(tap * inputs + i) * panel] = from[i * input_stride + tap];
      }
    }
  }
  std::string bytes(packed.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), packed.data(), bytes.size());
  return bytes;
}

}  // namespace cnnc
