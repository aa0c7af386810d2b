// Tested by tests/tools/image_folder_test.cpp.
#include "tools/data/image_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "tools/data/image_file.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTestEvery = 10;

// The names of the folders or of the images in a folder, sorted. Those that begin with a dot are
// none.
Result<std::vector<std::string>> names_in(const std::string& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code code;
  fs::directory_iterator each(folder, code);
  while (!code && each != fs::directory_iterator()) {
    const std::string name = each->path().filename().string();
    std::error_code ignored;
    const bool wanted = folders ? each->is_directory(ignored) : has_image_ending(name);
    if (wanted && name[0] != '.') names.push_back(name);
    each.increment(code);
  }
  if (code) return file_error(folder, "cannot be read: " + code.message());
  std::sort(names.begin(), names.end());
  return names;
}

std::string path_in(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

class FolderReader {
 public:
  explicit FolderReader(const NetworkShape& network) : network_(network) {}

  Status add_image(const std::string& path, int32_t label, ImageSet& set) {
    const int64_t channels = network_.input[0];
    const Result<Image> found = read_image(path, channels);
    if (!found) return found.diagnostics();
    const Image image = scaled_to_cover(*found, network_.input[1], network_.input[2]);
    const int64_t area = image.height * image.width;
    const size_t before = set.pixels.size();
    set.pixels.resize(before + image.pixels.size());
    for (int64_t c = 0; c < channels; ++c) {
      uint8_t* plane = set.pixels.data() + before + c * area;
      for (int64_t i = 0; i < area; ++i) plane[i] = image.pixels[i * channels + c];
    }
    set.labels.push_back(label);
    ++set.count;
    return success();
  }

  // The images of all classes. With `test`, every tenth goes there.
  Status add_classes(const std::string& folder, const std::vector<std::string>& classes,
                     ImageSet& set, ImageSet* test) {
    for (size_t label = 0; label < classes.size(); ++label) {
      const std::string of_class = path_in(folder, classes[label]);
      const Result<std::vector<std::string>> images = names_in(of_class, false);
      if (!images) return images.diagnostics();
      if (images->empty()) return file_error(of_class, "holds no .png, .jpg or .jpeg files");
      for (size_t i = 0; i < images->size(); ++i) {
        const bool tests = test != nullptr && i % kTestEvery == kTestEvery - 1;
        const Status added = add_image(path_in(of_class, (*images)[i]), static_cast<int32_t>(label),
                                       tests ? *test : set);
        if (!added) return added;
      }
    }
    return success();
  }

 private:
  const NetworkShape& network_;
};

ImageSet empty_set(const NetworkShape& network) {
  ImageSet set;
  set.channels = network.input[0];
  set.height = network.input[1];
  set.width = network.input[2];
  return set;
}

Diagnostic differing_classes(const std::string& folder, const std::string& other,
                             const std::vector<std::string>& found,
                             const std::vector<std::string>& expected) {
  for (const std::string& name : found) {
    if (std::find(expected.begin(), expected.end(), name) == expected.end()) {
      return file_error(path_in(folder, name), "is a class that " + other + " does not have");
    }
  }
  for (const std::string& name : expected) {
    if (std::find(found.begin(), found.end(), name) == found.end()) {
      std::string message = "lacks the class \"";
      message.append(name).append("\" of ").append(other);
      return file_error(folder, message);
    }
  }
  return file_error(folder, "has other classes than " + other);
}

}  // namespace

bool is_image_folder(const std::string& folder) {
  const Result<std::vector<std::string>> folders = names_in(folder, true);
  return folders && !folders->empty();
}

Result<DataSet> load_image_folder(const std::string& folder, const NetworkShape& network) {
  if (network.input.size() != 3 || (network.input[0] != 1 && network.input[0] != 3)) {
    return file_error(folder,
                      "holds image files, which are gray or have three colours, but the "
                      "network's input is " +
                          to_string(network.input));
  }
  const std::string train = path_in(folder, "train");
  std::string test;
  for (const char* name : {"test", "val", "valid"}) {
    if (test.empty() && is_folder(path_in(folder, name))) test = path_in(folder, name);
  }
  const bool has_train = is_folder(train);
  if (has_train && test.empty()) {
    return file_error(folder, "holds the folder train, but no folder test, val or valid");
  }
  const bool split = !has_train;
  const std::string first = split ? folder : train;
  const Result<std::vector<std::string>> classes = names_in(first, true);
  if (!classes) return classes.diagnostics();
  if (classes->empty()) return file_error(first, "holds no folders, one for each class");

  DataSet data{empty_set(network), empty_set(network), *classes};
  FolderReader reader(network);
  const Status added =
      reader.add_classes(first, *classes, data.train, split ? &data.test : nullptr);
  if (!added) return added.diagnostics();
  if (split) {
    if (data.test.count > 0) return data;
    return file_error(folder,
                      "has fewer than 10 images in every class; of these, every tenth would "
                      "be for testing");
  }
  const Result<std::vector<std::string>> tested = names_in(test, true);
  if (!tested) return tested.diagnostics();
  if (*tested != *classes) return differing_classes(test, train, *tested, *classes);
  const Status more = reader.add_classes(test, *classes, data.test, nullptr);
  if (!more) return more.diagnostics();
  return data;
}

}  // namespace cnnc
