// Shrunken copies of the networks in models/, and what PyTorch computes for them.
//
// tests/models/record.py has recorded <name>.values.json, and says what stands in it. A copy is
// made from the description in models/ itself: its channels divided by a number, smaller images,
// fewer classes, no dropout. Weights, pixels and labels follow from their names, here and there
// alike.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cnnc/cnnc.h"
#include "compiler/weights/safetensors.h"

namespace cnnc::test {

// The networks.
inline const std::vector<std::string> kNetworks = {
    "lenet5", "mnist_cnn", "cifar_vgg", "resnet20", "resnet18", "mobilenet_v2", "unet"};

// What a step adds to a tensor.
struct Added {
  double norm = 0;
  double product = 0;  // with direction()
};

struct Recorded {
  int64_t parameters = 0;       // numbers that the original learns
  int64_t evaluated = 0;        // the first images of the batch, and in evaluation
  std::vector<double> outputs;  // their outputs: all, or some that are spread evenly
  double loss = 0;              // of the batch in training, before the step
  std::map<std::string, Added> step;
};

struct Shrunken {
  Model model;
  TensorFile weights;
  std::vector<float> images;  // one batch
  std::vector<int32_t> labels;
  Recorded recorded;
};

// The copy of models/<name>.json.
[[nodiscard]] Shrunken shrunken(const std::string& name);

// Multiples of 2^-24 in [0, 1) that follow from the name.
[[nodiscard]] std::vector<double> uniform(const std::string& name, int64_t count);
// A vector for that tensor, with elements in [-1, 1).
[[nodiscard]] std::vector<double> direction(const std::string& name, int64_t count);

[[nodiscard]] double product(const std::vector<double>& a, const std::vector<double>& b);
[[nodiscard]] inline double squared_norm(const std::vector<double>& a) { return product(a, a); }

}  // namespace cnnc::test
