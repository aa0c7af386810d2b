// The target of kernels as the options of a compilation want it.
#pragma once
#include "cnnc/cnnc.h"
#include "compiler/codegen/kernel.h"
#include "compiler/frontend/model.h"

namespace cnnc {

Result<KernelTarget> compile_target(const CompileOptions& options, const ModelDescription& model);

}  // namespace cnnc
