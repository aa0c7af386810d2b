// Images from PNG and JPEG files.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace cnnc {

struct Image {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> pixels;  // [height, width, channels]
};

// Whether a name ends as those of image files do: .png, .jpg or .jpeg, in any case.
[[nodiscard]] bool has_image_ending(std::string_view name);

// The image as gray (channels = 1) or as red, green, blue (3), eight bits each. What is transparent
// lies on black. The format is told by the first bytes, not by the name.
Result<Image> read_image(const std::string& path, int64_t channels);
Result<Image> decode_image(std::string_view bytes, int64_t channels, const std::string& path);

// Scales so that the image covers height x width and cuts that out of its middle. Where it becomes
// smaller, each pixel is the mean of those that it covers; else it is between its neighbours.
[[nodiscard]] Image scaled_to_cover(const Image& image, int64_t height, int64_t width);

}  // namespace cnnc
