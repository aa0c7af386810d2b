// Entry points: uniform_, weight_init_bound, bias_init_bound. Tested by
// tests/weights/init_test.cpp.
#include "compiler/weights/init.h"

#include <cmath>

#include "compiler/support/check.h"

namespace cnnc {

void uniform_(InitGenerator& generator, float lo, float hi, float* out, int64_t n) {
  cnnc_random_uniform(generator.get(), lo, hi, out, static_cast<uint64_t>(n));
}

float weight_init_bound(int64_t fan_in) {
  CNNC_CHECK(fan_in > 0, "fan_in of a layer without inputs");
  // kaiming_uniform_ with a = sqrt(5): gain = sqrt(2 / (1 + a^2)), where a^2 is just above 5.
  const double slope = std::sqrt(5.0);
  const double gain = std::sqrt(2.0 / (1.0 + slope * slope));
  return static_cast<float>(std::sqrt(3.0) * (gain / std::sqrt(static_cast<double>(fan_in))));
}

float bias_init_bound(int64_t fan_in) {
  CNNC_CHECK(fan_in > 0, "fan_in of a layer without inputs");
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(fan_in)));
}

float init_bound(const ParameterSpec& parameter) {
  if (parameter.fan_in == 0) return 0;
  return parameter.kaiming ? weight_init_bound(parameter.fan_in)
                           : bias_init_bound(parameter.fan_in);
}

}  // namespace cnnc
