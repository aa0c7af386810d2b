// Data sets in NumPy's files, apart and in an archive.
#include "tools/data/numpy_set.h"

#include <zip.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <random>
#include <string>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;
using Files = std::map<std::string, std::string>;

template <class T>
std::string npy(const std::string& type, const std::string& shape, const std::vector<T>& elements) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  return text + header +
         std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
}

std::string bytes(const std::string& shape, std::vector<uint8_t> elements) {
  return npy<uint8_t>("|u1", shape, elements);
}

// Two images of 2 x 3 pixels for training, one for testing.
Files good() {
  return {{"x_train", bytes("(2, 2, 3)", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})},
          {"y_train", npy<int64_t>("<i8", "(2,)", {1, 0})},
          {"x_test", bytes("(1, 2, 3)", {6, 5, 4, 3, 2, 1})},
          {"y_test", npy<int64_t>("<i8", "(1,)", {1})}};
}

Result<DataSet> from_folder(const Files& files, const NetworkShape& network) {
  const test::TempFolder folder;
  for (const auto& [name, content] : files) folder.write(name + ".npy", content);
  return load_numpy_folder(folder.path(), network);
}

Result<DataSet> from_archive(const Files& files, const NetworkShape& network, bool compressed,
                             const std::function<void(std::string&)>& change = {}) {
  const test::TempFolder folder;
  const std::string path = folder / "data.npz";
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, &code);
  REQUIRE(archive != nullptr);
  for (const auto& [name, content] : files) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t at = zip_file_add(archive, (name + ".npy").c_str(), source, 0);
    REQUIRE(at >= 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(at),
                             compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  REQUIRE(zip_close(archive) == 0);
  if (change) {
    std::string all = test::file_bytes(path);
    change(all);
    folder.write("data.npz", all);
  }
  return load_npz(path, network);
}

const NetworkShape kNetwork = {{1, 2, 3}, 2, 1};

void check_good(const Result<DataSet>& data) {
  INFO(render(data.diagnostics()));
  REQUIRE(data.ok());
  CHECK(data->train.count == 2);
  CHECK(data->train.channels == 1);
  CHECK(data->train.height == 2);
  CHECK(data->train.width == 3);
  CHECK(data->train.pixels == std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(data->train.values.empty());
  CHECK(data->train.labels == std::vector<int32_t>{1, 0});
  CHECK(data->test.pixels == std::vector<uint8_t>{6, 5, 4, 3, 2, 1});
  CHECK(data->test.labels == std::vector<int32_t>{1});
}

TEST_CASE("four arrays, in a folder or in an archive", "[data]") {
  check_good(from_folder(good(), kNetwork));
  check_good(from_archive(good(), kNetwork, false));
  check_good(from_archive(good(), kNetwork, true));
}

TEST_CASE("layouts and types of arrays", "[data]") {
  const NetworkShape network = {{2, 1, 3}, 2, 1};
  Files files = good();
  files["x_train"] = npy<float>("<f4", "(2, 2, 1, 3)", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  files["x_test"] = npy<double>("<f8", "(1, 1, 3, 2)", {0, 3, 1, 4, 2, 5});  // channels last
  files["y_train"] = bytes("(2, 1)", {7, 8});
  files["y_test"] = npy<int32_t>("<i4", "(1,)", {-100});
  const Result<DataSet> data = from_folder(files, network);
  INFO(render(data.diagnostics()));
  REQUIRE(data.ok());
  CHECK(data->train.pixels.empty());
  CHECK(data->train.values == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(data->test.channels == 2);
  CHECK(data->test.values == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(data->train.labels == std::vector<int32_t>{7, 8});
  CHECK(data->test.labels == std::vector<int32_t>{-100});

  files = good();
  files["x_train"] = npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6});
  const Result<DataSet> flat = from_folder(files, {{3}, 2, 1});
  REQUIRE(flat.ok());
  CHECK(flat->train.image_size() == 3);
}

TEST_CASE("a label for each pixel", "[data]") {
  Files files = good();
  files["y_train"] = npy<int64_t>("<i8", "(2, 2, 3)", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Result<DataSet> data = from_folder(files, kNetwork);
  REQUIRE(data.ok());
  CHECK(data->train.label_size == 6);
  CHECK(data->train.labels[11] == 11);
  CHECK(data->test.label_size == 1);
}

TEST_CASE("arrays that are no data set", "[data]") {
  const auto problem = [](const std::string& name, const std::string& content) {
    Files files = good();
    files[name] = content;
    const Result<DataSet> data = from_archive(files, kNetwork, true);
    REQUIRE_FALSE(data.ok());
    return render(data.diagnostics());
  };
  CHECK_THAT(problem("x_train", "nothing"),
             Contains("data.npz: x_train.npy: is no array of NumPy's (.npy)"));
  CHECK_THAT(problem("x_train", bytes("(4,)", {1, 2, 3, 4})), Contains("is [4]; images are [N, C"));
  CHECK_THAT(problem("x_train", bytes("(0, 0, 3)", {})), Contains("holds images of size zero"));
  CHECK_THAT(problem("x_train", npy<int32_t>("<i4", "(1, 1, 1)", {1})),
             Contains("has elements of type '<i4'; images are of bytes (|u1) or floats"));
  CHECK_THAT(problem("y_train", bytes("(3,)", {1, 2, 3})), Contains("is [3]; there are 2 images"));
  CHECK_THAT(problem("y_train", bytes("()", {1})), Contains("there are 2 images"));
  CHECK_THAT(problem("y_train", bytes("(2, 2)", {1, 2, 3, 4})), Contains("labels are [N], or"));
  CHECK_THAT(problem("y_test", npy<float>("<f4", "(1,)", {1})),
             Contains("has elements of type '<f4'; labels are integers"));
  CHECK_THAT(problem("y_test", npy<int64_t>("<i8", "(1,)", {int64_t{1} << 40})),
             Contains("has the label 1099511627776"));
  Files lacking = good();
  lacking.erase("y_test");
  CHECK_THAT(render(from_archive(lacking, kNetwork, true).diagnostics()),
             Contains("holds no array y_test; expected x_train, y_train, x_test and y_test"));
  CHECK_THAT(render(from_folder(lacking, kNetwork).diagnostics()),
             Contains("y_test.npy: cannot open"));
}

TEST_CASE("no damage of an archive does harm", "[data]") {
  CHECK_THAT(render(from_archive(good(), kNetwork, true,
                                 [](std::string& all) { all.resize(all.size() / 2); })
                        .diagnostics()),
             Contains("data.npz: is no archive of arrays (.npz): "));
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    (void)from_archive(good(), kNetwork, i % 2 == 0, [&](std::string& all) {
      for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
        all[random() % all.size()] = static_cast<char>(random());
      }
    });
  }
}

}  // namespace
}  // namespace cnnc
