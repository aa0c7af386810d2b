// Weight files in the safetensors format.
//
// A file is an 8-byte little-endian length, a JSON header of that length, and the tensors' bytes:
//   {"fc1.bias": {"dtype": "F32", "shape": [1024], "data_offsets": [0, 4096]}, ...}
// Offsets count from the end of the header. The key "__metadata__" maps strings to strings.
// Reading accepts exactly the files that the format allows, of the types that cnnc knows: every
// byte belongs to one tensor, sizes match shapes, names are unique. Tensors of 64-bit integers,
// which PyTorch counts with (BatchNorm's num_batches_tracked), are checked and left out. Bytes are
// little-endian, as the machines that cnnc runs on are.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace cnnc {

struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::vector<uint8_t> bytes;  // row-major; byte_width(dtype) * element_count(shape) of them
};

// A tensor of `count` floats, and the floats of an f32 tensor.
[[nodiscard]] Tensor f32_tensor(std::string name, Shape shape, const float* values);
[[nodiscard]] std::vector<float> f32_values(const Tensor& tensor);

using Metadata = std::map<std::string, std::string>;

struct TensorFile {
  std::vector<Tensor> tensors;  // in the order of their bytes in the file
  Metadata metadata;

  // The tensor of this name, or null.
  [[nodiscard]] const Tensor* find(std::string_view name) const;
};

Result<TensorFile> read_safetensors(const std::string& path);
// The same for bytes in memory; `path` is what messages call them.
Result<TensorFile> parse_safetensors(std::string_view bytes, const std::string& path);

// Lays the tensors out in the given order. The same tensors and metadata give the same bytes.
// Replaces an earlier file only once the new one is complete.
Status write_safetensors(const std::string& path, const std::vector<Tensor>& tensors,
                         const Metadata& metadata = {});
Result<std::string> format_safetensors(const std::vector<Tensor>& tensors,
                                       const Metadata& metadata = {});

}  // namespace cnnc
