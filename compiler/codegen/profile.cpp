// Tested by tests/e2e/profile_test.cpp.
#include "compiler/codegen/profile.h"

#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Module.h>

namespace cnnc {
namespace {

// The fields of cnnc_context in cnnc_runtime.h; the data layout gives them their places.
constexpr unsigned kKernelHook = 4;

llvm::StructType* context_type(llvm::LLVMContext& context) {
  llvm::Type* number = llvm::Type::getInt32Ty(context);
  llvm::Type* pointer = llvm::PointerType::get(context, 0);
  return llvm::StructType::get(context, {number, number, pointer, pointer, pointer, pointer});
}

// void(context, kernel, step, ends): asks for the hook and calls it.
llvm::Function* teller(llvm::Module& module, const llvm::Function& caller) {
  constexpr const char* kName = "cnnc.tell";
  if (llvm::Function* known = module.getFunction(kName)) return known;
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> builder(context);
  auto* type = llvm::FunctionType::get(
      builder.getVoidTy(),
      {builder.getPtrTy(), builder.getPtrTy(), builder.getInt32Ty(), builder.getInt32Ty()}, false);
  auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, kName, module);
  function->setDoesNotThrow();
  for (const char* name : {"target-cpu", "target-features", "tune-cpu"}) {
    if (caller.hasFnAttribute(name)) function->addFnAttr(caller.getFnAttribute(name));
  }
  auto* entry = llvm::BasicBlock::Create(context, "entry", function);
  auto* given = llvm::BasicBlock::Create(context, "given", function);
  auto* call = llvm::BasicBlock::Create(context, "call", function);
  auto* done = llvm::BasicBlock::Create(context, "done", function);
  llvm::Value* lent = function->getArg(0);
  builder.SetInsertPoint(entry);
  builder.CreateCondBr(builder.CreateIsNull(lent), done, given);
  builder.SetInsertPoint(given);
  llvm::Value* hook = builder.CreateLoad(
      builder.getPtrTy(), builder.CreateStructGEP(context_type(context), lent, kKernelHook));
  builder.CreateCondBr(builder.CreateIsNull(hook), done, call);
  builder.SetInsertPoint(call);
  builder.CreateCall(type, hook,
                     {lent, function->getArg(1), function->getArg(2), function->getArg(3)});
  builder.CreateBr(done);
  builder.SetInsertPoint(done);
  builder.CreateRetVoid();
  return function;
}

}  // namespace

void add_kernel_hook(llvm::IRBuilder<>& builder, llvm::Value* context, const std::string& kernel,
                     int step, KernelMoment moment) {
  llvm::Function* caller = builder.GetInsertBlock()->getParent();
  llvm::Module& module = *caller->getParent();
  const std::string name = "name." + kernel;
  llvm::GlobalVariable* text = module.getNamedGlobal(name);
  if (!text) text = builder.CreateGlobalString(kernel, name);
  builder.CreateCall(teller(module, *caller),
                     {context, text, builder.getInt32(static_cast<uint32_t>(step)),
                      builder.getInt32(moment == KernelMoment::ends ? 1 : 0)});
}

}  // namespace cnnc
