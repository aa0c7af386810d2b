// From an LLVM module to text, assembly or an object file's bytes, and what an object asks of
// others.
#pragma once
#include <string>
#include <vector>

#include "compiler/codegen/program.h"
#include "compiler/support/result.h"

namespace llvm {
class Module;
}

namespace cnnc {

// How the back end is set up for a module. Empty fields are the back end's defaults.
struct ObjectTarget {
  std::string cpu;
  std::string features;  // "+avx2,+fma"
  std::string abi;       // "lp64d"
};

// Position-independent code in the small code model. A target that LLVM has no code generator for
// is an error. The module is spent afterwards.
Result<std::string> emit_module(llvm::Module& module, const ObjectTarget& target, Emit kind);

// The C names of the symbols that an object needs from elsewhere, sorted. Empty if the bytes are no
// object.
[[nodiscard]] std::vector<std::string> undefined_symbols(const std::string& object);

// A function of libc or libm that kernels may call, and where it is in this process.
struct LibraryFunction {
  const char* name;
  void* address;
};

// All of them.
[[nodiscard]] std::vector<LibraryFunction> library_functions();
// The symbols that an object may need from elsewhere: cnnc_parallel_for, cnnc_abi_version,
// cnnc_kernel_check_failed, the library functions, and the few that linkers define or tool chains
// bring along.
[[nodiscard]] bool may_stay_undefined(const std::string& symbol);

// Makes LLVM's back ends known, once.
void initialize_llvm();

}  // namespace cnnc
