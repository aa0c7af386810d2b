// Weight files: what is written is read back, and whatever else is read is refused with a reason.
#include "compiler/weights/safetensors.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

std::string le64(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

std::string file_of(const std::string& header, const std::string& data = "") {
  return le64(header.size()) + header + data;
}

// What is wrong with these bytes, or "" if nothing is.
std::string problem(const std::string& bytes) {
  const Result<TensorFile> file = parse_safetensors(bytes, "w.safetensors");
  return file ? "" : render(file.diagnostics());
}

std::vector<Tensor> some_tensors() {
  const std::vector<float> weight = {1.5F, -2, 3, 0.25F, 1e-30F, -0.0F};
  Tensor labels{"labels", DType::i32, {2}, {1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}};
  Tensor pixels{"pixels", DType::u8, {3}, {0, 128, 255}};
  Tensor empty{"empty", DType::f32, {4, 0, 2}, {}};
  return {f32_tensor("conv1.weight", {2, 3}, weight.data()), labels, empty, pixels,
          f32_tensor("step", {}, weight.data())};
}

TEST_CASE("tensors and metadata survive a file", "[weights]") {
  const test::TempFolder folder;
  const std::string path = folder / "w.safetensors";
  const std::vector<Tensor> written = some_tensors();
  const Metadata metadata = {{"format", "pt"}, {"note", "line\nbreak \"and\" \xC3\xA9"}};
  REQUIRE(write_safetensors(path, written, metadata));

  const Result<TensorFile> file = read_safetensors(path);
  REQUIRE(file);
  CHECK(file->metadata == metadata);
  REQUIRE(file->tensors.size() == written.size());
  for (size_t i = 0; i < written.size(); ++i) {
    CHECK(file->tensors[i].name == written[i].name);
    CHECK(file->tensors[i].dtype == written[i].dtype);
    CHECK(file->tensors[i].shape == written[i].shape);
    CHECK(file->tensors[i].bytes == written[i].bytes);
  }
  REQUIRE(file->find("conv1.weight"));
  CHECK(f32_values(*file->find("conv1.weight"))[3] == 0.25F);
  CHECK(file->find("conv1.bias") == nullptr);
}

TEST_CASE("the written bytes are those of the format", "[weights]") {
  const float values[] = {1, 2};
  const Result<std::string> bytes =
      format_safetensors({f32_tensor("b", {1}, values), f32_tensor("a", {1, 1}, values + 1)});
  REQUIRE(bytes);
  std::string header = R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                       R"("a":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}})";
  while (header.size() % 8 != 0) header += ' ';
  CHECK(*bytes == file_of(header, std::string("\0\0\x80\x3F\0\0\0\x40", 8)));

  const Result<std::string> nothing = format_safetensors({});
  REQUIRE(nothing);
  CHECK(*nothing == file_of("{}      "));
  CHECK(problem(*nothing).empty());
}

TEST_CASE("tensors come in the order of their bytes", "[weights]") {
  const Result<TensorFile> file =
      parse_safetensors(file_of(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
                                R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                "xy"),
                        "w.safetensors");
  REQUIRE(file);
  CHECK(file->tensors[0].name == "a");
  CHECK(file->tensors[1].bytes == std::vector<uint8_t>{'y'});
}

TEST_CASE("writing replaces the file as a whole or not at all", "[weights]") {
  const test::TempFolder folder;
  const std::string path = folder.write("w.safetensors", "earlier");
  const Status refused = write_safetensors(path, some_tensors(), {{"note", "\xFF\xFE"}});
  REQUIRE(!refused);
  CHECK_THAT(render(refused.diagnostics()), Contains("w.safetensors") && Contains("UTF-8"));
  CHECK(test::file_bytes(path) == "earlier");

  REQUIRE(write_safetensors(path, some_tensors()));
  CHECK(read_safetensors(path));
  std::filesystem::directory_iterator files(folder.path());
  CHECK(std::distance(begin(files), end(files)) == 1);

  const Status nowhere = write_safetensors(folder / "no/such/folder.safetensors", some_tensors());
  REQUIRE(!nowhere);
  CHECK_THAT(render(nowhere.diagnostics()), Contains("folder.safetensors"));
}

TEST_CASE("a missing file is an error that names it", "[weights]") {
  const test::TempFolder folder;
  const Result<TensorFile> file = read_safetensors(folder / "none.safetensors");
  REQUIRE(!file);
  CHECK_THAT(render(file.diagnostics()), Contains("none.safetensors"));
}

TEST_CASE("a file cut anywhere is refused", "[weights]") {
  const Result<std::string> bytes = format_safetensors(some_tensors(), {{"a", "b"}});
  REQUIRE(bytes);
  for (size_t size = 0; size < bytes->size(); ++size) {
    INFO("cut to " << size << " of " << bytes->size());
    CHECK_THAT(problem(bytes->substr(0, size)), Contains("w.safetensors"));
  }
  CHECK_THAT(problem(*bytes + "x"), Contains("but its tensors take"));
}

TEST_CASE("PyTorch's counters are left out", "[weights]") {
  const std::string counter = R"("bn.num_batches_tracked":{"dtype":"I64","shape":[],)";
  const Result<TensorFile> file =
      parse_safetensors(file_of("{" + counter + R"("data_offsets":[0,8]},)" +
                                    R"("t":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}})",
                                "12345678ab"),
                        "w.safetensors");
  REQUIRE(file.ok());
  REQUIRE(file->tensors.size() == 1);
  CHECK(file->tensors[0].bytes == std::vector<uint8_t>{'a', 'b'});
  CHECK_THAT(problem(file_of("{" + counter + R"("data_offsets":[0,4]}})", "1234")),
             Contains("a tensor I64[] takes 8 bytes"));
}

TEST_CASE("wrong headers are refused with the reason", "[weights]") {
  struct Case {
    std::string bytes;
    const char* message;
  };
  // A header with one tensor "t", and `data` bytes after it.
  const auto tensor = [](const std::string& fields, size_t data = 4) {
    return file_of(R"({"t":{)" + fields + "}}", std::string(data, 'x'));
  };
  const std::string f32 = R"("dtype":"F32",)";
  const Case cases[] = {
      {"", "the length of the header alone takes 8"},
      {le64(UINT64_MAX) + "{}", "the limit is 100000000"},
      {le64(100'000'001) + "{}", "the limit is 100000000"},
      {le64(50) + "{}", "is truncated: its header takes 50 bytes"},
      {file_of(""), "not a JSON object"},
      {file_of("[]"), "not a JSON object"},
      {file_of(" {}"), "not a JSON object"},
      {file_of("{\"t\":"), "not valid JSON"},
      {file_of("{} {}"), "not valid JSON"},
      {file_of("{\"\xFF\":1}"), "not valid JSON"},
      {file_of(std::string(100'000, '[').replace(0, 5, "{\"a\":")), "not valid JSON"},
      {file_of(R"({"__metadata__":3})"), "expected an object of strings"},
      {file_of(R"({"__metadata__":{"a":1}})"), "the value of \"a\" is 1, expected a string"},
      {file_of(R"({"__metadata__":{"a":"1","a":"2"}})"), "\"a\" twice"},
      {file_of(R"({"t":1})"), "tensor \"t\": is 1, expected an object"},
      {tensor(R"("shape":[1],"data_offsets":[0,4])"), "has no \"dtype\""},
      {tensor(f32 + R"("data_offsets":[0,4])"), "has no \"shape\""},
      {tensor(f32 + R"("shape":[1])"), "has no \"data_offsets\""},
      {tensor(f32 + R"("shape":[1],"data_offsets":[0,4],"extra":0)"), "unknown key \"extra\""},
      {tensor(R"("dtype":"F16","shape":[2],"data_offsets":[0,4])"), "dtype \"F16\" is not supp"},
      {tensor(R"("dtype":5,"shape":[2],"data_offsets":[0,4])"), "dtype 5 is not supported"},
      {tensor(f32 + R"("shape":1,"data_offsets":[0,4])"), "the shape 1 is not a list"},
      {tensor(f32 + R"("shape":[-1],"data_offsets":[0,4])"), "the shape [-1] is not a list"},
      {tensor(f32 + R"("shape":[1.0],"data_offsets":[0,4])"), "the shape [1.0] is not a list"},
      {tensor(f32 + R"("shape":[18446744073709551615],"data_offsets":[0,4])"), "is not a list"},
      {tensor(f32 + R"("shape":[4294967296,4294967296],"data_offsets":[0,4])"), "too many bytes"},
      {tensor(f32 + R"("shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0), "too many"},
      {tensor(f32 + R"("shape":[1],"data_offsets":[0])"), "are not two positions"},
      {tensor(f32 + R"("shape":[1],"data_offsets":[0,4,8])"), "are not two positions"},
      {tensor(f32 + R"("shape":[1],"data_offsets":["0","4"])"), "are not two positions"},
      {tensor(f32 + R"("shape":[1],"data_offsets":[4,0])"), "end before they begin"},
      {tensor(f32 + R"("shape":[1],"data_offsets":[4,8])"), "reach past the end of the file"},
      {tensor(f32 + R"("shape":[2],"data_offsets":[0,4])"),
       "a tensor F32[2] takes 8 bytes, but its data_offsets [0, 4] span 4"},
      {tensor(f32 + R"("shape":[1],"data_offsets":[4,8])", 8), "belong to no tensor"},
      {tensor(f32 + R"("shape":[1],"data_offsets":[0,4])", 5), "its tensors take 4"},
      {file_of(R"({"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
               R"("u":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
               "xyz"),
       "tensor \"u\": overlaps another tensor"},
      {file_of(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
               R"("t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
               "xy"),
       "holds the name \"t\" twice"},
  };
  for (const Case& wrong : cases) {
    INFO(wrong.bytes.substr(0, 200));
    CHECK_THAT(problem(wrong.bytes), Contains(wrong.message) && Contains("w.safetensors"));
  }
}

TEST_CASE("damaged files are refused or read, but never more than that", "[weights]") {
  const Result<std::string> bytes = format_safetensors(some_tensors(), {{"a", "b"}});
  REQUIRE(bytes);
  const std::string tokens[] = {"{",
                                "}",
                                "[",
                                "]",
                                "\"",
                                ":",
                                ",",
                                "null",
                                "-1",
                                "1e99",
                                "99999999999999999999",
                                "F16",
                                "__metadata__",
                                "\\u0000",
                                "\xFF"};
  std::mt19937 random(20240229);
  const auto below = [&random](size_t bound) { return static_cast<size_t>(random() % bound); };
  int read = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = *bytes;
    for (size_t change = 0; change <= below(4); ++change) {
      const size_t at = below(damaged.size());
      switch (below(5)) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, below(9));
          break;
        case 2:
          damaged.insert(at, tokens[below(std::size(tokens))]);
          break;
        case 3:
          damaged.insert(at, damaged.substr(below(damaged.size()), below(60)));
          break;
        default:
          damaged[at] = static_cast<char>('0' + below(10));
          break;
      }
      if (damaged.size() < 16) damaged = *bytes;
    }
    // Half of the time the length fits, so that the damage reaches what lies behind it.
    if (below(2) == 0) {
      const size_t end = damaged.find_last_of('}');
      if (end != std::string::npos && end >= 8) damaged.replace(0, 8, le64(end + 1 - 8));
    }
    const Result<TensorFile> file = parse_safetensors(damaged, "w.safetensors");
    if (!file) {
      CHECK(!render(file.diagnostics()).empty());
      continue;
    }
    ++read;
    for (const Tensor& tensor : file->tensors) {
      CHECK(static_cast<int64_t>(tensor.bytes.size()) ==
            element_count(tensor.shape) * byte_width(tensor.dtype));
    }
  }
  CHECK(read > 0);
}

}  // namespace
}  // namespace cnnc
