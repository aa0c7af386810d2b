#include "tests/e2e/instrument.h"

#include <memory>
#include <stdexcept>

#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Transforms/Instrumentation/ThreadSanitizer.h>

#include "compiler/codegen/object.h"

namespace cnnc::test {

std::string instrumented_object(const std::string& llvm_text) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  const std::unique_ptr<llvm::Module> module =
      llvm::parseAssemblyString(llvm_text, problem, context);
  if (!module) throw std::runtime_error("no module: " + problem.getMessage().str());
  ObjectTarget target;
  for (llvm::Function& function : *module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr(llvm::Attribute::SanitizeThread);
    target.cpu = function.getFnAttribute("target-cpu").getValueAsString().str();
    target.features = function.getFnAttribute("target-features").getValueAsString().str();
  }
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);
  llvm::ModulePassManager passes;
  passes.addPass(llvm::ModuleThreadSanitizerPass());
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(llvm::ThreadSanitizerPass()));
  passes.run(*module, modules);
  const Result<std::string> bytes = emit_module(*module, target, Emit::object);
  if (!bytes) throw std::runtime_error(render(bytes.diagnostics()));
  return *bytes;
}

}  // namespace cnnc::test
