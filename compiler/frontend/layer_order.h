// An order in which layers can run.
#pragma once
#include <cstddef>
#include <vector>

namespace cnnc {

struct LayerOrder {
  std::vector<size_t> order;  // every layer after those that it reads; otherwise as listed
  std::vector<size_t> cycle;  // where there is no such order: layers of which each reads the next,
                              // and the last the first
};

// reads[i]: the layers that layer i reads.
[[nodiscard]] LayerOrder order_layers(const std::vector<std::vector<size_t>>& reads);

}  // namespace cnnc
