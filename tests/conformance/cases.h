// The cases of ONNX's backend suite, as the PyPI package onnx carries them.
#pragma once
#include <string>
#include <vector>

namespace cnnc::test {

struct ConformanceCase {
  std::string suite;         // "node", "pytorch-converted", "pytorch-operator", "simple", "models"
  std::string name;          // of its folder, or of the network
  std::string model;         // path
  std::string folder;        // of input_0.pb, output_0.pb; empty: the inputs are generated
  std::string expected;      // of a network: the path of its output
  std::string subject;       // the operator that it is about
  std::string expansion_of;  // the case whose operator is written out in others
  double rtol = 1e-3;
  double atol = 1e-7;
};

// Sorted by suite and name.
[[nodiscard]] std::vector<ConformanceCase> conformance_cases(const std::string& data);

}  // namespace cnnc::test
