// What --data takes: each kind is told by what is there.
#include "tools/data/data_set.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

const NetworkShape kNetwork = {{1, 28, 28}, 10, 1};

std::string problem(const std::string& where) {
  const Result<DataSet> data = load_data_set(where, kNetwork);
  return data ? "" : render(data.diagnostics());
}

TEST_CASE("a folder of IDX files, and a drawn data set", "[data]") {
  const Result<DataSet> mnist = load_data_set(test::source_path("models/mnist"), kNetwork);
  REQUIRE(mnist.ok());
  CHECK(mnist->train.count == 60000);
  CHECK(mnist->test.count == 10000);
  const Result<DataSet> drawn = load_data_set("synthetic:train=20,test=3", kNetwork);
  REQUIRE(drawn.ok());
  CHECK(drawn->train.count == 20);
  CHECK(drawn->test.count == 3);
  CHECK(load_data_set("synthetic", kNetwork)->train.count == 2000);
}

TEST_CASE("each kind of folder is told by what it holds", "[data]") {
  const test::TempFolder folder;
  CHECK_THAT(problem(folder.path()), Contains("holds no data set: no IDX files"));
  std::filesystem::create_directory(folder / "a");
  CHECK_THAT(problem(folder.path()), Contains("a: holds no .png, .jpg or .jpeg files"));
  folder.write("x_train.npy", "");
  CHECK_THAT(problem(folder.path()), Contains("x_train.npy: is no array"));
  folder.write("data_batch_1.bin", "");
  CHECK_THAT(problem(folder.path()), Contains("data_batch_1.bin: has 0 bytes"));
  folder.write("train-images-idx3-ubyte", "");
  CHECK_THAT(problem(folder.path()), Contains("train-labels-idx1-ubyte"));
}

TEST_CASE("what is no data set", "[data]") {
  const test::TempFolder folder;
  CHECK_THAT(problem(folder / "none"), Contains("none: there is no such folder or file"));
  CHECK_THAT(problem(folder.write("a.txt", "x")),
             Contains("a.txt: is no data set: expected a folder, a file .npz or \"synthetic\""));
  CHECK_THAT(problem(folder.write("a.npz", "x")), Contains("a.npz: is no archive of arrays"));
  CHECK_THAT(problem("synthetic:x"), Contains("unknown key \"x\""));
  CHECK_THAT(problem("syntheticx"), Contains("there is no such folder or file"));
}

}  // namespace
}  // namespace cnnc
