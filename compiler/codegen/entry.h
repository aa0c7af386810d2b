// Entry functions, built with IRBuilder: check the arguments, then call the kernels in order.
#pragma once
#include <vector>

#include "compiler/codegen/program.h"

namespace llvm {
class Function;
class GlobalVariable;
class Module;
}  // namespace llvm

namespace cnnc {

// What entries refer to, by the indices of the Program; null where no entry does.
struct EntryParts {
  std::vector<llvm::Function*> kernels;
  std::vector<llvm::GlobalVariable*> constants;
};

// Adds one entry to the module. Its code is for the CPU that the kernels are for.
void add_entry(llvm::Module& module, const Program& program, const Entry& entry,
               const EntryParts& parts);

}  // namespace cnnc
