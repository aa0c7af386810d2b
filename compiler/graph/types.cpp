#include "compiler/graph/types.h"

#include <limits>

#include "compiler/support/check.h"

namespace cnnc {

int64_t byte_width(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::u8:
      return 1;
  }
  CNNC_CHECK(false, "unknown dtype");
  return 0;
}

const char* to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
  }
  return "?";
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count)) return std::numeric_limits<int64_t>::max();
  }
  return count;
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const size_t skipped = longer.size() - shorter.size();
  for (size_t d = 0; d < shorter.size(); ++d) {
    int64_t& extent = result[skipped + d];
    if (extent != shorter[d] && extent != 1 && shorter[d] != 1) return {};
    if (extent == 1) extent = shorter[d];
  }
  return result;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

bool operator==(const Type& a, const Type& b) { return a.dtype == b.dtype && a.shape == b.shape; }

std::string to_string(const Type& type) { return to_string(type.dtype) + to_string(type.shape); }

}  // namespace cnnc
