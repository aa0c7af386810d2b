// What objects compiled for a profile do around each kernel.
#pragma once
#include <string>

#include <llvm/IR/IRBuilder.h>

namespace llvm {
class Value;
}

namespace cnnc {

enum class KernelMoment { begins, ends };

// Adds a call of the context's kernel hook, if there is a context with one. The code goes on where
// the builder stood. `kernel` is what the hook is told, `step` the position in the entry.
void add_kernel_hook(llvm::IRBuilder<>& builder, llvm::Value* context, const std::string& kernel,
                     int step, KernelMoment moment);

}  // namespace cnnc
