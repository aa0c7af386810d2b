// Tensors of an ONNX model whose elements are known when it is compiled.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace onnx {
class TensorProto;
}

namespace cnnc {

// The types that a constant may have; ONNX has more, which are refused.
enum class ElementType { f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean };

[[nodiscard]] const char* to_string(ElementType type);                  // ONNX's word: "float"
[[nodiscard]] bool element_type(int32_t data_type, ElementType& type);  // of TensorProto::DataType
// The name of a TensorProto::DataType, for messages.
[[nodiscard]] std::string data_type_name(int32_t data_type);
// The TensorProto::DataType of a type.
[[nodiscard]] int32_t data_type(ElementType type);

// Holds every element of every type exactly: 64 bits of mantissa.
using Number = long double;

class KnownTensor {
 public:
  // All elements are zero.
  KnownTensor(ElementType type, Shape shape);
  static KnownTensor integers(const std::vector<int64_t>& elements);  // i64, of rank 1
  static KnownTensor filled(ElementType type, Shape shape, Number value);
  static KnownTensor scalar(ElementType type, Number value);

  [[nodiscard]] ElementType type() const { return type_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  [[nodiscard]] int64_t count() const { return element_count(shape_); }
  [[nodiscard]] bool is_real() const {
    return type_ == ElementType::f32 || type_ == ElementType::f64;
  }

  [[nodiscard]] Number at(int64_t i) const;
  // Converts as C++ converts to that type; integers wrap around.
  void set(int64_t i, Number value);

  [[nodiscard]] std::vector<int64_t> as_integers() const;
  [[nodiscard]] const std::vector<float>& floats() const { return floats_; }  // of type f32
  [[nodiscard]] std::vector<float>& floats() { return floats_; }
  // The same elements with another shape of as many.
  [[nodiscard]] KnownTensor reshaped(Shape shape) const;

 private:
  ElementType type_;
  Shape shape_;
  // One of these, by the type.
  std::vector<float> floats_;
  std::vector<double> doubles_;
  std::vector<int64_t> integers_;
};

using KnownTensorPtr = std::shared_ptr<const KnownTensor>;

// The elements of a tensor. `folder` is where files of external data lie; what is wrong is said
// without the tensor's name.
[[nodiscard]] Result<KnownTensor> read_tensor(const ::onnx::TensorProto& tensor,
                                              const std::string& folder);
// The bytes of a TensorProto.
[[nodiscard]] Result<KnownTensor> parse_tensor(const std::string& bytes);

}  // namespace cnnc
