// IDX files: plain and compressed, and what is said about wrong ones.
#include "tools/data/idx.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

std::string be32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

std::string idx(uint32_t magic, const std::vector<uint32_t>& shape, const std::string& elements) {
  std::string bytes = be32(magic);
  for (const uint32_t extent : shape) bytes += be32(extent);
  return bytes + elements;
}

// Two images of 2 rows and 3 columns, and their labels.
const std::string& images() {
  static const std::string bytes = idx(0x803, {2, 2, 3}, "abcdefghijk\xFF");
  return bytes;
}
const std::string& labels() {
  static const std::string bytes = idx(0x801, {2}, std::string("\x07\xC8", 2));
  return bytes;
}

std::string write_gz(const test::TempFolder& folder, const std::string& name,
                     const std::string& bytes) {
  std::string path = folder / name;
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file);
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) ==
          static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
  return path;
}

std::string images_problem(const std::string& path) {
  const Result<ImageSet> set = read_idx_images(path);
  return set ? "" : render(set.diagnostics());
}

std::string labels_problem(const std::string& path) {
  const Result<std::vector<int32_t>> list = read_idx_labels(path);
  return list ? "" : render(list.diagnostics());
}

TEST_CASE("images and labels are read, plain or compressed", "[data]") {
  const test::TempFolder folder;
  for (const bool compressed : {false, true}) {
    const auto write = [&](const std::string& name, const std::string& bytes) {
      return compressed ? write_gz(folder, name, bytes) : folder.write(name, bytes);
    };
    const Result<ImageSet> set = read_idx_images(write("images", images()));
    REQUIRE(set);
    CHECK(set->count == 2);
    CHECK(set->channels == 1);
    CHECK(set->height == 2);
    CHECK(set->width == 3);
    CHECK(set->image_size() == 6);
    REQUIRE(set->pixels.size() == 12);
    CHECK(set->pixels.front() == 'a');
    CHECK(set->pixels.back() == 255);
    CHECK(set->labels.empty());

    const Result<std::vector<int32_t>> list = read_idx_labels(write("labels", labels()));
    REQUIRE(list);
    CHECK(*list == std::vector<int32_t>{7, 200});
  }
}

TEST_CASE("images may have channels, and a set may be empty", "[data]") {
  const test::TempFolder folder;
  const Result<ImageSet> colour =
      read_idx_images(folder.write("colour", idx(0x804, {1, 3, 1, 2}, "rrggbb")));
  REQUIRE(colour);
  CHECK(colour->count == 1);
  CHECK(colour->channels == 3);
  CHECK(colour->height == 1);
  CHECK(colour->width == 2);

  const Result<ImageSet> none = read_idx_images(folder.write("none", idx(0x803, {0, 28, 28}, "")));
  REQUIRE(none);
  CHECK(none->count == 0);
}

TEST_CASE("a large compressed file is read whole", "[data]") {
  const test::TempFolder folder;
  std::string pixels(3000 * 28 * 28, '\0');
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(i * 7 + i / 784);
  const Result<ImageSet> set =
      read_idx_images(write_gz(folder, "large.gz", idx(0x803, {3000, 28, 28}, pixels)));
  REQUIRE(set);
  CHECK(std::string(set->pixels.begin(), set->pixels.end()) == pixels);
}

TEST_CASE("wrong IDX files are refused with what was found and expected", "[data]") {
  const test::TempFolder folder;
  const auto problem_of = [&](const std::string& bytes) {
    return images_problem(folder.write("images", bytes));
  };
  CHECK_THAT(problem_of(""), Contains("is no IDX file: it ends after 0 bytes"));
  CHECK_THAT(problem_of("PNG"), Contains("is no IDX file: it ends after 3 bytes"));
  CHECK_THAT(problem_of("\x89PNG\r\n"),
             Contains("begins with 0x89504e47, expected 0x00000803") && !Contains("it is a file"));
  CHECK_THAT(problem_of(labels()),
             Contains("begins with 0x00000801, expected 0x00000803, the magic number of an IDX "
                      "file of images; it is a file of labels"));
  CHECK_THAT(labels_problem(folder.write("labels", images())),
             Contains("expected 0x00000801") && Contains("it is a file of images"));
  CHECK_THAT(problem_of(idx(0xD03, {2, 2, 3}, "abcdefghijkl")), Contains("begins with 0x00000d03"));
  CHECK_THAT(problem_of(images().substr(0, 15)), Contains("ends within its header"));
  CHECK_THAT(problem_of(images().substr(0, images().size() - 1)),
             Contains("is truncated: expected 12 bytes of images ([2, 2, 3]), found 11"));
  CHECK_THAT(problem_of(images() + "x"), Contains("goes on after its 12 bytes of images"));
  CHECK_THAT(problem_of(idx(0x803, {2, 0, 3}, "")), Contains("images of size zero"));
  CHECK_THAT(problem_of(idx(0x803, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "abc")),
             Contains("impossible size"));
  // A claim of 4 GB is believed only as far as the file goes.
  CHECK_THAT(problem_of(idx(0x803, {0xFFFFFFFF, 1, 1}, "abc")),
             Contains("expected 4294967295 bytes") && Contains("found 3"));
  CHECK_THAT(images_problem(folder / "absent"), Contains("absent: cannot open: No such file"));
  CHECK_THAT(images_problem(folder.path()), Contains("is a folder"));
}

TEST_CASE("damaged compressed files are refused", "[data]") {
  const test::TempFolder folder;
  const std::string good = test::file_bytes(write_gz(folder, "images.gz", images()));
  for (size_t size = 2; size < good.size(); ++size) {
    INFO("cut to " << size << " of " << good.size());
    CHECK_THAT(images_problem(folder.write("cut.gz", good.substr(0, size))),
               Contains("cut.gz: is truncated"));
  }
  std::string bad = good;
  bad[bad.size() - 6] = static_cast<char>(~bad[bad.size() - 6]);  // in the checksum
  CHECK_THAT(images_problem(folder.write("bad.gz", bad)),
             Contains("gzip stream is damaged") && Contains("bad.gz"));
}

TEST_CASE("a folder's splits are found under MNIST's names", "[data]") {
  const test::TempFolder folder;
  write_gz(folder, "train-images-idx3-ubyte.gz", images());
  folder.write("train-labels-idx1-ubyte", labels());
  const Result<ImageSet> train = load_mnist_folder(folder.path(), Split::train);
  REQUIRE(train);
  CHECK(train->count == 2);
  CHECK(train->labels == std::vector<int32_t>{7, 200});

  const Result<ImageSet> test = load_mnist_folder(folder.path(), Split::test);
  REQUIRE(!test);
  CHECK_THAT(render(test.diagnostics()),
             Contains("holds no t10k-images-idx3-ubyte and no t10k-images-idx3-ubyte.gz") &&
                 Contains("holds no t10k-labels-idx1-ubyte"));

  const Result<ImageSet> nowhere = load_mnist_folder(folder / "nowhere", Split::test);
  REQUIRE(!nowhere);
  CHECK_THAT(render(nowhere.diagnostics()), Contains("nowhere: is no folder"));
}

TEST_CASE("images and labels must match in number", "[data]") {
  const test::TempFolder folder;
  folder.write("t10k-images-idx3-ubyte", images());
  folder.write("t10k-labels-idx1-ubyte", idx(0x801, {3}, "abc"));
  const Result<ImageSet> set = load_mnist_folder(folder.path(), Split::test);
  REQUIRE(!set);
  CHECK_THAT(render(set.diagnostics()), Contains("holds 3 labels") && Contains("holds 2 images"));
}

}  // namespace
}  // namespace cnnc
