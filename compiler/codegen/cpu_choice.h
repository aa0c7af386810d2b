// The choice between versions of the code by what the processor can do, as code.
#pragma once
#include <string>
#include <vector>

namespace llvm {
class Function;
class Module;
}  // namespace llvm

namespace cnnc {

// LLVM's names of what code is compiled for.
struct CpuNeeds {
  std::string cpu;            // "x86-64-v3"
  std::string features;       // "+avx2,+fma"
  unsigned vector_bytes = 0;  // of RISC-V's vectors, which code is compiled for; 0: none
};

// Adds an internal function `name`, int32_t(void), that returns the index of the first version that
// the processor and its operating system can run, or -1. It asks once and keeps the answer in a
// variable. On RISC-V, whose code is right for vectors of one length only, it asks for that length.
// Null where there is nothing to ask: on other processors, and where the only version needs no more
// than baseline_cpu().
llvm::Function* add_cpu_choice(llvm::Module& module, const std::string& name,
                               const std::vector<CpuNeeds>& versions);

// The least processor of the module's architecture, on which code outside of kernels must run: an
// LLVM name, or empty where that is the kernels' own.
[[nodiscard]] std::string baseline_cpu(const llvm::Module& module);

}  // namespace cnnc
