// GELU, GELUGrad.
#include "tests/ops/functions.h"

namespace cnnc {

TEST_CASE("GELU and its gradient", "[gelu]") {
  check_activation("GELU", {}, From::input);
  check_activation("GELU", attrs_of({{"approximate", std::string("tanh")}}), From::input);
}

TEST_CASE("GELU gives PyTorch's numbers", "[gelu]") {
  const auto value = [](const char* approximate, double x) {
    const Attrs attrs = attrs_of({{"approximate", std::string(approximate)}});
    return run_compiled("GELU", attrs, {tensor({1}, {x})})[0].data[0];
  };
  CHECK(value("none", 1) == Approx(0.841345).epsilon(1e-6));
  CHECK(value("tanh", 1) == Approx(0.841192).epsilon(1e-6));
  CHECK(value("none", -2) == Approx(-0.0455003).epsilon(1e-5));
}

}  // namespace cnnc
