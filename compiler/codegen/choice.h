// Which Params a kernel gets.
#pragma once
#include <string>

#include "compiler/codegen/kernel.h"

namespace cnnc {

// For spec.problem: those of the tuned entry if there is one, else the rule's; within the compile
// budget. Sets spec.tuned, and adds to spec.diagnostics.
[[nodiscard]] Params choose_params(const KernelTarget& target, const std::string& kernel,
                                   KernelSpec& spec);

}  // namespace cnnc
