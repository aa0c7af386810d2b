// Tested by tests/tools/numpy_set_test.cpp.
#include "tools/data/numpy_set.h"

#include <zip.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <system_error>

#include "compiler/support/files.h"
#include "tools/data/npy.h"

namespace cnnc {
namespace {

constexpr int64_t kChunk = int64_t{1} << 20;

// The bytes of an array by its name, and what messages call it.
struct NamedBytes {
  std::string bytes;
  std::string path;
};
using Finder = std::function<Result<NamedBytes>(const std::string& name)>;

template <class T>
T element(std::string_view bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * static_cast<int64_t>(sizeof(T)), sizeof value);
  return value;
}

// The image's element that [C, H, W] has at place i, where they lie as [H, W, C].
int64_t channels_last(const ImageSet& set, int64_t i) {
  const int64_t area = set.height * set.width;
  return i % area * set.channels + i / area;
}

template <class From, class To>
void copy_images(std::string_view bytes, bool last, const ImageSet& set, std::vector<To>& out) {
  const int64_t size = set.image_size();
  out.reserve(static_cast<size_t>(set.count * size));
  for (int64_t image = 0; image < set.count; ++image) {
    for (int64_t i = 0; i < size; ++i) {
      const int64_t at = last ? channels_last(set, i) : i;
      out.push_back(static_cast<To>(element<From>(bytes, image * size + at)));
    }
  }
}

Status read_images(const NamedBytes& file, const NetworkShape& network, ImageSet& set) {
  const Result<NpyView> array = view_npy(file.bytes, file.path);
  if (!array) return array.diagnostics();
  const Shape& shape = array->shape;
  const Shape& input = network.input;
  bool last = false;
  if (shape.size() == 4) {
    last = input.size() == 3 && Shape(shape.begin() + 1, shape.end()) != input &&
           Shape{shape[3], shape[1], shape[2]} == input;
    set.channels = last ? shape[3] : shape[1];
    set.height = last ? shape[1] : shape[2];
    set.width = last ? shape[2] : shape[3];
  } else if (shape.size() == 3) {
    set.channels = 1;
    set.height = shape[1];
    set.width = shape[2];
  } else if (shape.size() == 2) {
    set.channels = shape[1];
    set.height = set.width = 1;
  } else {
    return file_error(
        file.path,
        "is " + to_string(shape) + "; images are [N, C, H, W], [N, H, W, C], [N, H, W] or [N, F]");
  }
  set.count = shape[0];
  if (set.image_size() == 0) return file_error(file.path, "holds images of size zero");
  if (array->type == "|u1") {
    copy_images<uint8_t>(array->elements, last, set, set.pixels);
  } else if (array->type == "<f4") {
    copy_images<float>(array->elements, last, set, set.values);
  } else if (array->type == "<f8") {
    copy_images<double>(array->elements, last, set, set.values);
  } else {
    return file_error(file.path, "has elements of type '" + array->type +
                                     "'; images are of bytes (|u1) or floats (<f4, <f8)");
  }
  return success();
}

Status read_labels(const NamedBytes& file, ImageSet& set) {
  const Result<NpyView> array = view_npy(file.bytes, file.path);
  if (!array) return array.diagnostics();
  const Shape& shape = array->shape;
  if (shape.empty() || shape[0] != set.count) {
    return file_error(file.path, "is " + to_string(shape) + "; there are " +
                                     std::to_string(set.count) + " images");
  }
  int64_t size = 1;
  for (size_t i = 1; i < shape.size(); ++i) size *= shape[i];
  const bool of_pixels = shape.size() == 3 && shape[1] == set.height && shape[2] == set.width;
  if (size != 1 && !of_pixels) {
    return file_error(file.path, "is " + to_string(shape) +
                                     "; labels are [N], or [N, H, W] where each pixel has one");
  }
  set.label_size = size;
  const int64_t count = set.count * size;
  set.labels.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t label = 0;
    if (array->type == "|u1") {
      label = element<uint8_t>(array->elements, i);
    } else if (array->type == "<i4") {
      label = element<int32_t>(array->elements, i);
    } else if (array->type == "<i8") {
      label = element<int64_t>(array->elements, i);
    } else {
      return file_error(file.path, "has elements of type '" + array->type +
                                       "'; labels are integers (|u1, <i4, <i8)");
    }
    if (label != static_cast<int32_t>(label)) {
      return file_error(file.path, "has the label " + std::to_string(label));
    }
    set.labels.push_back(static_cast<int32_t>(label));
  }
  return success();
}

Result<DataSet> load(const Finder& find, const NetworkShape& network) {
  DataSet data;
  for (ImageSet* set : {&data.train, &data.test}) {
    const std::string half = set == &data.train ? "train" : "test";
    {
      const Result<NamedBytes> images = find("x_" + half);
      if (!images) return images.diagnostics();
      const Status read = read_images(*images, network, *set);
      if (!read) return read.diagnostics();
    }
    const Result<NamedBytes> labels = find("y_" + half);
    if (!labels) return labels.diagnostics();
    const Status read = read_labels(*labels, *set);
    if (!read) return read.diagnostics();
  }
  return data;
}

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct Close {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

// A file of an archive, whole. Memory grows with what it really holds.
Result<NamedBytes> read_entry(zip_t* archive, const std::string& name, const std::string& path) {
  const std::string file_name = name + ".npy";
  NamedBytes result{{}, path + ": " + file_name};
  const zip_int64_t index = zip_name_locate(archive, file_name.c_str(), 0);
  if (index < 0) {
    return file_error(path,
                      "holds no array " + name + "; expected x_train, y_train, x_test and y_test");
  }
  const std::unique_ptr<zip_file_t, Close> file(
      zip_fopen_index(archive, static_cast<zip_uint64_t>(index), 0));
  if (!file)
    return file_error(result.path, std::string("cannot be read: ") + zip_strerror(archive));
  for (;;) {
    const size_t before = result.bytes.size();
    result.bytes.resize(before + kChunk);
    const zip_int64_t got = zip_fread(file.get(), result.bytes.data() + before, kChunk);
    if (got < 0) {
      return file_error(result.path, std::string("is damaged: ") + zip_file_strerror(file.get()));
    }
    result.bytes.resize(before + static_cast<size_t>(got));
    if (got == 0) return result;
  }
}

}  // namespace

bool is_numpy_folder(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::path(folder) / "x_train.npy", ignored);
}

Result<DataSet> load_numpy_folder(const std::string& folder, const NetworkShape& network) {
  const Finder find = [&](const std::string& name) -> Result<NamedBytes> {
    const std::string path = (std::filesystem::path(folder) / (name + ".npy")).string();
    Result<std::string> bytes = read_file(path);
    if (!bytes) return bytes.diagnostics();
    return NamedBytes{std::move(*bytes), path};
  };
  return load(find, network);
}

Result<DataSet> load_npz(const std::string& path, const NetworkShape& network) {
  int code = 0;
  const std::unique_ptr<zip_t, Discard> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return file_error(path, "is no archive of arrays (.npz): " + text);
  }
  const Finder find = [&](const std::string& name) {
    return read_entry(archive.get(), name, path);
  };
  return load(find, network);
}

}  // namespace cnnc
