// Descriptions of small networks, drawn at random: DAGs of convolutions, pools, residuals and
// linear layers, with a loss and an optimizer.
#pragma once
#include <cstdint>
#include <random>
#include <string>

namespace cnnc::test {

struct RandomNetwork {
  std::string json;
  int64_t classes = 0;
  int64_t batch = 0;
  double weight_decay = 0;
};

[[nodiscard]] RandomNetwork random_network(std::mt19937& random);

}  // namespace cnnc::test
