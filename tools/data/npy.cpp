// Tested by tests/tools/npy_test.cpp.
#include "tools/data/npy.h"

#include <charconv>
#include <cstring>
#include <set>

#include "compiler/support/files.h"

namespace cnnc {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// A reader of the header's dictionary, as much of Python's grammar as NumPy writes.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : rest_(text) {}

  // False where the text is no such dictionary or lacks a key.
  bool read() {
    if (!take('{')) return false;
    while (!take('}')) {
      std::string key;
      if (!quoted(key) || !take(':')) return false;
      if (!keys_.insert(key).second) return false;
      if (key == "descr") {
        if (!quoted(descr)) return false;
      } else if (key == "fortran_order") {
        if (!boolean(fortran_order)) return false;
      } else if (key != "shape" || !tuple()) {
        return false;
      }
      if (!take(',') && (skip_spaces(), rest_.substr(0, 1)) != "}") return false;
    }
    skip_spaces();
    return keys_.size() == 3 && rest_.empty();
  }

  std::string descr;
  bool fortran_order = false;
  Shape shape;

 private:
  void skip_spaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }

  bool take(char ch) {
    skip_spaces();
    if (rest_.empty() || rest_[0] != ch) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool quoted(std::string& text) {
    skip_spaces();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return false;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return false;
    text = std::string(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool boolean(bool& value) {
    skip_spaces();
    for (const bool truth : {false, true}) {
      const std::string_view word = truth ? "True" : "False";
      if (rest_.substr(0, word.size()) != word) continue;
      rest_.remove_prefix(word.size());
      value = truth;
      return true;
    }
    return false;
  }

  bool tuple() {
    if (!take('(')) return false;
    while (!take(')')) {
      skip_spaces();
      int64_t extent = 0;
      const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (code != std::errc() || extent < 0) return false;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      shape.push_back(extent);
      if (!take(',') && (skip_spaces(), rest_.substr(0, 1)) != ")") return false;
    }
    return true;
  }

  std::string_view rest_;
  std::set<std::string> keys_;
};

template <class T>
void append(std::string_view bytes, std::vector<double>& elements) {
  for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    elements.push_back(static_cast<double>(value));
  }
}

struct ElementType {
  const char* name;
  size_t bytes;
  void (*append)(std::string_view, std::vector<double>&);
};
constexpr ElementType kElementTypes[] = {
    {"<f4", 4, append<float>},   {"<f8", 8, append<double>},  {"<i4", 4, append<int32_t>},
    {"<i8", 8, append<int64_t>}, {"|u1", 1, append<uint8_t>},
};

// Little-endian.
size_t number_in(std::string_view bytes) {
  size_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

Result<NpyView> view_npy(std::string_view bytes, const std::string& path) {
  const Diagnostic no_array = file_error(path, "is no array of NumPy's (.npy)");
  constexpr size_t kFixed = 8;
  if (bytes.size() < kFixed || bytes.substr(0, kMagic.size()) != kMagic) return no_array;
  const auto version = static_cast<uint8_t>(bytes[kMagic.size()]);
  if (version < 1 || version > 3) return no_array;
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < kFixed + length_bytes) return file_error(path, "ends in its header");
  const size_t length = number_in(bytes.substr(kFixed, length_bytes));
  std::string_view rest = bytes.substr(kFixed + length_bytes);
  if (length > rest.size()) return file_error(path, "ends in its header");

  HeaderReader header(rest.substr(0, length));
  if (!header.read()) return file_error(path, "has a header that is none of NumPy's");
  rest.remove_prefix(length);
  if (header.fortran_order) {
    return file_error(path, "is in column-major order; save numpy.ascontiguousarray of it");
  }
  const ElementType* type = nullptr;
  for (const ElementType& each : kElementTypes) {
    if (header.descr == each.name) type = &each;
  }
  if (type == nullptr) {
    return file_error(
        path, "has elements of type '" + header.descr + "'; expected <f4, <f8, <i4, <i8 or |u1");
  }
  size_t count = 1;
  for (const int64_t extent : header.shape) {
    if (extent != 0 && count > rest.size() / static_cast<size_t>(extent)) {
      return file_error(path, "has fewer elements than its shape " + to_string(header.shape));
    }
    count *= static_cast<size_t>(extent);
  }
  if (count * type->bytes != rest.size()) {
    return file_error(path, "has " + std::to_string(rest.size()) +
                                " bytes of elements; its shape " + to_string(header.shape) +
                                " needs " + std::to_string(count * type->bytes));
  }
  return NpyView{header.shape, header.descr, rest};
}

Result<NpyArray> parse_npy(std::string_view bytes, const std::string& path) {
  const Result<NpyView> view = view_npy(bytes, path);
  if (!view) return view.diagnostics();
  NpyArray array;
  array.shape = view->shape;
  array.is_bytes = view->type == "|u1";
  array.elements.reserve(view->elements.size() / view->element_bytes());
  for (const ElementType& each : kElementTypes) {
    if (view->type == each.name) each.append(view->elements, array.elements);
  }
  return array;
}

Result<NpyArray> read_npy(const std::string& path) {
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.diagnostics();
  return parse_npy(*bytes, path);
}

}  // namespace cnnc
