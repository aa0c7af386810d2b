// Tested by tests/onnx/known_tensor_test.cpp.
#include "compiler/onnx/known_tensor.h"

#include <onnx.pb.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

namespace cnnc {
namespace {

using ::onnx::TensorProto;

struct TypeInfo {
  ElementType type;
  int32_t data_type;
  const char* name;
  int64_t bytes;
};

constexpr TypeInfo kTypes[] = {
    {ElementType::f32, TensorProto::FLOAT, "float", 4},
    {ElementType::f64, TensorProto::DOUBLE, "double", 8},
    {ElementType::i8, TensorProto::INT8, "int8", 1},
    {ElementType::i16, TensorProto::INT16, "int16", 2},
    {ElementType::i32, TensorProto::INT32, "int32", 4},
    {ElementType::i64, TensorProto::INT64, "int64", 8},
    {ElementType::u8, TensorProto::UINT8, "uint8", 1},
    {ElementType::u16, TensorProto::UINT16, "uint16", 2},
    {ElementType::u32, TensorProto::UINT32, "uint32", 4},
    {ElementType::u64, TensorProto::UINT64, "uint64", 8},
    {ElementType::boolean, TensorProto::BOOL, "bool", 1},
};

const TypeInfo& info(ElementType type) {
  for (const TypeInfo& each : kTypes) {
    if (each.type == type) return each;
  }
  CNNC_CHECK(false, "a type that is not listed");
  return kTypes[0];
}

// An integer as the type holds it.
int64_t wrapped(ElementType type, int64_t value) {
  switch (type) {
    case ElementType::i8:
      return static_cast<int8_t>(value);
    case ElementType::i16:
      return static_cast<int16_t>(value);
    case ElementType::i32:
      return static_cast<int32_t>(value);
    case ElementType::u8:
      return static_cast<uint8_t>(value);
    case ElementType::u16:
      return static_cast<uint16_t>(value);
    case ElementType::u32:
      return static_cast<uint32_t>(value);
    default:
      return value;
  }
}

// Towards zero; what no 64 bits hold becomes the nearest that they do.
int64_t to_integer(Number value) {
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775808.0L) {
    const auto capped = value >= 18446744073709551615.0L ? std::numeric_limits<uint64_t>::max()
                                                         : static_cast<uint64_t>(value);
    return static_cast<int64_t>(capped);
  }
  if (value <= -9223372036854775808.0L) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

template <class T>
Number element_at(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<Number>(value);
}

Number raw_element(ElementType type, const char* at) {
  switch (type) {
    case ElementType::f32:
      return element_at<float>(at);
    case ElementType::f64:
      return element_at<double>(at);
    case ElementType::i8:
      return element_at<int8_t>(at);
    case ElementType::i16:
      return element_at<int16_t>(at);
    case ElementType::i32:
      return element_at<int32_t>(at);
    case ElementType::i64:
      return element_at<int64_t>(at);
    case ElementType::u8:
    case ElementType::boolean:
      return element_at<uint8_t>(at);
    case ElementType::u16:
      return element_at<uint16_t>(at);
    case ElementType::u32:
      return element_at<uint32_t>(at);
    case ElementType::u64:
      return element_at<uint64_t>(at);
  }
  return 0;
}

KnownTensor from_raw(KnownTensor constant, const std::string& raw) {
  if (constant.type() == ElementType::f32) {
    std::memcpy(constant.floats().data(), raw.data(), raw.size());
    return constant;
  }
  const int64_t width = info(constant.type()).bytes;
  for (int64_t i = 0; i < constant.count(); ++i) {
    constant.set(i, raw_element(constant.type(), raw.data() + i * width));
  }
  return constant;
}

struct ExternalPlace {
  std::string file;
  int64_t offset = 0;
  int64_t length = -1;  // to the end
};

Result<ExternalPlace> external_place(const TensorProto& tensor) {
  ExternalPlace place;
  for (const ::onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") {
      place.file = entry.value();
      continue;
    }
    if (entry.key() != "offset" && entry.key() != "length") continue;
    int64_t number = -1;
    try {
      size_t used = 0;
      number = std::stoll(entry.value(), &used);
      if (used != entry.value().size()) number = -1;
    } catch (const std::exception&) {
      number = -1;
    }
    if (number < 0)
      return error("its external data has the " + entry.key() + " \"" + entry.value() +
                   "\", which is no number of bytes");
    (entry.key() == "offset" ? place.offset : place.length) = number;
  }
  const std::filesystem::path path(place.file);
  bool leaves = path.is_absolute();
  for (const std::filesystem::path& part : path) leaves = leaves || part == "..";
  if (place.file.empty() || leaves) {
    return error("its external data is in \"" + place.file +
                 "\", which is no file beside the model or below");
  }
  return place;
}

Result<std::string> read_external(const TensorProto& tensor, const std::string& folder) {
  const Result<ExternalPlace> place = external_place(tensor);
  if (!place) return place.diagnostics();
  const std::string path = (std::filesystem::path(folder) / place->file).string();
  std::error_code failure;
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path, failure));
  if (failure) return error("its external data is in " + path + ": " + failure.message());
  const int64_t length = place->length < 0 ? size - place->offset : place->length;
  if (place->offset > size || length > size - place->offset) {
    return error("its external data ends behind the end of " + path + ", which has " +
                 std::to_string(size) + " bytes");
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(static_cast<size_t>(length), '\0');
  file.seekg(place->offset);
  file.read(bytes.data(), length);
  if (!file) return error("its external data cannot be read from " + path);
  return bytes;
}

}  // namespace

const char* to_string(ElementType type) { return info(type).name; }

int32_t data_type(ElementType type) { return info(type).data_type; }

bool element_type(int32_t data_type, ElementType& type) {
  for (const TypeInfo& each : kTypes) {
    if (each.data_type != data_type) continue;
    type = each.type;
    return true;
  }
  return false;
}

std::string data_type_name(int32_t data_type) {
  if (!TensorProto::DataType_IsValid(data_type)) return "type " + std::to_string(data_type);
  std::string name = TensorProto::DataType_Name(static_cast<TensorProto::DataType>(data_type));
  for (char& ch : name) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return name;
}

KnownTensor::KnownTensor(ElementType type, Shape shape) : type_(type), shape_(std::move(shape)) {
  const auto size = static_cast<size_t>(element_count(shape_));
  if (type_ == ElementType::f32) {
    floats_.resize(size);
  } else if (type_ == ElementType::f64) {
    doubles_.resize(size);
  } else {
    integers_.resize(size);
  }
}

KnownTensor KnownTensor::integers(const std::vector<int64_t>& elements) {
  KnownTensor result(ElementType::i64, {static_cast<int64_t>(elements.size())});
  result.integers_ = elements;
  return result;
}

KnownTensor KnownTensor::filled(ElementType type, Shape shape, Number value) {
  const KnownTensor one = scalar(type, value);
  KnownTensor result(type, std::move(shape));
  for (float& element : result.floats_) element = one.floats_[0];
  for (double& element : result.doubles_) element = one.doubles_[0];
  for (int64_t& element : result.integers_) element = one.integers_[0];
  return result;
}

KnownTensor KnownTensor::scalar(ElementType type, Number value) {
  KnownTensor result(type, {});
  result.set(0, value);
  return result;
}

Number KnownTensor::at(int64_t i) const {
  if (type_ == ElementType::f32) return floats_[i];
  if (type_ == ElementType::f64) return doubles_[i];
  if (type_ == ElementType::u64) return static_cast<uint64_t>(integers_[i]);
  return integers_[i];
}

void KnownTensor::set(int64_t i, Number value) {
  if (type_ == ElementType::f32) {
    floats_[i] = static_cast<float>(value);
  } else if (type_ == ElementType::f64) {
    doubles_[i] = static_cast<double>(value);
  } else if (type_ == ElementType::boolean) {
    integers_[i] = value != 0 ? 1 : 0;
  } else {
    integers_[i] = wrapped(type_, to_integer(value));
  }
}

std::vector<int64_t> KnownTensor::as_integers() const {
  if (!is_real()) return integers_;
  std::vector<int64_t> result;
  result.reserve(static_cast<size_t>(count()));
  for (int64_t i = 0; i < count(); ++i) result.push_back(to_integer(at(i)));
  return result;
}

KnownTensor KnownTensor::reshaped(Shape shape) const {
  CNNC_CHECK(element_count(shape) == count(), "a shape of another number of elements");
  KnownTensor result = *this;
  result.shape_ = std::move(shape);
  return result;
}

Result<KnownTensor> read_tensor(const TensorProto& tensor, const std::string& folder) {
  ElementType type = ElementType::f32;
  if (!element_type(tensor.data_type(), type)) {
    return error("is of type " + data_type_name(tensor.data_type()) +
                 ", which cnnc does not compute with");
  }
  if (tensor.has_segment()) return error("is stored in segments");
  Shape shape(tensor.dims().begin(), tensor.dims().end());
  constexpr int64_t kMost = (int64_t{1} << 31) - 1;
  for (int64_t extent : shape) {
    if (extent < 0) return error("has the shape " + to_string(shape));
  }
  if (element_count(shape) > kMost) {
    return error("has the shape " + to_string(shape) + ": a tensor has fewer than 2^31 elements");
  }
  // What is said to be large, but is not there, gets no memory.
  const auto from_bytes = [&](const std::string& bytes, const char* which) -> Result<KnownTensor> {
    const int64_t expected = element_count(shape) * info(type).bytes;
    if (static_cast<int64_t>(bytes.size()) != expected) {
      return error("has " + std::to_string(bytes.size()) + " bytes of " + which + "data, but " +
                   to_string(shape) + " of " + to_string(type) + " takes " +
                   std::to_string(expected));
    }
    return from_raw(KnownTensor(type, shape), bytes);
  };
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    const Result<std::string> bytes = read_external(tensor, folder);
    if (!bytes) return bytes.diagnostics();
    return from_bytes(*bytes, "external ");
  }
  if (tensor.has_raw_data()) return from_bytes(tensor.raw_data(), "");
  const auto filled = [&](const auto& list) -> Result<KnownTensor> {
    if (list.size() != element_count(shape)) {
      return error("has " + std::to_string(list.size()) + " elements, but its shape is " +
                   to_string(shape));
    }
    KnownTensor constant(type, shape);
    for (int i = 0; i < list.size(); ++i) constant.set(i, static_cast<Number>(list.Get(i)));
    return constant;
  };
  switch (type) {
    case ElementType::f32:
      return filled(tensor.float_data());
    case ElementType::f64:
      return filled(tensor.double_data());
    case ElementType::i64:
      return filled(tensor.int64_data());
    case ElementType::u32:
    case ElementType::u64:
      return filled(tensor.uint64_data());
    default:
      return filled(tensor.int32_data());
  }
}

Result<KnownTensor> parse_tensor(const std::string& bytes) {
  TensorProto tensor;
  if (!tensor.ParseFromString(bytes)) return error("is no tensor");
  return read_tensor(tensor, "");
}

}  // namespace cnnc
