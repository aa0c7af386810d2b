// LeakyReLU, ELU, CELU, SELU and their gradients.
#include "tests/ops/functions.h"

namespace cnnc {

TEST_CASE("activations that bend at zero and their gradients", "[rectifiers]") {
  check_activation("LeakyReLU", {}, From::output);
  check_activation("LeakyReLU", attrs_of({{"negative_slope", 0.0}}), From::output);
  check_activation("LeakyReLU", attrs_of({{"negative_slope", -0.5}}), From::input);
  check_activation("ELU", {}, From::input);
  check_activation("ELU", attrs_of({{"alpha", -0.5}}), From::input);
  check_activation("CELU", attrs_of({{"alpha", 0.25}}), From::input);
  check_activation("CELU", attrs_of({{"alpha", 3.0}}), From::input);
  check_activation("SELU", {}, From::input);
}

TEST_CASE("activations that bend at zero give PyTorch's numbers", "[rectifiers]") {
  const auto value = [](const char* op, const Attrs& attrs, double x) {
    return run_compiled(op, attrs, {tensor({1}, {x})})[0].data[0];
  };
  CHECK(value("LeakyReLU", {}, -2) == Approx(-0.02).epsilon(1e-6));
  CHECK(value("ELU", {}, -1) == Approx(-0.632121).epsilon(1e-6));
  CHECK(value("CELU", attrs_of({{"alpha", 2.0}}), -2) == Approx(-1.264241).epsilon(1e-6));
  CHECK(value("SELU", {}, -1) == Approx(-1.111331).epsilon(1e-6));
}

}  // namespace cnnc
