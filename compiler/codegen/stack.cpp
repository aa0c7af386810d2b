// Tested by tests/e2e/memory_test.cpp, which paints a thread's stack.
#include "compiler/codegen/stack.h"

#include <algorithm>

#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/Casting.h>
#include <llvm/TargetParser/Triple.h>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

// What a frame may take beside its size: the return address and the frame pointer, what is lost to
// the alignment of vectors, and the red zone of a function that calls nothing.
constexpr int64_t kFrameOverhead = 256;
// What functions of the C library, the runtime's loops and, with an operating system, the dynamic
// linker's look-up of a function at its first call may take.
constexpr int64_t kHosted = 8192;
constexpr int64_t kFreestanding = 1024;

}  // namespace

void StackUse::prepare(llvm::Module& module) {
  const llvm::Triple triple(module.getTargetTriple());
  others_ = triple.getOS() == llvm::Triple::UnknownOS ? kFreestanding : kHosted;
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    Function& noted = functions_[function.getName().str()];
    noted.is_external = !function.hasLocalLinkage();
    function.addFnAttr("warn-stack-size", "0");
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      const auto* memory = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
      CNNC_CHECK(!memory || memory->isStaticAlloca(),
                 function.getName().str() + " has a frame of no fixed size");
      for (const llvm::Use& operand : instruction.operands()) {
        const auto* callee = llvm::dyn_cast<llvm::Function>(operand->stripPointerCasts());
        if (callee && !callee->isDeclaration()) noted.callees.insert(callee->getName().str());
      }
    }
  }
}

bool StackUse::take(const llvm::DiagnosticInfo& info) {
  const auto* size = llvm::dyn_cast<llvm::DiagnosticInfoStackSize>(&info);
  if (!size) return false;
  functions_[size->getFunction().getName().str()].frame =
      static_cast<int64_t>(size->getStackSize());
  return true;
}

int64_t StackUse::bound() const {
  std::map<std::string, int64_t> depth;
  std::set<std::string> open;
  const auto visit = [&](const std::string& name, const auto& self) -> int64_t {
    const auto known = depth.find(name);
    if (known != depth.end()) return known->second;
    CNNC_CHECK(open.insert(name).second, name + " calls itself");
    const Function& function = functions_.at(name);
    int64_t deepest = 0;
    for (const std::string& callee : function.callees) {
      deepest = std::max(deepest, self(callee, self));
    }
    return depth[name] = function.frame + kFrameOverhead + deepest;
  };
  int64_t most = 0;
  for (const auto& [name, function] : functions_) {
    if (function.is_external) most = std::max(most, visit(name, visit));
  }
  constexpr int64_t kUnit = 64;
  return (most + others_ + kUnit - 1) / kUnit * kUnit;
}

}  // namespace cnnc
