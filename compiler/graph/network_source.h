// A network that is not described layer by layer, but comes with its weights from a file of another
// format.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace cnnc {

struct SourcedNetwork {
  Graph graph;  // of one input and one output, for inference
  // The row-major elements of each parameter, by name.
  std::map<std::string, std::shared_ptr<const std::vector<float>>> parameters;
};

class NetworkSource {
 public:
  virtual ~NetworkSource() = default;
  // The number of images that it computes at a time; 0: any.
  [[nodiscard]] virtual int64_t fixed_batch() const = 0;
  [[nodiscard]] virtual Result<SourcedNetwork> network(int64_t batch) const = 0;
};

}  // namespace cnnc
