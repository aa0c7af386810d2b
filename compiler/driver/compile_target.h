// The targets of kernels as the options of a compilation want them.
#pragma once
#include <vector>

#include "cnnc/cnnc.h"
#include "compiler/codegen/kernel.h"
#include "compiler/frontend/model.h"

namespace cnnc {

// The best first.
Result<std::vector<KernelTarget>> compile_targets(const CompileOptions& options,
                                                  const ModelDescription& model);

}  // namespace cnnc
