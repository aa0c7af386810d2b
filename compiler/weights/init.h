// Initial weights, equal bit for bit to those that PyTorch draws.
//
// torch.manual_seed(seed) followed by the construction of nn.Conv2d and nn.Linear modules is
// reproduced by one InitGenerator(seed) and, for each module in order, uniform_() over the weight
// with weight_init_bound(fan_in), then over the bias, where there is one, with
// bias_init_bound(fan_in). fan_in is Cin/groups * KH * KW, or the number of input features.
#pragma once
#include <cstdint>

#include "cnnc_training.h"
#include "compiler/graph/op.h"

namespace cnnc {

class InitGenerator {
 public:
  explicit InitGenerator(uint64_t seed) { cnnc_random_seed(&random_, seed); }

  uint32_t draw() { return cnnc_random_draw(&random_); }
  [[nodiscard]] cnnc_random* get() { return &random_; }

 private:
  cnnc_random random_;
};

// Fills out[0..n) with floats from [lo, hi), one draw each: 24 bits, scaled in double. The name is
// PyTorch's.
void uniform_(InitGenerator& generator, float lo, float hi, float* out, int64_t n);  // NOLINT

// The bounds of the default initialisation, values being drawn from [-bound, bound). fan_in > 0.
[[nodiscard]] float weight_init_bound(int64_t fan_in);
[[nodiscard]] float bias_init_bound(int64_t fan_in);
// ... of a parameter; 0 where it begins with a value that is not drawn.
[[nodiscard]] float init_bound(const ParameterSpec& parameter);

}  // namespace cnnc
