// PNG and JPEG files: what is read, that damage is found, and how images are scaled.
#include "tools/data/image_file.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/tools/image_files.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;
using Bytes = std::vector<uint8_t>;

Image decoded(const std::string& bytes, int64_t channels) {
  const Result<Image> image = decode_image(bytes, channels, "x");
  INFO(render(image.diagnostics()));
  REQUIRE(image.ok());
  return *image;
}

std::string problem(const std::string& bytes, int64_t channels = 3) {
  const Result<Image> image = decode_image(bytes, channels, "x");
  return image ? "" : render(image.diagnostics());
}

// A gradient in which every channel differs.
Bytes gradient(int64_t width, int64_t height) {
  Bytes pixels;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (const int64_t value : {x * 255 / width, y * 255 / height, 128 + x - y}) {
        pixels.push_back(static_cast<uint8_t>(value));
      }
    }
  }
  return pixels;
}

TEST_CASE("PNG files in gray and in colours", "[data]") {
  const Bytes colors = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 10, 10, 20, 30, 40, 255, 255, 255};
  const Image rgb = decoded(test::png_bytes(3, 2, 3, colors), 3);
  CHECK(rgb.channels == 3);
  CHECK(rgb.width == 3);
  CHECK(rgb.height == 2);
  CHECK(rgb.pixels == colors);
  CHECK(decoded(test::png_bytes(3, 2, 1, {1, 2, 3, 4, 5, 6}), 1).pixels == Bytes{1, 2, 3, 4, 5, 6});
  CHECK(decoded(test::png_bytes(1, 2, 1, {7, 9}), 3).pixels == Bytes{7, 7, 7, 9, 9, 9});
  const Image gray = decoded(test::png_bytes(2, 1, 3, {10, 10, 10, 200, 200, 200}), 1);
  CHECK(gray.pixels == Bytes{10, 200});
  // What is transparent lies on black.
  CHECK(decoded(test::png_bytes(2, 1, 4, {9, 8, 7, 255, 9, 8, 7, 0}), 3).pixels ==
        Bytes{9, 8, 7, 0, 0, 0});
}

TEST_CASE("JPEG files in gray and in colours", "[data]") {
  const Bytes colors = gradient(40, 24);
  const std::string bytes = test::jpeg_bytes(40, 24, 3, colors);
  const Image rgb = decoded(bytes, 3);
  CHECK(rgb.width == 40);
  CHECK(rgb.height == 24);
  REQUIRE(rgb.pixels.size() == colors.size());
  for (size_t i = 0; i < colors.size(); ++i) CHECK(std::abs(rgb.pixels[i] - colors[i]) <= 6);
  const Image gray = decoded(bytes, 1);
  REQUIRE(gray.pixels.size() == 40 * 24);
  for (size_t i = 0; i < gray.pixels.size(); ++i) {
    const double expected =
        0.299 * colors[3 * i] + 0.587 * colors[3 * i + 1] + 0.114 * colors[3 * i + 2];
    CHECK(std::abs(gray.pixels[i] - expected) <= 6);
  }
  CHECK_THAT(problem(test::jpeg_bytes(8, 8, 4, Bytes(256, 100))), Contains("CMYK"));
}

TEST_CASE("what is no image, and what breaks off", "[data]") {
  CHECK(problem("") == "error: x: is neither a PNG nor a JPEG file\n");
  CHECK(problem("GIF89a...") == "error: x: is neither a PNG nor a JPEG file\n");
  const std::string png = test::png_bytes(9, 9, 3, gradient(9, 9));
  const std::string jpeg = test::jpeg_bytes(9, 9, 3, gradient(9, 9));
  for (const std::string& bytes : {png, jpeg}) {
    for (size_t size = 8; size + 2 < bytes.size(); size += 7) {
      if (bytes == png && size + 12 > bytes.size()) continue;  // the end of a PNG file says nothing
      INFO(size);
      CHECK_THAT(problem(bytes.substr(0, size)), Contains("x: is a damaged"));
    }
  }
}

TEST_CASE("no bytes do harm", "[data]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::string files[] = {test::png_bytes(9, 9, 3, gradient(9, 9)),
                               test::jpeg_bytes(17, 9, 3, gradient(17, 9))};
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = files[i % 2];
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    (void)decode_image(bytes, i % 4 < 2 ? 3 : 1, "x");
  }
}

TEST_CASE("endings of image files", "[data]") {
  for (const char* name : {"a.png", "a.b.JPG", "x.Jpeg"}) CHECK(has_image_ending(name));
  for (const char* name : {"png", ".png", "a.gif", "a.png.txt", "a."}) {
    CHECK_FALSE(has_image_ending(name));
  }
}

TEST_CASE("scaling covers the size that is wanted", "[data]") {
  const Image row = {1, 1, 4, {0, 100, 200, 40}};
  CHECK(scaled_to_cover(row, 1, 4).pixels == row.pixels);
  CHECK(scaled_to_cover(row, 1, 2).pixels == Bytes{100, 200});  // cut out of the middle
  const Image flat = {3, 5, 7, Bytes(105, 77)};
  for (const int64_t height : {1, 3, 5, 8, 20}) {
    for (const int64_t width : {1, 2, 7, 9, 31}) {
      const Image scaled = scaled_to_cover(flat, height, width);
      CHECK(scaled.height == height);
      CHECK(scaled.width == width);
      CHECK(scaled.pixels == Bytes(static_cast<size_t>(3 * height * width), 77));
    }
  }
  // A gradient stays one, with the same ends but for half a pixel.
  Image ramp = {1, 16, 16, {}};
  for (int i = 0; i < 256; ++i) ramp.pixels.push_back(static_cast<uint8_t>(16 * (i % 16)));
  const Image half = scaled_to_cover(ramp, 8, 8);
  for (int i = 0; i < 64; ++i) {
    if (i % 8 > 0 && i % 8 < 7) CHECK(std::abs(half.pixels[i] - (32 * (i % 8) + 8)) <= 1);
    CHECK(half.pixels[i] == half.pixels[i % 8]);
  }
  const Image twice = scaled_to_cover(ramp, 32, 32);
  for (int i = 1; i < 31; ++i) CHECK(std::abs(twice.pixels[i] - (8 * i - 4)) <= 1);
}

}  // namespace
}  // namespace cnnc
