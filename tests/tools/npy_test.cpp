// Files of numpy.save: what is read, what is refused, and that no bytes do harm.
#include "tools/data/npy.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

// As numpy.save writes it; `header` without padding.
std::string file_of(const std::string& header, const std::string& elements, int version = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  const size_t length_bytes = version == 1 ? 2 : 4;
  for (size_t i = 0; i < length_bytes; ++i) {
    text += static_cast<char>((header.size() + 1) >> (8 * i) & 0xff);
  }
  return text + header + "\n" + elements;
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string problem(const std::string& bytes) {
  const Result<NpyArray> array = parse_npy(bytes, "x.npy");
  return array ? "" : render(array.diagnostics());
}

TEST_CASE("arrays of several types and versions are read") {
  const std::vector<double> expected = {1, -2, 3, 4, 5, 6};
  const std::string f4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     ";
  for (int version : {1, 2, 3}) {
    const NpyArray array =
        *parse_npy(file_of(f4, bytes_of<float>({1, -2, 3, 4, 5, 6}), version), "");
    CHECK(array.shape == Shape{2, 3});
    CHECK(array.elements == expected);
    CHECK(!array.is_bytes);
  }
  const auto elements = [](const std::string& type, const std::string& bytes) {
    return parse_npy(
               file_of("{'descr': '" + type + "', 'fortran_order': False, 'shape': (6,), }", bytes),
               "")
        ->elements;
  };
  CHECK(elements("<f8", bytes_of<double>(expected)) == expected);
  CHECK(elements("<i4", bytes_of<int32_t>({1, -2, 3, 4, 5, 6})) == expected);
  CHECK(elements("<i8", bytes_of<int64_t>({1, -2, 3, 4, 5, 6})) == expected);
  const NpyArray bytes = *parse_npy(
      file_of("{'shape': (1, 2), 'fortran_order': False, 'descr': '|u1'}", "\x01\xff"), "");
  CHECK(bytes.elements == std::vector<double>{1, 255});
  CHECK(bytes.is_bytes);
  const NpyArray scalar = *parse_npy(
      file_of("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", bytes_of<float>({7})), "");
  CHECK(scalar.shape.empty());
  CHECK(scalar.elements == std::vector<double>{7});
  const test::TempFolder folder;
  CHECK(read_npy(folder.write("a.npy", file_of(f4, bytes_of<float>({1, 2, 3, 4, 5, 6})))).ok());
}

TEST_CASE("what is no such array is refused with a reason") {
  const std::string zeros = bytes_of<float>(std::vector<float>(6));
  const auto with = [&](const std::string& header) { return problem(file_of(header, zeros)); };
  CHECK_THAT(problem(""), Contains("error: x.npy: is no array of NumPy's"));
  CHECK_THAT(problem("PK\x03\x04 a zip file"), Contains("is no array"));
  CHECK_THAT(problem(file_of("{}", "", 9)), Contains("is no array"));
  CHECK_THAT(problem("\x93NUMPY\x01"), Contains("is no array"));
  CHECK_THAT(problem(std::string("\x93NUMPY\x01\0\xff", 9)), Contains("ends in its header"));
  CHECK_THAT(problem(std::string("\x93NUMPY\x01\0\xff\xff{}", 12)), Contains("ends in its header"));
  CHECK_THAT(with("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}"),
             Contains("column-major order"));
  CHECK_THAT(with("{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}"),
             Contains("elements of type '<c8'"));
  CHECK_THAT(with("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}"), Contains("'>f4'"));
  CHECK_THAT(with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)}"),
             Contains("has 24 bytes of elements; its shape [2, 4] needs 32"));
  CHECK_THAT(with("{'descr': '<f4', 'fortran_order': False, "
                  "'shape': (4611686018427387904, 4611686018427387904)}"),
             Contains("fewer elements than its shape"));
  for (const char* header :
       {"", "{", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False}", "('descr',)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6)} rest",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'shape': (6,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}"}) {
    INFO(header);
    CHECK(!with(header).empty());
  }
  CHECK(!read_npy("nowhere.npy").ok());
}

TEST_CASE("damaged files do no harm") {
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::string good = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                                   bytes_of<float>(std::vector<float>(6)));
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (uint32_t i = 0; i <= random() % 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
    const Result<NpyArray> array = parse_npy(bytes, "x.npy");
    if (array) CHECK(element_count(array->shape) == static_cast<int64_t>(array->elements.size()));
  }
}

}  // namespace
}  // namespace cnnc
