// The two halves of a data set, checked against the network that is trained on them.
#pragma once
#include <string>

#include "cnnc/cnnc.h"
#include "tools/data/idx.h"

namespace cnnc::cli {

struct TrainingData {
  ImageSet train;
  ImageSet test;
};

// The images have the shape of the network's input, or as many pixels as its features; the labels
// are among its outputs.
[[nodiscard]] Result<TrainingData> load_training_data(const std::string& folder,
                                                      const Model& model);

}  // namespace cnnc::cli
