#include "compiler/codegen/object.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/CodeGen.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/MemoryBufferRef.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Target/TargetOptions.h>
#include <llvm/TargetParser/Triple.h>

namespace cnnc {
namespace {

using Unary = double(double);
using Binary = double(double, double);

// What compiled networks call of the runtime.
constexpr const char* kRuntimeSymbols[] = {"cnnc_abi_version", "cnnc_kernel_check_failed",
                                           "cnnc_parallel_for"};

// What linkers define, what tool chains mark objects with, what the back ends of 32-bit ARM and of
// Apple's systems call in place of libc's functions, and what touches the pages of a large frame on
// Windows.
constexpr const char* kToolchainSymbols[] = {
    ".TOC.",           "_GLOBAL_OFFSET_TABLE_",
    "__aeabi_memclr",  "__aeabi_memcpy",
    "__aeabi_memmove", "__aeabi_memset",
    "_fltused",        "__indirect_function_table",
    "__stack_pointer", "bzero",
    "__bzero",         "__chkstk",
    "_chkstk",
};

// Whether the C compilers of the object's system put an underscore before every name.
bool has_underscores(const llvm::object::ObjectFile& file) {
  return file.isMachO() || (file.isCOFF() && file.getArch() == llvm::Triple::x86);
}

// `Function` picks one of the overloads that C++ adds to the C functions.
template <class Function>
LibraryFunction library_function(const char* name, Function* function) {
  return {name, reinterpret_cast<void*>(function)};
}

std::unique_ptr<llvm::TargetMachine> make_machine(const llvm::Triple& triple,
                                                  const ObjectTarget& target, Emit kind,
                                                  std::string& failure) {
  initialize_llvm();
  const llvm::Target* back_end = llvm::TargetRegistry::lookupTarget(triple, failure);
  if (!back_end) return nullptr;
  llvm::TargetOptions options;
  options.MCOptions.ABIName = target.abi;
  options.MCOptions.AsmVerbose = kind == Emit::assembly;
  const llvm::Reloc::Model relocation = triple.isWasm() ? llvm::Reloc::Static : llvm::Reloc::PIC_;
  return std::unique_ptr<llvm::TargetMachine>(
      back_end->createTargetMachine(triple, target.cpu, target.features, options, relocation,
                                    llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
}

}  // namespace

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmParsers();
    llvm::InitializeAllAsmPrinters();
  });
}

Result<std::string> emit_module(llvm::Module& module, const ObjectTarget& target, Emit kind) {
  const llvm::Triple triple(module.getTargetTriple());
  std::string failure;
  const std::unique_ptr<llvm::TargetMachine> machine = make_machine(triple, target, kind, failure);
  if (!machine) return error("no code generator for " + triple.str() + ": " + failure);
  CNNC_CHECK(module.getDataLayout() == machine->createDataLayout(),
             "kernels for " + triple.str() + " have a data layout that LLVM " +
                 LLVM_VERSION_STRING + " does not use");
  if (kind == Emit::llvm) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream, nullptr);
    return text;
  }
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  const auto type = kind == Emit::object ? llvm::CodeGenFileType::ObjectFile
                                         : llvm::CodeGenFileType::AssemblyFile;
  const bool refused = machine->addPassesToEmitFile(passes, stream, nullptr, type);
  CNNC_CHECK(!refused, "the back end of " + triple.str() + " cannot write files");
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}

std::vector<std::string> undefined_symbols(const std::string& object) {
  std::vector<std::string> names;
  llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> file =
      llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "object"));
  if (!file) {
    llvm::consumeError(file.takeError());
    return names;
  }
  for (const llvm::object::SymbolRef& symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (flags && name && (*flags & llvm::object::BasicSymbolRef::SF_Undefined) && !name->empty()) {
      if (has_underscores(**file)) name->consume_front("_");
      names.push_back(name->str());
    }
    if (!flags) llvm::consumeError(flags.takeError());
    if (!name) llvm::consumeError(name.takeError());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<LibraryFunction> library_functions() {
  return {
      library_function<void*(void*, const void*, size_t)>("memcpy", &::memcpy),
      library_function<void*(void*, const void*, size_t)>("memmove", &::memmove),
      library_function<void*(void*, int, size_t)>("memset", &::memset),
      library_function("acosf", &::acosf),
      library_function("acoshf", &::acoshf),
      library_function("asinf", &::asinf),
      library_function("asinhf", &::asinhf),
      library_function("atan2f", &::atan2f),
      library_function("atanf", &::atanf),
      library_function("atanhf", &::atanhf),
      library_function("ceilf", &::ceilf),
      library_function("cosf", &::cosf),
      library_function("coshf", &::coshf),
      library_function("erff", &::erff),
      library_function("exp2f", &::exp2f),
      library_function("expf", &::expf),
      library_function("expm1f", &::expm1f),
      library_function("floorf", &::floorf),
      library_function("fmaf", &::fmaf),
      library_function("fmaxf", &::fmaxf),
      library_function("fminf", &::fminf),
      library_function("fmodf", &::fmodf),
      library_function("ldexpf", &::ldexpf),
      library_function("log10f", &::log10f),
      library_function("log1pf", &::log1pf),
      library_function("log2f", &::log2f),
      library_function("logf", &::logf),
      library_function("nearbyintf", &::nearbyintf),
      library_function("powf", &::powf),
      library_function("rintf", &::rintf),
      library_function("roundevenf", &::roundevenf),
      library_function("roundf", &::roundf),
      library_function("sincosf", &::sincosf),
      library_function("sinf", &::sinf),
      library_function("sinhf", &::sinhf),
      library_function("sqrtf", &::sqrtf),
      library_function("tanf", &::tanf),
      library_function("tanhf", &::tanhf),
      library_function("truncf", &::truncf),
      library_function<Unary>("ceil", &::ceil),
      library_function<Unary>("cos", &::cos),
      library_function<Unary>("exp", &::exp),
      library_function<Unary>("floor", &::floor),
      library_function<double(double, double, double)>("fma", &::fma),
      library_function<Binary>("fmax", &::fmax),
      library_function<Binary>("fmin", &::fmin),
      library_function<Binary>("fmod", &::fmod),
      library_function<double(double, int)>("ldexp", &::ldexp),
      library_function<Unary>("log", &::log),
      library_function<Unary>("nearbyint", &::nearbyint),
      library_function<Binary>("pow", &::pow),
      library_function<Unary>("rint", &::rint),
      library_function<Unary>("round", &::round),
      library_function<Unary>("roundeven", &::roundeven),
      library_function<Unary>("sin", &::sin),
      library_function<Unary>("sqrt", &::sqrt),
      library_function<Unary>("tanh", &::tanh),
      library_function<Unary>("trunc", &::trunc),
  };
}

bool may_stay_undefined(const std::string& symbol) {
  for (const char* name : kRuntimeSymbols) {
    if (symbol == name) return true;
  }
  for (const char* name : kToolchainSymbols) {
    if (symbol == name) return true;
  }
  for (const LibraryFunction& function : library_functions()) {
    if (symbol == function.name) return true;
  }
  return false;
}

}  // namespace cnnc
