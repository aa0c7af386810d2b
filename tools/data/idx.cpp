// Entry points: read_idx_images, read_idx_labels, load_mnist_folder. Tested by
// tests/tools/idx_test.cpp.
#include "tools/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "compiler/graph/types.h"

namespace cnnc {
namespace {

constexpr int64_t kMagicBytes = 4;
constexpr int64_t kExtentBytes = 4;
constexpr uint32_t kByteElements = 0x08;
constexpr int64_t kChunk = int64_t{1} << 20;

std::string hex(uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", value);
  return text.data();
}

// One open file, read front to back. gzopen reads plain files as they are.
class IdxFile {
 public:
  explicit IdxFile(const std::string& path) : path_(path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
      problem_ = wrong("is a folder, expected an IDX file");
      return;
    }
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) problem_ = wrong(std::string("cannot open: ") + std::strerror(errno));
  }

  [[nodiscard]] Diagnostic wrong(const std::string& message) const {
    return file_error(path_, message);
  }
  // Why the last read came back short, if the file is at fault rather than at its end.
  [[nodiscard]] const std::optional<Diagnostic>& problem() const { return problem_; }

  // Appends up to `size` bytes; memory grows with what the file really holds.
  void read(int64_t size, std::vector<uint8_t>& out) {
    if (problem_) return;
    while (size > 0) {
      const int64_t want = std::min(size, kChunk);
      const size_t before = out.size();
      out.resize(before + want);
      const int got = gzread(file_.get(), out.data() + before, static_cast<unsigned>(want));
      out.resize(before + std::max(got, 0));
      size -= std::max(got, 0);
      if (got < want) {
        explain_short_read();
        return;
      }
    }
  }

 private:
  struct Close {
    void operator()(gzFile_s* file) const { gzclose_r(file); }
  };

  void explain_short_read() {
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_OK || code == Z_STREAM_END) return;
    if (code == Z_ERRNO) {
      problem_ = wrong(std::string("cannot read: ") + std::strerror(errno));
    } else if (code == Z_BUF_ERROR) {
      problem_ = wrong("is truncated: its gzip stream breaks off");
    } else {
      problem_ = wrong(std::string("its gzip stream is damaged: ") + message);
    }
  }

  const std::string& path_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::optional<Diagnostic> problem_;
};

struct IdxArray {
  Shape shape;
  std::vector<uint8_t> elements;
};

struct Kind {
  const char* name;
  int64_t min_rank;
  int64_t max_rank;
};
constexpr Kind kLabels{"labels", 1, 1};
constexpr Kind kImages{"images", 3, 4};

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

bool is_rank_of(const Kind& kind, int64_t rank) {
  return rank >= kind.min_rank && rank <= kind.max_rank;
}

std::string wrong_magic(uint32_t magic, const Kind& expected) {
  std::string message = "begins with " + hex(magic) + ", expected " +
                        hex(kByteElements << 8 | static_cast<uint32_t>(expected.min_rank)) +
                        ", the magic number of an IDX file of " + expected.name;
  const int64_t rank = magic & 0xFF;
  for (const Kind& other : {kLabels, kImages}) {
    if (magic >> 8 == kByteElements && is_rank_of(other, rank)) {
      message += std::string("; it is a file of ") + other.name;
    }
  }
  return message;
}

Result<IdxArray> read_array(const std::string& path, const Kind& kind) {
  IdxFile file(path);
  std::vector<uint8_t> header;
  file.read(kMagicBytes, header);
  if (file.problem()) return *file.problem();
  if (static_cast<int64_t>(header.size()) < kMagicBytes) {
    return file.wrong("is no IDX file: it ends after " + std::to_string(header.size()) + " bytes");
  }
  const uint32_t magic = big_endian(header.data());
  const int64_t rank = magic & 0xFF;
  if (magic >> 8 != kByteElements || !is_rank_of(kind, rank)) {
    return file.wrong(wrong_magic(magic, kind));
  }

  file.read(rank * kExtentBytes, header);
  if (file.problem()) return *file.problem();
  if (static_cast<int64_t>(header.size()) < kMagicBytes + rank * kExtentBytes) {
    return file.wrong("is truncated: it ends within its header");
  }
  IdxArray array;
  int64_t size = 1;
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t extent = big_endian(header.data() + kMagicBytes + i * kExtentBytes);
    array.shape.push_back(extent);
    if (__builtin_mul_overflow(size, extent, &size)) {
      return file.wrong("its header gives an impossible size");
    }
  }
  for (int64_t i = 1; i < rank; ++i) {
    if (array.shape[i] == 0) return file.wrong("its header gives images of size zero");
  }

  file.read(size, array.elements);
  if (file.problem()) return *file.problem();
  const std::string expected =
      std::to_string(size) + " bytes of " + kind.name + " (" + to_string(array.shape) + ")";
  if (static_cast<int64_t>(array.elements.size()) < size) {
    return file.wrong("is truncated: expected " + expected + ", found " +
                      std::to_string(array.elements.size()));
  }
  std::vector<uint8_t> rest;
  file.read(1, rest);
  if (file.problem()) return *file.problem();
  if (!rest.empty()) return file.wrong("goes on after its " + expected);
  return array;
}

// `folder`/`name` or `folder`/`name`.gz, whichever exists.
Result<std::string> find_file(const std::string& folder, const std::string& name) {
  std::string path = (std::filesystem::path(folder) / name).string();
  std::error_code ignored;
  for (const char* ending : {"", ".gz"}) {
    if (std::filesystem::exists(path + ending, ignored)) return path + ending;
  }
  return file_error(folder, "holds no " + name + " and no " + name + ".gz");
}

}  // namespace

Result<ImageSet> read_idx_images(const std::string& path) {
  Result<IdxArray> array = read_array(path, kImages);
  if (!array) return array.diagnostics();
  const Shape& shape = array->shape;
  ImageSet set;
  set.count = shape.front();
  set.channels = shape.size() == 4 ? shape[1] : 1;
  set.height = shape[shape.size() - 2];
  set.width = shape.back();
  set.pixels = std::move(array->elements);
  return set;
}

Result<std::vector<int32_t>> read_idx_labels(const std::string& path) {
  Result<IdxArray> array = read_array(path, kLabels);
  if (!array) return array.diagnostics();
  return std::vector<int32_t>(array->elements.begin(), array->elements.end());
}

Result<ImageSet> load_mnist_folder(const std::string& folder, Split split) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return file_error(folder, "is no folder; expected one that holds MNIST's IDX files");
  }
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const Result<std::string> images_path = find_file(folder, prefix + "-images-idx3-ubyte");
  const Result<std::string> labels_path = find_file(folder, prefix + "-labels-idx1-ubyte");
  Diagnostics missing = images_path.diagnostics();
  missing.insert(missing.end(), labels_path.diagnostics().begin(), labels_path.diagnostics().end());
  if (!missing.empty()) return missing;

  Result<ImageSet> set = read_idx_images(*images_path);
  if (!set) return set;
  Result<std::vector<int32_t>> labels = read_idx_labels(*labels_path);
  if (!labels) return labels.diagnostics();
  const auto label_count = static_cast<int64_t>(labels->size());
  if (label_count != set->count) {
    return file_error(*labels_path, "holds " + std::to_string(label_count) + " labels, but " +
                                        *images_path + " holds " + std::to_string(set->count) +
                                        " images");
  }
  set->labels = std::move(*labels);
  return set;
}

}  // namespace cnnc
