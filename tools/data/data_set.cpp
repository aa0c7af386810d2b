// Tested by tests/tools/data_set_test.cpp.
#include "tools/data/data_set.h"

#include <filesystem>
#include <system_error>

#include "tools/data/cifar.h"
#include "tools/data/idx.h"
#include "tools/data/image_folder.h"
#include "tools/data/numpy_set.h"
#include "tools/data/synthetic.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSynthetic = "synthetic";

bool is_idx_folder(const std::string& folder) {
  std::error_code ignored;
  for (const char* name : {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                           "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"}) {
    if (fs::exists(fs::path(folder) / name, ignored)) return true;
  }
  return false;
}

Result<DataSet> load_idx_folder(const std::string& folder) {
  Result<ImageSet> train = load_mnist_folder(folder, Split::train);
  if (!train) return train.diagnostics();
  Result<ImageSet> test = load_mnist_folder(folder, Split::test);
  if (!test) return test.diagnostics();
  return DataSet{std::move(*train), std::move(*test), {}};
}

}  // namespace

Result<DataSet> load_data_set(const std::string& where, const NetworkShape& network) {
  const bool is_synthetic = where.compare(0, kSynthetic.size(), kSynthetic) == 0;
  if (is_synthetic && (where.size() == kSynthetic.size() || where[kSynthetic.size()] == ':')) {
    const std::string options =
        where.size() > kSynthetic.size() ? where.substr(kSynthetic.size() + 1) : "";
    const Result<Synthetic> synthetic = parse_synthetic(options);
    if (!synthetic) return synthetic.diagnostics();
    return draw_synthetic(*synthetic, network);
  }
  std::error_code ignored;
  if (fs::is_directory(where, ignored)) {
    if (is_idx_folder(where)) return load_idx_folder(where);
    if (is_cifar_folder(where)) return load_cifar_folder(where);
    if (is_numpy_folder(where)) return load_numpy_folder(where, network);
    if (is_image_folder(where)) return load_image_folder(where, network);
    return file_error(where,
                      "holds no data set: no IDX files (train-images-idx3-ubyte), no files of "
                      "CIFAR-10 (data_batch_1.bin), no arrays (x_train.npy) and no folders of "
                      "images");
  }
  if (!fs::exists(where, ignored)) {
    return file_error(where, "there is no such folder or file");
  }
  if (fs::path(where).extension() == ".npz") return load_npz(where, network);
  return file_error(where, "is no data set: expected a folder, a file .npz or \"synthetic\"");
}

}  // namespace cnnc
