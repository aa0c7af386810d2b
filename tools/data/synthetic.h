// A data set that is drawn, not read: shapes of random size, place, colour and background.
//
// The class of an image is the shape in it: disk, square, triangle, cross, ring and so on. Beyond
// kShapes classes, there are two shapes side by side, and the class is the pair. Where each pixel
// has a label, it is 0 for the background, else the shape's number from 1. Every image depends on
// the seed, its half and its number alone.
#pragma once
#include <string>

#include "tools/data/image_set.h"

namespace cnnc {

inline constexpr int64_t kShapes = 10;

struct Synthetic {
  int64_t train = 2000;
  int64_t test = 500;
  int64_t classes = 0;  // 0: as many as the network has outputs
  double noise = 0.1;   // standard deviation of what is added to each pixel, of the range 0 to 1
  uint64_t seed = 0;
};

// What stands behind "synthetic:" for --data: "train=5000,test=1000,classes=10,noise=0.2,seed=7".
Result<Synthetic> parse_synthetic(const std::string& text);

Result<DataSet> draw_synthetic(const Synthetic& options, const NetworkShape& network);

}  // namespace cnnc
