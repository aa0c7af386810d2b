// Image files for tests, written with the libraries that also read them.
#pragma once
#include <png.h>
#include <turbojpeg.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace cnnc::test {

// `channels` of 1: gray, 2: gray and opacity, 3: RGB, 4: RGBA.
inline std::string png_bytes(int64_t width, int64_t height, int64_t channels,
                             const std::vector<uint8_t>& pixels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  constexpr png_uint_32 kFormats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                      PNG_FORMAT_RGBA};
  png.format = kFormats[channels - 1];
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&png, nullptr, &size, 0, pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(png.message);
  }
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&png, bytes.data(), &size, 0, pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(png.message);
  }
  return bytes.substr(0, size);
}

// RGB, or four channels as printers have them.
inline std::string jpeg_bytes(int width, int height, int channels,
                              const std::vector<uint8_t>& pixels) {
  void* encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const int code =
      tjCompress2(encoder, pixels.data(), width, 0, height, channels == 4 ? TJPF_CMYK : TJPF_RGB,
                  &bytes, &size, TJSAMP_444, 98, TJFLAG_ACCURATEDCT);
  std::string result(reinterpret_cast<const char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(encoder);
  if (code != 0) throw std::runtime_error("tjCompress2");
  return result;
}

}  // namespace cnnc::test
