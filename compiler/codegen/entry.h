// Entry functions, built with IRBuilder: check the arguments, choose the code, call the kernels.
//
// What is outside of kernels is compiled for the least processor of the architecture, so that it
// can tell a processor that is too small for the kernels.
#pragma once
#include <string>
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
  // int32_t(void): the version for this processor, or -1. Null: version 0 runs everywhere.
  llvm::Function* cpu_choice = nullptr;
  std::string baseline_cpu;  // of code outside of kernels; empty: the kernels'
};

// Adds one entry to the module, with its bodies.
void add_entry(llvm::Module& module, const Program& program, const Entry& entry,
               const EntryParts& parts);

// Adds an internal function, int32_t(const cnnc_context*, void* parameter...), that calls the
// kernels of one body. Checks nothing at run time.
llvm::Function* add_body(llvm::Module& module, const Program& program, const Entry& entry,
                         const EntryBody& body, const EntryParts& parts, const std::string& name);

// Compiles a function for what code outside of kernels may use.
void copy_processor(const EntryParts& parts, llvm::Function& function);

// Bytes behind a parameter in a body for so many images.
[[nodiscard]] int64_t bytes_of(const EntryParameter& parameter, int64_t images);

}  // namespace cnnc
