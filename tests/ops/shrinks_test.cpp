// Hardshrink, Softshrink, Tanhshrink, Softsign and their gradients.
#include "tests/ops/functions.h"

namespace cnnc {

TEST_CASE("activations that shrink and their gradients", "[shrinks]") {
  check_activation("Hardshrink", {}, From::output, 0);
  check_activation("Hardshrink", attrs_of({{"lambd", 0.0}}), From::output, 0);
  check_activation("Softshrink", {}, From::output, 1e-7);
  check_activation("Softshrink", attrs_of({{"lambd", 2.0}}), From::output, 1e-7);
  check_activation("Tanhshrink", {}, From::input);
  check_activation("Softsign", {}, From::input);
}

}  // namespace cnnc
