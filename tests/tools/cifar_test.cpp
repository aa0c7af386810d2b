// CIFAR's binary files: what is read, and what is refused.
#include "tools/data/cifar.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

// A record whose planes have the values given.
std::string record(const std::string& labels, int red, int green, int blue) {
  return labels + std::string(1024, static_cast<char>(red)) +
         std::string(1024, static_cast<char>(green)) + std::string(1024, static_cast<char>(blue));
}

std::string problem(const test::TempFolder& folder) {
  const Result<DataSet> data = load_cifar_folder(folder.path());
  REQUIRE_FALSE(data.ok());
  return render(data.diagnostics());
}

TEST_CASE("CIFAR-10 has a label and three planes in each record", "[data]") {
  const test::TempFolder folder;
  CHECK_FALSE(is_cifar_folder(folder.path()));
  folder.write("data_batch_1.bin", record("\x03", 1, 2, 3) + record("\x09", 4, 5, 255));
  folder.write("data_batch_2.bin", record(std::string(1, '\0'), 7, 8, 9));
  folder.write("test_batch.bin", record("\x01", 10, 11, 12));
  CHECK(is_cifar_folder(folder.path()));
  const Result<DataSet> data = load_cifar_folder(folder.path());
  REQUIRE(data.ok());
  CHECK(data->train.count == 3);
  CHECK(data->train.channels == 3);
  CHECK(data->train.height == 32);
  CHECK(data->train.width == 32);
  CHECK(data->train.labels == std::vector<int32_t>{3, 9, 0});
  REQUIRE(data->train.pixels.size() == 3 * 3072);
  CHECK(data->train.pixels[0] == 1);
  CHECK(data->train.pixels[1024] == 2);
  CHECK(data->train.pixels[3072 + 3071] == 255);
  CHECK(data->train.pixels[2 * 3072] == 7);
  CHECK(data->test.count == 1);
  CHECK(data->test.labels == std::vector<int32_t>{1});
}

TEST_CASE("CIFAR-100 has two labels, of which the second counts", "[data]") {
  const test::TempFolder folder;
  folder.write("train.bin", record("\x03\x62", 1, 2, 3));
  folder.write("test.bin", record("\x01\x07", 4, 5, 6));
  CHECK(is_cifar_folder(folder.path()));
  const Result<DataSet> data = load_cifar_folder(folder.path());
  REQUIRE(data.ok());
  CHECK(data->train.labels == std::vector<int32_t>{98});
  CHECK(data->test.labels == std::vector<int32_t>{7});
  CHECK(data->test.pixels[0] == 4);
}

TEST_CASE("damaged files of CIFAR", "[data]") {
  const test::TempFolder folder;
  folder.write("data_batch_1.bin", record("\x03", 1, 2, 3));
  CHECK_THAT(problem(folder), Contains("test_batch.bin: cannot open"));
  folder.write("test_batch.bin", "");
  CHECK_THAT(problem(folder), Contains("test_batch.bin: has 0 bytes, which are no whole records of "
                                       "CIFAR-10: 3073 bytes each"));
  folder.write("test_batch.bin", record("\x03", 1, 2, 3).substr(1));
  CHECK_THAT(problem(folder), Contains("has 3072 bytes"));
  folder.write("test_batch.bin", record("\x03", 1, 2, 3) + record("\x0a", 1, 2, 3));
  CHECK_THAT(problem(folder), Contains("test_batch.bin: has the label 10 in record 1; CIFAR-10 has "
                                       "labels from 0 to 9"));
}

}  // namespace
}  // namespace cnnc
