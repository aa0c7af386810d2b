// An ONNX model as a network: one input and one output, which are batches of images.
#pragma once
#include <memory>
#include <string>

#include "compiler/graph/network_source.h"

namespace cnnc {

struct OnnxNetwork {
  std::shared_ptr<const NetworkSource> source;
  Shape input_shape;  // without the batch
  std::string output;
};

[[nodiscard]] Result<OnnxNetwork> load_onnx_network(const std::string& path);

}  // namespace cnnc
