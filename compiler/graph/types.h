// Tensor types. Shapes are logical and in PyTorch's order: activations [N, C, H, W] or [N, F],
// convolution weights [Cout, Cin/groups, KH, KW], linear weights [out, in].
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cnnc {

enum class DType { f32, i32, u8 };

[[nodiscard]] int64_t byte_width(DType dtype);
[[nodiscard]] const char* to_string(DType dtype);  // "f32"

using Shape = std::vector<int64_t>;

constexpr int64_t kMostRank = 6;  // of a tensor that kernels compute

// Saturates: a shape with too many elements to count has the greatest count there is.
[[nodiscard]] int64_t element_count(const Shape& shape);
// The shape of both together, as NumPy broadcasts; empty where they do not fit.
[[nodiscard]] Shape broadcast_shape(const Shape& a, const Shape& b);
[[nodiscard]] std::string to_string(const Shape& shape);  // "[64, 1, 28, 28]"

struct Type {
  DType dtype = DType::f32;
  Shape shape;

  [[nodiscard]] int64_t bytes() const { return element_count(shape) * byte_width(dtype); }
  [[nodiscard]] int64_t rank() const { return static_cast<int64_t>(shape.size()); }
};

[[nodiscard]] bool operator==(const Type& a, const Type& b);
[[nodiscard]] inline bool operator!=(const Type& a, const Type& b) { return !(a == b); }
[[nodiscard]] std::string to_string(const Type& type);  // "f32[64, 1, 28, 28]"

}  // namespace cnnc
