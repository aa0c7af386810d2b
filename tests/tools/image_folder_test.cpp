// Folders of image files: classes, splits, and what is wrong with others.
#include "tools/data/image_folder.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "tests/support/temp_folder.h"
#include "tests/tools/image_files.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

const NetworkShape kColors = {{3, 2, 2}, 2, 1};
const NetworkShape kGray = {{1, 2, 2}, 2, 1};

void add_image(const test::TempFolder& folder, const std::string& name, int value) {
  std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
  folder.write(name,
               test::png_bytes(2, 2, 1, std::vector<uint8_t>(4, static_cast<uint8_t>(value))));
}

std::string problem(const test::TempFolder& folder, const NetworkShape& network = kGray) {
  const Result<DataSet> data = load_image_folder(folder.path(), network);
  REQUIRE_FALSE(data.ok());
  return render(data.diagnostics());
}

TEST_CASE("folders for training and testing", "[data]") {
  for (const std::string test : {"test", "val", "valid"}) {
    const test::TempFolder folder;
    CHECK_FALSE(is_image_folder(folder.path()));
    add_image(folder, "train/rose/b.png", 2);
    add_image(folder, "train/rose/a.PNG", 1);
    add_image(folder, "train/daisy/1.png", 3);
    add_image(folder, test + "/daisy/2.png", 4);
    add_image(folder, test + "/rose/c.jpg", 5);  // the format is told by the bytes
    folder.write("train/rose/notes.txt", "no image");
    CHECK(is_image_folder(folder.path()));
    const Result<DataSet> data = load_image_folder(folder.path(), kColors);
    INFO(render(data.diagnostics()));
    REQUIRE(data.ok());
    CHECK(data->classes == std::vector<std::string>{"daisy", "rose"});
    CHECK(data->train.count == 3);
    CHECK(data->train.labels == std::vector<int32_t>{0, 1, 1});
    REQUIRE(data->train.pixels.size() == 36);
    CHECK(data->train.pixels[0] == 3);
    CHECK(data->train.pixels[12] == 1);
    CHECK(data->train.pixels[24] == 2);
    CHECK(data->test.labels == std::vector<int32_t>{0, 1});
    CHECK(data->test.pixels[23] == 5);
  }
}

TEST_CASE("channels are planes", "[data]") {
  const test::TempFolder folder;
  for (const std::string half : {"train", "test"}) {
    add_image(folder, half + "/a/x.png", 0);
    folder.write(half + "/a/x.png",
                 test::png_bytes(2, 2, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  }
  CHECK(load_image_folder(folder.path(), kColors)->train.pixels ==
        std::vector<uint8_t>{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12});
}

TEST_CASE("without halves, every tenth image is for testing", "[data]") {
  const test::TempFolder folder;
  for (int i = 0; i < 21; ++i) {
    add_image(folder, "a/" + std::to_string(100 + i) + ".png", i);
    if (i < 3) add_image(folder, "b/" + std::to_string(i) + ".png", 50 + i);
  }
  const Result<DataSet> data = load_image_folder(folder.path(), kGray);
  REQUIRE(data.ok());
  CHECK(data->train.count == 22);
  CHECK(data->test.count == 2);
  CHECK(data->test.labels == std::vector<int32_t>{0, 0});
  CHECK(data->test.pixels[0] == 9);
  CHECK(data->test.pixels[4] == 19);
}

TEST_CASE("folders of images that are no data set", "[data]") {
  const test::TempFolder folder;
  add_image(folder, "train/a/1.png", 1);
  CHECK_THAT(problem(folder), Contains("holds the folder train, but no folder test, val or valid"));
  std::filesystem::create_directories(folder / "test");
  CHECK_THAT(problem(folder), Contains("test: lacks the class \"a\" of"));
  add_image(folder, "test/b/1.png", 1);
  CHECK_THAT(problem(folder), Contains("test/b: is a class that "));
  add_image(folder, "train/b/1.png", 1);
  CHECK_THAT(problem(folder), Contains("test: lacks the class \"a\" of"));
  std::filesystem::create_directories(folder / "test/a");
  CHECK_THAT(problem(folder), Contains("test/a: holds no .png, .jpg or .jpeg files"));
  folder.write("test/a/broken.png", "not a PNG file");
  CHECK_THAT(problem(folder), Contains("test/a/broken.png: is neither a PNG nor a JPEG file"));
  CHECK_THAT(problem(folder, {{2, 4, 4}, 2, 1}), Contains("the network's input is [2, 4, 4]"));
  CHECK_THAT(problem(folder, {{16}, 2, 1}), Contains("the network's input is [16]"));
  const test::TempFolder few;
  add_image(few, "a/1.png", 1);
  CHECK_THAT(problem(few), Contains("has fewer than 10 images in every class"));
}

}  // namespace
}  // namespace cnnc
