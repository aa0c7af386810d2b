// Entry points: read_safetensors, write_safetensors. Tested by tests/weights/safetensors_test.cpp.
#include "compiler/weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "compiler/support/check.h"
#include "compiler/support/files.h"

namespace cnnc {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMetadataKey = "__metadata__";
constexpr int64_t kLengthBytes = 8;
constexpr int64_t kHeaderLimit = 100'000'000;  // the format's own limit
constexpr int64_t kHeaderAlignment = 8;
constexpr const char* kCounter = "I64";  // the type of PyTorch's counters, which are left out

struct DTypeName {
  DType dtype;
  const char* name;
};
constexpr DTypeName kDTypes[] = {{DType::f32, "F32"}, {DType::i32, "I32"}, {DType::u8, "U8"}};

const char* format_name(DType dtype) {
  for (const DTypeName& entry : kDTypes) {
    if (entry.dtype == dtype) return entry.name;
  }
  CNNC_CHECK(false, "dtype without a safetensors name");
  return "";
}

std::optional<DType> dtype_of(const std::string& name) {
  for (const DTypeName& entry : kDTypes) {
    if (name == entry.name) return entry.dtype;
  }
  return std::nullopt;
}

// nlohmann's messages begin with "[json.exception.parse_error.101] ".
std::string message_of(const Json::exception& exception) {
  const std::string what = exception.what();
  const size_t end = what.find("] ");
  return end == std::string::npos ? what : what.substr(end + 2);
}

// A JSON value as it stands in a message: short, and printable whatever its strings hold.
std::string shown(const Json& value) {
  constexpr size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

// A header entry before its bytes are copied.
struct Entry {
  Tensor tensor;
  bool is_counter = false;
  int64_t begin = 0;
  int64_t end = 0;
};

// Reads one file's header. Methods return null when all is well, else what is wrong.
class HeaderReader {
 public:
  HeaderReader(const std::string& path, int64_t data_size) : path_(path), data_size_(data_size) {}

  std::vector<Entry> entries;
  Metadata metadata;

  std::optional<Diagnostic> read(std::string_view text) {
    // A valid header starts with the brace, so that no other kind of file is taken for one.
    if (text.empty() || text.front() != '{') return wrong("the header is not a JSON object");
    Json header;
    if (auto problem = parse(text, header)) return problem;
    for (const auto& [name, value] : header.items()) {
      auto problem = name == kMetadataKey ? read_metadata(value) : read_entry(name, value);
      if (problem) return problem;
    }
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::make_pair(a.begin, a.end) < std::make_pair(b.begin, b.end);
    });
    return check_layout();
  }

 private:
  [[nodiscard]] Diagnostic wrong(std::string message) const {
    return file_error(path_, std::move(message));
  }
  [[nodiscard]] Diagnostic wrong(const std::string& name, const std::string& message) const {
    return wrong("tensor " + shown(name) + ": " + message);
  }

  // Parses the header; keys that occur twice in one object are errors.
  std::optional<Diagnostic> parse(std::string_view text, Json& header) const {
    std::vector<std::set<std::string>> keys;
    std::optional<std::string> twice;
    const auto callback = [&](int, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::object_start) keys.emplace_back();
      if (event == Json::parse_event_t::object_end) keys.pop_back();
      if (event == Json::parse_event_t::key) {
        const bool is_new = keys.back().insert(parsed.get<std::string>()).second;
        if (!is_new && !twice) twice = shown(parsed);
      }
      return true;
    };
    try {
      header = Json::parse(text, callback);
    } catch (const Json::exception& exception) {
      return wrong("the header is not valid JSON: " + message_of(exception));
    }
    if (twice) return wrong("the header holds the name " + *twice + " twice");
    return std::nullopt;
  }

  std::optional<Diagnostic> read_metadata(const Json& value) {
    if (!value.is_object()) {
      return wrong("\"__metadata__\" is " + shown(value) + ", expected an object of strings");
    }
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) {
        return wrong("\"__metadata__\": the value of " + shown(key) + " is " + shown(text) +
                     ", expected a string");
      }
      metadata[key] = text.get<std::string>();
    }
    return std::nullopt;
  }

  std::optional<Diagnostic> read_entry(const std::string& name, const Json& value) {
    if (!value.is_object()) {
      return wrong(name, "is " + shown(value) +
                             ", expected an object with \"dtype\", \"shape\" and \"data_offsets\"");
    }
    for (const auto& [key, unused] : value.items()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        return wrong(name, "unknown key " + shown(key));
      }
    }
    for (const char* key : {"dtype", "shape", "data_offsets"}) {
      if (!value.contains(key)) return wrong(name, std::string("has no \"") + key + "\"");
    }

    Entry entry;
    entry.tensor.name = name;
    const Json& dtype = value["dtype"];
    const auto known = dtype.is_string() ? dtype_of(dtype.get<std::string>()) : std::nullopt;
    entry.is_counter = dtype.is_string() && dtype.get<std::string>() == kCounter;
    if (!known && !entry.is_counter) {
      return wrong(name,
                   "the dtype " + shown(dtype) + " is not supported, expected F32, I32 or U8");
    }
    if (known) entry.tensor.dtype = *known;

    const auto shape = extents(value["shape"]);
    if (!shape) {
      return wrong(name, "the shape " + shown(value["shape"]) + " is not a list of extents");
    }
    entry.tensor.shape = *shape;

    const auto offsets = extents(value["data_offsets"]);
    if (!offsets || offsets->size() != 2) {
      return wrong(name, "the data_offsets " + shown(value["data_offsets"]) +
                             " are not two positions [begin, end]");
    }
    entry.begin = (*offsets)[0];
    entry.end = (*offsets)[1];
    return check_entry(std::move(entry));
  }

  // A list of non-negative integers that fit int64_t.
  static std::optional<Shape> extents(const Json& value) {
    if (!value.is_array()) return std::nullopt;
    Shape list;
    for (const Json& item : value) {
      if (!item.is_number_unsigned()) return std::nullopt;
      const auto extent = item.get<uint64_t>();
      if (extent > uint64_t{std::numeric_limits<int64_t>::max()}) return std::nullopt;
      list.push_back(static_cast<int64_t>(extent));
    }
    return list;
  }

  std::optional<Diagnostic> check_entry(Entry entry) {
    const Tensor& tensor = entry.tensor;
    const std::string range =
        "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin > entry.end) {
      return wrong(tensor.name, "the data_offsets " + range + " end before they begin");
    }
    if (entry.end > data_size_) {
      return wrong(tensor.name, "the data_offsets " + range + " reach past the end of the file, " +
                                    "which holds " + std::to_string(data_size_) +
                                    " bytes of data; is it truncated?");
    }
    int64_t bytes = entry.is_counter ? 8 : byte_width(tensor.dtype);
    bool overflow = false;
    for (const int64_t extent : tensor.shape) {
      overflow = __builtin_mul_overflow(bytes, extent, &bytes) || overflow;
    }
    if (overflow || bytes != entry.end - entry.begin) {
      const char* dtype = entry.is_counter ? kCounter : format_name(tensor.dtype);
      return wrong(tensor.name, std::string("a tensor ") + dtype + to_string(tensor.shape) +
                                    " takes " + (overflow ? "too many" : std::to_string(bytes)) +
                                    " bytes, but its data_offsets " + range + " span " +
                                    std::to_string(entry.end - entry.begin));
    }
    entries.push_back(std::move(entry));
    return std::nullopt;
  }

  // The sorted entries tile the data without holes or overlaps.
  [[nodiscard]] std::optional<Diagnostic> check_layout() const {
    int64_t position = 0;
    for (const Entry& entry : entries) {
      if (entry.begin < position) {
        return wrong(entry.tensor.name,
                     "overlaps another tensor: its bytes begin at " + std::to_string(entry.begin) +
                         ", where the one before ends at " + std::to_string(position));
      }
      if (entry.begin > position) {
        return wrong(entry.tensor.name, "the bytes from " + std::to_string(position) +
                                            " to its beginning at " + std::to_string(entry.begin) +
                                            " belong to no tensor");
      }
      position = entry.end;
    }
    if (position != data_size_) {
      return wrong("the file holds " + std::to_string(data_size_) +
                   " bytes of data, but its tensors take " + std::to_string(position));
    }
    return std::nullopt;
  }

  const std::string& path_;
  const int64_t data_size_;
};

std::string little_endian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < kLengthBytes; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

}  // namespace

Tensor f32_tensor(std::string name, Shape shape, const float* values) {
  Tensor tensor{std::move(name), DType::f32, std::move(shape), {}};
  tensor.bytes.resize(element_count(tensor.shape) * sizeof(float));
  if (!tensor.bytes.empty()) std::memcpy(tensor.bytes.data(), values, tensor.bytes.size());
  return tensor;
}

std::vector<float> f32_values(const Tensor& tensor) {
  CNNC_CHECK(tensor.dtype == DType::f32, "tensor " + tensor.name + " is not of floats");
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

const Tensor* TensorFile::find(std::string_view name) const {
  for (const Tensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

Result<TensorFile> read_safetensors(const std::string& path) {
  Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.diagnostics();
  return parse_safetensors(*bytes, path);
}

Result<TensorFile> parse_safetensors(std::string_view bytes, const std::string& path) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size < kLengthBytes) {
    return file_error(path, "is no safetensors file: it has " + std::to_string(size) +
                                " bytes, and the length of the header alone takes 8");
  }
  uint64_t header_size = 0;
  for (int i = 0; i < kLengthBytes; ++i) {
    header_size |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  if (header_size > uint64_t{kHeaderLimit}) {
    return file_error(path, "is no safetensors file: its first 8 bytes give a header of " +
                                std::to_string(header_size) + " bytes, and the limit is " +
                                std::to_string(kHeaderLimit));
  }
  const int64_t data_begin = kLengthBytes + static_cast<int64_t>(header_size);
  if (data_begin > size) {
    return file_error(path, "is truncated: its header takes " + std::to_string(header_size) +
                                " bytes, and the file ends after " +
                                std::to_string(size - kLengthBytes) + " of them");
  }

  HeaderReader reader(path, size - data_begin);
  if (auto problem = reader.read(bytes.substr(kLengthBytes, header_size))) return *problem;

  TensorFile file;
  file.metadata = std::move(reader.metadata);
  for (Entry& entry : reader.entries) {
    if (entry.is_counter) continue;
    const std::string_view data = bytes.substr(data_begin + entry.begin, entry.end - entry.begin);
    entry.tensor.bytes.assign(data.begin(), data.end());
    file.tensors.push_back(std::move(entry.tensor));
  }
  return file;
}

Result<std::string> format_safetensors(const std::vector<Tensor>& tensors,
                                       const Metadata& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  int64_t position = 0;
  for (const Tensor& tensor : tensors) {
    const auto size = static_cast<int64_t>(tensor.bytes.size());
    CNNC_CHECK(size == byte_width(tensor.dtype) * element_count(tensor.shape),
               "tensor " + tensor.name + " has bytes that do not match its shape");
    CNNC_CHECK(tensor.name != kMetadataKey && !header.contains(tensor.name),
               "tensor name " + tensor.name + " is taken");
    header[tensor.name] = {{"dtype", format_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {position, position + size}}};
    position += size;
  }

  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& exception) {
    return error("a name or a text in the weights is not valid UTF-8: " + message_of(exception));
  }
  while (text.size() % kHeaderAlignment != 0) text += ' ';

  std::string bytes = little_endian(text.size()) + text;
  bytes.reserve(bytes.size() + position);
  for (const Tensor& tensor : tensors) bytes.append(tensor.bytes.begin(), tensor.bytes.end());
  return bytes;
}

Status write_safetensors(const std::string& path, const std::vector<Tensor>& tensors,
                         const Metadata& metadata) {
  Result<std::string> bytes = format_safetensors(tensors, metadata);
  if (!bytes) return file_error(path, "cannot write: " + bytes.diagnostics().front().message);
  return write_file_atomically(path, *bytes);
}

}  // namespace cnnc
