// A data set, checked against the network that is trained on it, and how its images are changed.
#pragma once
#include <string>

#include "cnnc/cnnc.h"
#include "tools/data/augmentation.h"
#include "tools/data/image_set.h"

namespace cnnc::cli {

struct TrainingData {
  ImageSet train;
  ImageSet test;
  Augmentation augmentation;  // of training images, as the description says
};

// The images have the shape of the network's input, or as many pixels as its features; the labels
// are among its outputs. `where` is what load_data_set takes.
[[nodiscard]] Result<TrainingData> load_training_data(const std::string& where, const Model& model);

}  // namespace cnnc::cli
