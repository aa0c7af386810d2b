// Tested by tests/tools/image_file_test.cpp.
#include "tools/data/image_file.h"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "compiler/support/check.h"
#include "compiler/support/files.h"

namespace cnnc {
namespace {

constexpr std::string_view kPngStart = "\x89PNG\r\n\x1A\n";
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF";
constexpr int64_t kLongestSide = 32768;

std::string sides(int64_t width, int64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

Image blank(int64_t channels, int64_t height, int64_t width) {
  Image image{channels, height, width, {}};
  image.pixels.resize(static_cast<size_t>(channels * height * width));
  return image;
}

bool is_too_large(int64_t width, int64_t height) {
  return width > kLongestSide || height > kLongestSide || width * height > int64_t{1} << 28;
}

Result<Image> decode_png(std::string_view bytes, int64_t channels, const std::string& path) {
  struct Free {
    void operator()(png_image* image) const { png_image_free(image); }
  };
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, Free> guard(&png);
  if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) {
    return file_error(path, std::string("is a damaged PNG file: ") + png.message);
  }
  if (is_too_large(png.width, png.height)) {
    return file_error(path, "is too large an image: " + sides(png.width, png.height));
  }
  png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Image image = blank(channels, png.height, png.width);
  const png_color black = {0, 0, 0};
  if (png_image_finish_read(&png, &black, image.pixels.data(), 0, nullptr) == 0) {
    return file_error(path, std::string("is a damaged PNG file: ") + png.message);
  }
  return image;
}

Result<Image> decode_jpeg(std::string_view bytes, int64_t channels, const std::string& path) {
  struct Destroy {
    void operator()(void* handle) const { tjDestroy(handle); }
  };
  const std::unique_ptr<void, Destroy> decoder(tjInitDecompress());
  if (!decoder) return file_error(path, "cannot be read: no memory for a JPEG decoder");
  const auto damaged = [&] {
    return file_error(path,
                      std::string("is a damaged JPEG file: ") + tjGetErrorStr2(decoder.get()));
  };
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colors = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling,
                          &colors) != 0) {
    return damaged();
  }
  if (colors == TJCS_CMYK || colors == TJCS_YCCK) {
    return file_error(path, "is a JPEG file in the colours of a printer (CMYK); save it in RGB");
  }
  if (is_too_large(width, height)) {
    return file_error(path, "is too large an image: " + sides(width, height));
  }
  Image image = blank(channels, height, width);
  const int format = channels == 1 ? TJPF_GRAY : TJPF_RGB;
  // A file that breaks off is a warning of the library's, with gray in the place of the rest.
  if (tjDecompress2(decoder.get(), data, bytes.size(), image.pixels.data(), width, 0, height,
                    format, TJFLAG_STOPONWARNING | TJFLAG_ACCURATEDCT) != 0) {
    return damaged();
  }
  return image;
}

// What the elements of a scaled row are made of: weights that sum to 1.
struct Taps {
  int64_t first = 0;
  std::vector<float> weights;
};

// `offset` elements of the scaled row are cut off before the first that is wanted.
std::vector<Taps> taps(int64_t from, double scale, double offset, int64_t to) {
  const double step = 1 / scale;             // elements of the source for one of the result
  const double reach = std::max(1.0, step);  // of the triangle around the middle
  std::vector<Taps> all(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double middle = (static_cast<double>(i) + offset + 0.5) * step;
    Taps& each = all[static_cast<size_t>(i)];
    const auto begin = static_cast<int64_t>(std::floor(middle - reach));
    const auto end = static_cast<int64_t>(std::ceil(middle + reach));
    each.first = std::clamp<int64_t>(begin, 0, from - 1);
    double sum = 0;
    for (int64_t k = each.first; k < std::clamp<int64_t>(end, each.first + 1, from); ++k) {
      const double distance = std::abs(static_cast<double>(k) + 0.5 - middle);
      const double weight = std::max(0.0, 1 - distance / reach);
      each.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    if (sum <= 0) {
      each.weights = {1};
      sum = 1;
    }
    for (float& weight : each.weights) weight = static_cast<float>(weight / sum);
  }
  return all;
}

}  // namespace

bool has_image_ending(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  std::string ending(name.substr(dot + 1));
  for (char& ch : ending) ch = static_cast<char>(ch >= 'A' && ch <= 'Z' ? ch - 'A' + 'a' : ch);
  return ending == "png" || ending == "jpg" || ending == "jpeg";
}

Result<Image> decode_image(std::string_view bytes, int64_t channels, const std::string& path) {
  CNNC_CHECK(channels == 1 || channels == 3, "images have 1 or 3 channels");
  if (bytes.substr(0, kPngStart.size()) == kPngStart) return decode_png(bytes, channels, path);
  if (bytes.substr(0, kJpegStart.size()) == kJpegStart) return decode_jpeg(bytes, channels, path);
  return file_error(path, "is neither a PNG nor a JPEG file");
}

Result<Image> read_image(const std::string& path, int64_t channels) {
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.diagnostics();
  return decode_image(*bytes, channels, path);
}

Image scaled_to_cover(const Image& image, int64_t height, int64_t width) {
  if (image.height == height && image.width == width) return image;
  const auto from_height = static_cast<double>(image.height);
  const auto from_width = static_cast<double>(image.width);
  const double scale =
      std::max(static_cast<double>(height) / from_height, static_cast<double>(width) / from_width);
  const std::vector<Taps> rows =
      taps(image.height, scale, (from_height * scale - static_cast<double>(height)) / 2, height);
  const std::vector<Taps> columns =
      taps(image.width, scale, (from_width * scale - static_cast<double>(width)) / 2, width);

  Image result = blank(image.channels, height, width);
  std::vector<float> row(static_cast<size_t>(image.width * image.channels));
  for (int64_t y = 0; y < height; ++y) {
    const Taps& down = rows[static_cast<size_t>(y)];
    std::fill(row.begin(), row.end(), 0.0F);
    for (size_t k = 0; k < down.weights.size(); ++k) {
      const uint8_t* source = image.pixels.data() +
                              (down.first + static_cast<int64_t>(k)) * image.width * image.channels;
      for (size_t i = 0; i < row.size(); ++i) row[i] += down.weights[k] * source[i];
    }
    uint8_t* out = result.pixels.data() + y * width * image.channels;
    for (int64_t x = 0; x < width; ++x) {
      const Taps& across = columns[static_cast<size_t>(x)];
      for (int64_t c = 0; c < image.channels; ++c) {
        float sum = 0;
        for (size_t k = 0; k < across.weights.size(); ++k) {
          sum += across.weights[k] *
                 row[static_cast<size_t>((across.first + static_cast<int64_t>(k)) * image.channels +
                                         c)];
        }
        *out++ = static_cast<uint8_t>(std::lround(std::clamp(sum, 0.0F, 255.0F)));
      }
    }
  }
  return result;
}

}  // namespace cnnc
