#include "compiler/onnx/known_tensor.h"

#include <onnx.pb.h>

#include <catch2/catch.hpp>

namespace cnnc::test {
namespace {

using ::onnx::TensorProto;

TensorProto tensor(int32_t type, const std::vector<int64_t>& shape) {
  TensorProto result;
  result.set_data_type(type);
  for (const int64_t extent : shape) result.add_dims(extent);
  return result;
}

std::vector<double> elements(const Result<KnownTensor>& tensor) {
  INFO((tensor ? "" : render(tensor.diagnostics())));
  REQUIRE(tensor.ok());
  std::vector<double> result;
  for (int64_t i = 0; i < tensor->count(); ++i) {
    result.push_back(static_cast<double>(tensor->at(i)));
  }
  return result;
}

TEST_CASE("elements of every type, in lists and as bytes", "[onnx]") {
  TensorProto bytes = tensor(TensorProto::INT8, {3});
  bytes.set_raw_data(std::string("\x01\xff\x80", 3));
  CHECK(elements(read_tensor(bytes, "")) == std::vector<double>{1, -1, -128});

  TensorProto flags = tensor(TensorProto::BOOL, {2});
  flags.add_int32_data(1);
  flags.add_int32_data(0);
  CHECK(elements(read_tensor(flags, "")) == std::vector<double>{1, 0});

  TensorProto wide = tensor(TensorProto::UINT64, {1});
  wide.add_uint64_data(~uint64_t{0});
  CHECK(elements(read_tensor(wide, "")) == std::vector<double>{18446744073709551615.0});

  TensorProto real = tensor(TensorProto::DOUBLE, {});
  real.add_double_data(0.1);
  CHECK(elements(read_tensor(real, "")) == std::vector<double>{0.1});

  TensorProto floats = tensor(TensorProto::FLOAT, {2, 1});
  floats.add_float_data(1.5f);
  floats.add_float_data(-2);
  CHECK(elements(read_tensor(floats, "")) == std::vector<double>{1.5, -2});
  CHECK(elements(parse_tensor(floats.SerializeAsString())) == std::vector<double>{1.5, -2});
}

TEST_CASE("tensors that are not what they say", "[onnx]") {
  const auto message = [](const TensorProto& tensor) {
    const Result<KnownTensor> result = read_tensor(tensor, "");
    REQUIRE_FALSE(result.ok());
    return result.diagnostics()[0].message;
  };
  CHECK(message(tensor(TensorProto::STRING, {1})) ==
        "is of type string, which cnnc does not compute with");
  CHECK(message(tensor(99, {1})) == "is of type type 99, which cnnc does not compute with");
  CHECK(message(tensor(TensorProto::FLOAT, {-1})) == "has the shape [-1]");
  CHECK(message(tensor(TensorProto::FLOAT, {1, 2})) == "has 0 elements, but its shape is [1, 2]");
  CHECK(message(tensor(TensorProto::FLOAT, {int64_t{1} << 40})) ==
        "has the shape [1099511627776]: a tensor has fewer than 2^31 elements");
  TensorProto raw = tensor(TensorProto::INT64, {2});
  raw.set_raw_data("12345678");
  CHECK(message(raw) == "has 8 bytes of data, but [2] of int64 takes 16");
}

TEST_CASE("numbers become elements as ONNX casts", "[onnx]") {
  KnownTensor bytes(ElementType::u8, {3});
  bytes.set(0, 258);
  bytes.set(1, -1);
  bytes.set(2, 2.9L);
  CHECK(bytes.as_integers() == std::vector<int64_t>{2, 255, 2});
  KnownTensor wide(ElementType::i64, {2});
  wide.set(0, 9223372036854775807.0L);
  wide.set(1, -9223372036854775808.0L);
  CHECK(wide.as_integers() == std::vector<int64_t>{INT64_MAX, INT64_MIN});
  KnownTensor flag(ElementType::boolean, {1});
  flag.set(0, 0.5L);
  CHECK(flag.as_integers() == std::vector<int64_t>{1});
}

}  // namespace
}  // namespace cnnc::test
