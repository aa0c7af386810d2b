// Which schedule each kernel of a network gets, with what it reaches on this machine.
#pragma once
#include <cstdint>
#include <string>

#include "cnnc/cnnc.h"
#include "compiler/support/result.h"

namespace cnnc {

struct ExplainOptions {
  bool training = false;  // of a training step, not of inference
  bool measure = false;   // times every kernel on one thread; the target must run here
};

// The text of explain() (compiler/driver/explain.h); with a measurement, the machine's peak in the
// same run as the last line.
Result<std::string> explain_model(const Model& model, const CompileOptions& compilation,
                                  const ExplainOptions& options);

}  // namespace cnnc
