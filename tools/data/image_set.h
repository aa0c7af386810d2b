// Labelled images, whole in memory: what every kind of data set becomes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace cnnc {

struct ImageSet {
  int64_t count = 0;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> pixels;  // [count, channels, height, width], row-major
  std::vector<float> values;    // the same as floats: one of the two is empty
  std::vector<int32_t> labels;  // [count, label_size]; a data set may have none
  int64_t label_size = 1;       // height * width: a label for each pixel

  [[nodiscard]] int64_t image_size() const { return channels * height * width; }
};

enum class Split { train, test };

// The two halves of a data set.
struct DataSet {
  ImageSet train;
  ImageSet test;
  std::vector<std::string> classes;  // their names, where the data set has any
};

// What a network takes: some kinds of data sets fit themselves to it.
struct NetworkShape {
  Shape input;          // [C, H, W] or [F]
  int64_t outputs = 0;  // classes
  int64_t label_size = 1;
};

}  // namespace cnnc
