// The compiled network beside plain loops, kernel by kernel: which is the first whose values
// differ?
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cnnc/cnnc.h"
#include "compiler/graph/types.h"
#include "compiler/weights/safetensors.h"

namespace cnnc {

struct CompareOptions {
  std::string target = "host";  // a target that this machine runs
  bool winograd = true;         // allows Winograd's algorithm, if the description does, too
  int threads = 0;              // that compile; 0: one per processor
  bool use_cache = true;        // of objects, on disk
  // The greatest error that is no difference, relative to the greatest magnitude of all elements
  // of the value.
  double tolerance = 1e-4;
};

// A value that the compiled network left in memory, and what plain loops make of it.
struct ComparedValue {
  std::string kernel;               // that computed it: "conv1_relu1_pool1"
  std::vector<std::string> layers;  // that the kernel computes, in order
  std::string name;                 // of the value
  Shape shape;
  double magnitude = 0;        // the greatest of the plain loops' elements
  double error = 0;            // the greatest distance of two elements; infinite where one is NaN
  std::vector<int64_t> where;  // the element with that distance
  double found = 0;            // what the compiled network has there
  double expected = 0;         // what the plain loops have there
  bool differs = false;
};

struct Comparison {
  std::vector<ComparedValue> values;  // in the order in which they are computed
  std::vector<double> output;         // the compiled network's
  std::vector<double> expected;       // what plain loops make of the description as it is written
  Shape output_shape;

  // The first value that differs, or null. What follows it is computed from wrong numbers.
  [[nodiscard]] const ComparedValue* first_difference() const;
};

// Runs the network with `weights` on `images`, f32[batch, ...] in row-major order, and plain loops
// in double with `reference_weights`, which usually are the same. Fails where the images are no
// batch of the network's inputs, and as compile() fails.
Result<Comparison> compare(const Model& model, const TensorFile& weights,
                           const TensorFile& reference_weights, const std::vector<float>& images,
                           const CompareOptions& options);

// The greatest distance of elements of two lists of the same length, and where it is; infinite
// where exactly one is NaN.
struct Distance {
  double error = 0;
  int64_t index = 0;
  double magnitude = 0;  // of the greatest element of `expected`
};
[[nodiscard]] Distance distance_of(const std::vector<double>& found,
                                   const std::vector<double>& expected);

}  // namespace cnnc
