// Which schedule each kernel got, and why; for people.
#pragma once
#include <string>
#include <vector>

#include "compiler/driver/blueprint.h"

namespace cnnc {

// What was measured of a kernel call.
struct Measured {
  double ms = 0;
  double of_peak = 0;  // share of the machine's FMA peak
};

// A block of lines per kernel: its shape, its schedule with the params, why, its work, and the
// share of the FMA peak that the rule's model predicts ("-": no model) and that was measured. Equal
// kernels are told once, with the times of all their calls. `measured` is parallel to `calls`, or
// empty.
[[nodiscard]] std::string explain(const std::vector<Blueprint::Call>& calls,
                                  const std::vector<Measured>& measured = {});

}  // namespace cnnc
