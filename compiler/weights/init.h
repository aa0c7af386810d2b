// Initial weights, equal bit for bit to those that PyTorch draws.
//
// torch.manual_seed(seed) followed by the construction of nn.Conv2d and nn.Linear modules is
// reproduced by one InitGenerator(seed) and, for each module in order, uniform_() over the weight
// with weight_init_bound(fan_in), then over the bias, where there is one, with
// bias_init_bound(fan_in). fan_in is Cin/groups * KH * KW, or the number of input features.
#pragma once
#include <cstdint>
#include <random>

namespace cnnc {

class InitGenerator {
 public:
  // PyTorch seeds its Mersenne Twister with the low 32 bits.
  explicit InitGenerator(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

  uint32_t draw() { return static_cast<uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

// Fills out[0..n) with floats from [lo, hi), one draw each: 24 bits, scaled in double. The name is
// PyTorch's.
void uniform_(InitGenerator& generator, float lo, float hi, float* out, int64_t n);  // NOLINT

// The bounds of the default initialisation, values being drawn from [-bound, bound). fan_in > 0.
[[nodiscard]] float weight_init_bound(int64_t fan_in);
[[nodiscard]] float bias_init_bound(int64_t fan_in);

}  // namespace cnnc
