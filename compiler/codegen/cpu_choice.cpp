// Tested by tests/codegen/versions_test.cpp and tests/e2e/targets_test.cpp.
#include "compiler/codegen/cpu_choice.h"

#include <array>
#include <cstdint>
#include <memory>

#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/TargetParser/Triple.h>

#include "compiler/codegen/object.h"
#include "compiler/support/check.h"

namespace cnnc {
namespace {

// The registers in which CPUID tells features; and the low half of XCR0, in which the system tells
// the registers that it saves.
enum Word : uint8_t { k1Ecx, k1Edx, k7Ebx, k7Ecx, k7Edx, k71Eax, kExtendedEcx, kXcr0, kWordCount };
using Words = std::array<uint32_t, kWordCount>;

struct Feature {
  const char* name;  // LLVM's
  Word word;
  int bit;
};

// What code generation may use by itself. LLVM's processors have more (such as protection keys),
// which needs instructions that nothing here generates.
constexpr Feature kFeatures[] = {
    {"sse", k1Edx, 25},
    {"sse2", k1Edx, 26},
    {"cmov", k1Edx, 15},
    {"sse3", k1Ecx, 0},
    {"ssse3", k1Ecx, 9},
    {"fma", k1Ecx, 12},
    {"cx16", k1Ecx, 13},
    {"sse4.1", k1Ecx, 19},
    {"sse4.2", k1Ecx, 20},
    {"movbe", k1Ecx, 22},
    {"popcnt", k1Ecx, 23},
    {"avx", k1Ecx, 28},
    {"f16c", k1Ecx, 29},
    {"bmi", k7Ebx, 3},
    {"avx2", k7Ebx, 5},
    {"bmi2", k7Ebx, 8},
    {"avx512f", k7Ebx, 16},
    {"avx512dq", k7Ebx, 17},
    {"avx512ifma", k7Ebx, 21},
    {"avx512cd", k7Ebx, 28},
    {"avx512bw", k7Ebx, 30},
    {"avx512vl", k7Ebx, 31},
    {"avx512vbmi", k7Ecx, 1},
    {"avx512vbmi2", k7Ecx, 6},
    {"gfni", k7Ecx, 8},
    {"avx512vnni", k7Ecx, 11},
    {"avx512bitalg", k7Ecx, 12},
    {"avx512fp16", k7Edx, 23},
    {"avx512vpopcntdq", k7Ecx, 14},
    {"avxvnni", k71Eax, 4},
    {"avx512bf16", k71Eax, 5},
    {"lzcnt", kExtendedEcx, 5},
    {"fma4", kExtendedEcx, 16},
    {"xop", kExtendedEcx, 11},
};
constexpr int kOsxsaveBit = 27;  // of k1Ecx: XCR0 can be read
constexpr uint32_t kXcr0Avx = 0x6;
constexpr uint32_t kXcr0Avx512 = 0xe6;

Words needed_words(const llvm::Triple& triple, const CpuNeeds& needs) {
  std::string failure;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, failure);
  CNNC_CHECK(target, "no back end for " + triple.str() + ": " + failure);
  const std::unique_ptr<llvm::MCSubtargetInfo> processor(
      target->createMCSubtargetInfo(triple, needs.cpu, needs.features));
  CNNC_CHECK(processor && processor->isCPUStringValid(needs.cpu), "no processor " + needs.cpu);
  Words words{};
  for (const Feature& feature : kFeatures) {
    if (!processor->checkFeatures(std::string("+") + feature.name)) continue;
    words[feature.word] |= 1U << feature.bit;
  }
  if (processor->checkFeatures("+avx")) words[kXcr0] = kXcr0Avx;
  if (processor->checkFeatures("+avx512f")) words[kXcr0] = kXcr0Avx512;
  if (words[kXcr0] != 0) words[k1Ecx] |= 1U << kOsxsaveBit;
  return words;
}

class ChoiceBuilder {
 public:
  ChoiceBuilder(llvm::Module& module, const std::string& name)
      : module_(module), builder_(module.getContext()) {
    llvm::Type* i32 = builder_.getInt32Ty();
    function_ = llvm::Function::Create(llvm::FunctionType::get(i32, false),
                                       llvm::GlobalValue::InternalLinkage, name, module);
    function_->setDoesNotThrow();
    function_->addFnAttr("target-cpu", baseline_cpu(module));
    known_ = new llvm::GlobalVariable(module, i32, false, llvm::GlobalValue::InternalLinkage,
                                      builder_.getInt32(0), name + ".known");
    known_->setAlignment(llvm::Align(4));
  }

  // The variable holds 0 before the first call, then 1 + the index, or -1. Threads that ask at the
  // same time store the same answer.
  llvm::Function* build(const std::vector<Words>& versions) {
    llvm::BasicBlock* entry = block("entry");
    llvm::BasicBlock* ask = block("ask");
    llvm::BasicBlock* known = block("known");
    builder_.SetInsertPoint(entry);
    llvm::LoadInst* kept =
        builder_.CreateAlignedLoad(builder_.getInt32Ty(), known_, llvm::Align(4));
    kept->setAtomic(llvm::AtomicOrdering::Monotonic);
    builder_.CreateCondBr(builder_.CreateIsNull(kept), ask, known);

    builder_.SetInsertPoint(ask);
    const std::array<llvm::Value*, kWordCount> words = read_words();
    llvm::Value* found = builder_.getInt32(static_cast<uint32_t>(-1));
    for (size_t k = versions.size(); k-- > 0;) {
      llvm::Value* missing = builder_.getInt32(0);
      for (size_t w = 0; w < kWordCount; ++w) {
        if (versions[k][w] == 0) continue;
        llvm::Value* mask = builder_.getInt32(versions[k][w]);
        llvm::Value* absent = builder_.CreateAnd(builder_.CreateNot(words[w]), mask);
        missing = builder_.CreateOr(missing, absent);
      }
      found = builder_.CreateSelect(builder_.CreateIsNull(missing),
                                    builder_.getInt32(static_cast<uint32_t>(k + 1)), found);
    }
    llvm::StoreInst* keep = builder_.CreateAlignedStore(found, known_, llvm::Align(4));
    keep->setAtomic(llvm::AtomicOrdering::Monotonic);
    llvm::BasicBlock* asked = builder_.GetInsertBlock();
    builder_.CreateBr(known);

    builder_.SetInsertPoint(known);
    llvm::PHINode* answer = builder_.CreatePHI(builder_.getInt32Ty(), 2);
    answer->addIncoming(kept, entry);
    answer->addIncoming(found, asked);
    llvm::Value* is_none = builder_.CreateICmpSLT(answer, builder_.getInt32(0));
    llvm::Value* index = builder_.CreateSub(answer, builder_.getInt32(1));
    builder_.CreateRet(builder_.CreateSelect(is_none, answer, index));
    return function_;
  }

 private:
  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function_);
  }

  struct Registers {
    llvm::Value* eax;
    llvm::Value* ebx;
    llvm::Value* ecx;
    llvm::Value* edx;
  };

  Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
    llvm::Type* i32 = builder_.getInt32Ty();
    llvm::StructType* result = llvm::StructType::get(module_.getContext(), {i32, i32, i32, i32});
    llvm::InlineAsm* code =
        llvm::InlineAsm::get(llvm::FunctionType::get(result, {i32, i32}, false), "cpuid",
                             "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}", true);
    llvm::Value* values =
        builder_.CreateCall(code, {builder_.getInt32(leaf), builder_.getInt32(subleaf)});
    return {builder_.CreateExtractValue(values, 0), builder_.CreateExtractValue(values, 1),
            builder_.CreateExtractValue(values, 2), builder_.CreateExtractValue(values, 3)};
  }

  llvm::Value* xcr0() {
    llvm::Type* i32 = builder_.getInt32Ty();
    llvm::StructType* result = llvm::StructType::get(module_.getContext(), {i32, i32});
    llvm::InlineAsm* code =
        llvm::InlineAsm::get(llvm::FunctionType::get(result, {i32}, false), "xgetbv",
                             "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}", true);
    return builder_.CreateExtractValue(builder_.CreateCall(code, {builder_.getInt32(0)}), 0);
  }

  // What `read` gives where `condition` holds, else zeros.
  template <class Read>
  std::vector<llvm::Value*> read_if(llvm::Value* condition, size_t count, Read read) {
    llvm::BasicBlock* before = builder_.GetInsertBlock();
    llvm::BasicBlock* inside = block("read");
    llvm::BasicBlock* after = block("after");
    builder_.CreateCondBr(condition, inside, after);
    builder_.SetInsertPoint(inside);
    const std::vector<llvm::Value*> values = read();
    llvm::BasicBlock* end = builder_.GetInsertBlock();
    builder_.CreateBr(after);
    builder_.SetInsertPoint(after);
    std::vector<llvm::Value*> result;
    for (size_t i = 0; i < count; ++i) {
      llvm::PHINode* value = builder_.CreatePHI(builder_.getInt32Ty(), 2);
      value->addIncoming(builder_.getInt32(0), before);
      value->addIncoming(values[i], end);
      result.push_back(value);
    }
    return result;
  }

  // Leaves above the highest that CPUID answers hold nothing meaningful.
  std::array<llvm::Value*, kWordCount> read_words() {
    std::array<llvm::Value*, kWordCount> words{};
    llvm::Value* highest = cpuid(0).eax;
    const Registers first = cpuid(1);
    words[k1Ecx] = first.ecx;
    words[k1Edx] = first.edx;
    const std::vector<llvm::Value*> seventh =
        read_if(builder_.CreateICmpUGE(highest, builder_.getInt32(7)), 4, [&] {
          const Registers r = cpuid(7);
          const std::vector<llvm::Value*> next =
              read_if(builder_.CreateICmpUGE(r.eax, builder_.getInt32(1)), 1,
                      [&] { return std::vector<llvm::Value*>{cpuid(7, 1).eax}; });
          return std::vector<llvm::Value*>{r.ebx, r.ecx, r.edx, next[0]};
        });
    words[k7Ebx] = seventh[0];
    words[k7Ecx] = seventh[1];
    words[k7Edx] = seventh[2];
    words[k71Eax] = seventh[3];
    constexpr uint32_t kExtended = 0x80000000;
    llvm::Value* highest_extended = cpuid(kExtended).eax;
    llvm::Value* has_extended =
        builder_.CreateICmpUGE(highest_extended, builder_.getInt32(kExtended + 1));
    words[kExtendedEcx] = read_if(
        has_extended, 1, [&] { return std::vector<llvm::Value*>{cpuid(kExtended + 1).ecx}; })[0];
    llvm::Value* osxsave = builder_.CreateAnd(first.ecx, builder_.getInt32(1U << kOsxsaveBit));
    words[kXcr0] = read_if(builder_.CreateIsNotNull(osxsave), 1,
                           [&] { return std::vector<llvm::Value*>{xcr0()}; })[0];
    return words;
  }

  llvm::Module& module_;
  llvm::IRBuilder<> builder_;
  llvm::Function* function_ = nullptr;
  llvm::GlobalVariable* known_ = nullptr;
};

// 0 where vectors are as long as the code takes them to be, else -1. A processor without vectors
// has no such register: it cannot be asked, and cannot run the code.
llvm::Function* ask_vector_length(llvm::Module& module, const std::string& name,
                                  const CpuNeeds& needs) {
  llvm::IRBuilder<> builder(module.getContext());
  llvm::Type* size = module.getDataLayout().getIntPtrType(module.getContext());
  auto* function = llvm::Function::Create(llvm::FunctionType::get(builder.getInt32Ty(), false),
                                          llvm::GlobalValue::InternalLinkage, name, module);
  function->setDoesNotThrow();
  function->addFnAttr("target-cpu", needs.cpu);
  function->addFnAttr("target-features", needs.features);
  builder.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function));
  llvm::InlineAsm* code =
      llvm::InlineAsm::get(llvm::FunctionType::get(size, false), "csrr $0, vlenb", "=r", true);
  llvm::Value* is_other = builder.CreateICmpNE(builder.CreateCall(code),
                                               llvm::ConstantInt::get(size, needs.vector_bytes));
  builder.CreateRet(builder.CreateSExt(is_other, builder.getInt32Ty()));
  return function;
}

}  // namespace

std::string baseline_cpu(const llvm::Module& module) {
  const llvm::Triple& triple = module.getTargetTriple();
  if (!triple.isX86()) return "";
  return triple.isArch64Bit() ? "x86-64" : "i686";
}

llvm::Function* add_cpu_choice(llvm::Module& module, const std::string& name,
                               const std::vector<CpuNeeds>& versions) {
  const llvm::Triple& triple = module.getTargetTriple();
  if (triple.isRISCV() && versions.size() == 1 && versions[0].vector_bytes > 0) {
    return ask_vector_length(module, name, versions[0]);
  }
  if (!triple.isX86()) return nullptr;
  initialize_llvm();
  const Words baseline = needed_words(triple, {baseline_cpu(module), ""});
  std::vector<Words> needed;
  for (const CpuNeeds& version : versions) {
    Words words = needed_words(triple, version);
    for (size_t w = 0; w < kWordCount; ++w) words[w] &= ~baseline[w];
    needed.push_back(words);
  }
  if (needed.size() == 1 && needed[0] == Words{}) return nullptr;
  return ChoiceBuilder(module, name).build(needed);
}

}  // namespace cnnc
