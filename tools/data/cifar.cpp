// Tested by tests/tools/cifar_test.cpp.
#include "tools/data/cifar.h"

#include <filesystem>
#include <system_error>

#include "compiler/support/files.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSide = 32;
constexpr int64_t kPixels = 3 * kSide * kSide;

struct Kind {
  const char* test_file;
  int64_t label_bytes;  // the last of them is the label
  int32_t classes;
};
constexpr Kind kCifar10 = {"test_batch.bin", 1, 10};
constexpr Kind kCifar100 = {"test.bin", 2, 100};

std::string path_in(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Appends the records of a file.
Status add_file(const std::string& path, const Kind& kind, ImageSet& set) {
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.diagnostics();
  const int64_t record = kind.label_bytes + kPixels;
  const auto size = static_cast<int64_t>(bytes->size());
  if (size == 0 || size % record != 0) {
    return file_error(
        path, "has " + std::to_string(size) + " bytes, which are no whole records of CIFAR-" +
                  std::to_string(kind.classes) + ": " + std::to_string(record) + " bytes each");
  }
  for (int64_t at = 0; at < size; at += record) {
    const int32_t label = static_cast<uint8_t>((*bytes)[at + kind.label_bytes - 1]);
    if (label >= kind.classes) {
      return file_error(path, "has the label " + std::to_string(label) + " in record " +
                                  std::to_string(at / record) + "; CIFAR-" +
                                  std::to_string(kind.classes) + " has labels from 0 to " +
                                  std::to_string(kind.classes - 1));
    }
    set.labels.push_back(label);
    const auto pixels = bytes->begin() + at + kind.label_bytes;
    set.pixels.insert(set.pixels.end(), pixels, pixels + kPixels);
  }
  set.count += size / record;
  return success();
}

}  // namespace

bool is_cifar_folder(const std::string& folder) {
  return exists(path_in(folder, "data_batch_1.bin")) ||
         exists(path_in(folder, kCifar10.test_file)) ||
         (exists(path_in(folder, "train.bin")) && exists(path_in(folder, kCifar100.test_file)));
}

Result<DataSet> load_cifar_folder(const std::string& folder) {
  const bool fine = exists(path_in(folder, "train.bin"));
  const Kind& kind = fine ? kCifar100 : kCifar10;
  std::vector<std::string> files = {path_in(folder, fine ? "train.bin" : "data_batch_1.bin")};
  for (int number = 2; !fine; ++number) {
    const std::string next = path_in(folder, "data_batch_" + std::to_string(number) + ".bin");
    if (!exists(next)) break;
    files.push_back(next);
  }
  DataSet data;
  for (ImageSet* set : {&data.train, &data.test}) {
    set->channels = 3;
    set->height = set->width = kSide;
  }
  for (const std::string& file : files) {
    const Status added = add_file(file, kind, data.train);
    if (!added) return added.diagnostics();
  }
  const Status added = add_file(path_in(folder, kind.test_file), kind, data.test);
  if (!added) return added.diagnostics();
  return data;
}

}  // namespace cnnc
