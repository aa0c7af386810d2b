// Arrays in NumPy's files: what numpy.save writes.
//
// A file is the bytes "\x93NUMPY", the version, the length of the header (16 bits little-endian in
// version 1, 32 bits after), the header and the elements. The header is a literal of a Python
// dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }. Read here: little-endian
// floats of 32 and 64 bits, integers of 32 and 64 bits, and bytes, in row-major order. A file must
// have exactly the size that its shape gives.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace cnnc {

struct NpyArray {
  Shape shape;
  std::vector<double> elements;  // row-major
  bool is_bytes = false;         // 'u1'
};

// An array whose elements stay where they are.
struct NpyView {
  Shape shape;
  std::string type;  // of the elements, as NumPy writes it: '<f4', '<f8', '<i4', '<i8' or '|u1'
  std::string_view elements;

  [[nodiscard]] size_t element_bytes() const { return static_cast<size_t>(type[2] - '0'); }
};
Result<NpyView> view_npy(std::string_view bytes, const std::string& path);

Result<NpyArray> read_npy(const std::string& path);
// The same for bytes in memory; `path` is what messages call them.
Result<NpyArray> parse_npy(std::string_view bytes, const std::string& path);

}  // namespace cnnc
