// Reads the kernels' bitcode, keeps what each kernel reaches under names of ours, joins all in one
// module, adds constants and entries. Tested by tests/codegen/program_test.cpp.
#include "compiler/codegen/program.h"

#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/ADT/StringRef.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Metadata.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Linker/Linker.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/MemoryBufferRef.h>
#include <llvm/Support/raw_ostream.h>

#include "compiler/codegen/cpu_choice.h"
#include "compiler/codegen/entry.h"
#include "compiler/codegen/object.h"
#include "compiler/codegen/stack.h"

namespace cnnc {
namespace {

constexpr unsigned kConstantAlignment = 64;

// --------------------------------------------------------------------------------- one kernel

// The globals that a kernel reaches, itself first, in the order in which its text names them.
class Reached {
 public:
  explicit Reached(llvm::Function& kernel) {
    add(kernel);
    while (!waiting_.empty()) {
      llvm::GlobalObject* global = waiting_.front();
      waiting_.pop_front();
      for (const llvm::Use& operand : global->operands()) visit(operand);
      auto* function = llvm::dyn_cast<llvm::Function>(global);
      if (!function) continue;
      for (llvm::Instruction& instruction : llvm::instructions(*function)) {
        for (const llvm::Use& operand : instruction.operands()) visit(operand);
      }
    }
  }

  [[nodiscard]] const std::vector<llvm::GlobalObject*>& order() const { return order_; }
  [[nodiscard]] bool contains(const llvm::GlobalValue& value) const {
    return seen_.contains(&value);
  }

 private:
  void add(llvm::GlobalObject& global) {
    if (!seen_.insert(&global).second) return;
    order_.push_back(&global);
    waiting_.push_back(&global);
  }

  void visit(llvm::Value* value) {
    if (auto* global = llvm::dyn_cast<llvm::GlobalObject>(value)) return add(*global);
    auto* constant = llvm::dyn_cast<llvm::Constant>(value);
    if (!constant || llvm::isa<llvm::ConstantData>(constant) || !seen_.insert(constant).second)
      return;
    for (const llvm::Use& operand : constant->operands()) visit(operand);
  }

  std::vector<llvm::GlobalObject*> order_;
  std::deque<llvm::GlobalObject*> waiting_;
  llvm::SmallPtrSet<const llvm::Constant*, 32> seen_;
};

// Removes all that the kernel does not reach: Halide's wrappers, metadata and leftovers.
void remove_others(llvm::Module& module, const Reached& reached) {
  std::vector<llvm::GlobalValue*> others;
  for (llvm::GlobalValue& value : module.global_values()) {
    if (!reached.contains(value)) others.push_back(&value);
  }
  for (llvm::GlobalValue* other : others) {
    if (auto* function = llvm::dyn_cast<llvm::Function>(other)) function->deleteBody();
    if (auto* variable = llvm::dyn_cast<llvm::GlobalVariable>(other))
      variable->setInitializer(nullptr);
  }
  for (llvm::GlobalValue* other : others) {
    other->replaceAllUsesWith(llvm::PoisonValue::get(other->getType()));
    other->eraseFromParent();
  }
}

// Type-based alias metadata names buffers as Halide does, counters included. Each kernel gets names
// and roots of its own: accesses of two kernels are then never taken for different memory.
class AliasNames {
 public:
  explicit AliasNames(std::string kernel) : kernel_(std::move(kernel)) {}

  llvm::MDNode* rename(llvm::MDNode* node) {
    const auto known = renamed_.find(node);
    if (known != renamed_.end()) return known->second;
    std::vector<llvm::Metadata*> operands;
    for (const llvm::MDOperand& operand : node->operands()) {
      if (auto* inner = llvm::dyn_cast_or_null<llvm::MDNode>(operand.get())) {
        operands.push_back(rename(inner));
      } else if (llvm::isa_and_nonnull<llvm::MDString>(operand.get())) {
        operands.push_back(
            llvm::MDString::get(node->getContext(), kernel_ + "." + std::to_string(++count_)));
      } else {
        operands.push_back(operand.get());
      }
    }
    return renamed_[node] = llvm::MDNode::get(node->getContext(), operands);
  }

 private:
  std::string kernel_;
  int count_ = 0;
  std::map<llvm::MDNode*, llvm::MDNode*> renamed_;
};

// Replaces the calls of a Halide error function by calls of the runtime's one.
void redirect_error_calls(llvm::Function& reporter) {
  llvm::Module& module = *reporter.getParent();
  llvm::LLVMContext& context = module.getContext();
  llvm::FunctionCallee failed =
      module.getOrInsertFunction("cnnc_kernel_check_failed", llvm::Type::getInt32Ty(context),
                                 llvm::PointerType::get(context, 0));
  while (!reporter.use_empty()) {
    auto* call = llvm::dyn_cast<llvm::CallInst>(reporter.user_back());
    CNNC_CHECK(call && call->arg_size() > 0, "use of " + reporter.getName().str() + " is no call");
    llvm::IRBuilder<> builder(call);
    llvm::CallInst* result = builder.CreateCall(failed, {call->getArgOperand(0)});
    result->setDoesNotThrow();
    if (!call->use_empty()) call->replaceAllUsesWith(result);
    call->eraseFromParent();
  }
  reporter.eraseFromParent();
}

// Halide negates vectors of conditions with an intrinsic that LLVM does not have.
void replace_negations(llvm::Module& module) {
  std::vector<llvm::Function*> negations;
  for (llvm::Function& function : module) {
    if (function.getName().starts_with("llvm.vp.not.")) negations.push_back(&function);
  }
  for (llvm::Function* negation : negations) {
    while (!negation->use_empty()) {
      auto* call = llvm::dyn_cast<llvm::CallInst>(negation->user_back());
      CNNC_CHECK(call && call->arg_size() == 3, "a negation of an unknown form");
      llvm::IRBuilder<> builder(call);
      call->replaceAllUsesWith(builder.CreateNot(call->getArgOperand(0)));
      call->eraseFromParent();
    }
    negation->eraseFromParent();
  }
}

// Halide says the strides of vectors of unknown length in elements, which LLVM takes for bytes.
void scale_strides(llvm::Module& module) {
  for (llvm::Function& function : module) {
    const bool is_load = function.getName().starts_with("llvm.experimental.vp.strided.load.");
    if (!is_load && !function.getName().starts_with("llvm.experimental.vp.strided.store."))
      continue;
    const unsigned place = is_load ? 1 : 2;
    const llvm::Type* vector = is_load ? function.getReturnType() : function.getArg(0)->getType();
    for (llvm::User* user : function.users()) {
      auto* call = llvm::dyn_cast<llvm::CallInst>(user);
      CNNC_CHECK(call, "a strided access of an unknown form");
      llvm::IRBuilder<> builder(call);
      llvm::Value* stride = call->getArgOperand(place);
      call->setArgOperand(place, builder.CreateMul(stride, llvm::ConstantInt::get(
                                                               stride->getType(),
                                                               vector->getScalarSizeInBits() / 8)));
    }
  }
}

// A loop that failed ends the function that ran it, with the loop's code. Halide leaves this out of
// kernels that do not check their arguments.
void return_failures(llvm::Function& parallel_for) {
  for (llvm::User* user : parallel_for.users()) {
    auto* loop = llvm::dyn_cast<llvm::CallInst>(user);
    CNNC_CHECK(loop && loop->getFunctionType() == parallel_for.getFunctionType() &&
                   loop->getFunction()->getReturnType() == loop->getType(),
               "a parallel loop of an unknown form");
    if (!loop->use_empty()) continue;
    loop->setTailCallKind(llvm::CallInst::TCK_None);
    llvm::BasicBlock* before = loop->getParent();
    llvm::BasicBlock* after = before->splitBasicBlock(std::next(loop->getIterator()));
    auto* failed = llvm::BasicBlock::Create(loop->getContext(), "", loop->getFunction());
    llvm::IRBuilder<>(failed).CreateRet(loop);
    before->getTerminator()->eraseFromParent();
    llvm::IRBuilder<> builder(before);
    builder.CreateCondBr(builder.CreateIsNull(loop), after, failed);
  }
}

// Gives a declaration the name that the runtime or libc knows it by.
void resolve(llvm::Function& declaration, const std::string& kernel) {
  const std::string name = declaration.getName().str();
  if (declaration.isIntrinsic() || may_stay_undefined(name)) return;
  if (name == "halide_do_par_for") {
    return_failures(declaration);
    declaration.setName("cnnc_parallel_for");
    return;
  }
  CNNC_CHECK(llvm::StringRef(name).starts_with("halide_error"),
             "kernel " + kernel + " calls " + name + ", which the runtime does not have");
  redirect_error_calls(declaration);
}

// Names and linkage of the kernel and of what it reaches.
void rename(const KernelCode& code, const Reached& reached) {
  // Clears the way first: a name of ours may be one of Halide's.
  for (llvm::GlobalObject* global : reached.order()) {
    if (!global->isDeclaration()) global->setName("");
  }
  int number = 0;
  for (llvm::GlobalObject* global : reached.order()) {
    if (global->isDeclaration()) {
      auto* function = llvm::dyn_cast<llvm::Function>(global);
      CNNC_CHECK(function,
                 "kernel " + code.name + " needs the variable " + global->getName().str());
      resolve(*function, code.name);
      continue;
    }
    const bool kernel = number == 0;
    global->setName(kernel ? code.name : code.name + "." + std::to_string(number));
    ++number;
    global->setComdat(nullptr);
    global->setVisibility(llvm::GlobalValue::DefaultVisibility);
    global->setSection("");
    // The linker of modules drops internal functions that nothing calls yet.
    if (kernel) global->setLinkage(llvm::GlobalValue::ExternalLinkage);
    if (!kernel && !global->hasPrivateLinkage())
      global->setLinkage(llvm::GlobalValue::InternalLinkage);
  }
}

// Compiles the kernel's functions for another processor. They stay tuned for what they were meant
// for.
void set_cpu(const Reached& reached, const std::string& cpu) {
  for (llvm::GlobalObject* global : reached.order()) {
    auto* function = llvm::dyn_cast<llvm::Function>(global);
    if (!function || function->isDeclaration()) continue;
    const std::string tuned = function->getFnAttribute("target-cpu").getValueAsString().str();
    if (!function->hasFnAttribute("tune-cpu") && !tuned.empty()) {
      function->addFnAttr("tune-cpu", tuned);
    }
    function->addFnAttr("target-cpu", cpu);
  }
}

std::unique_ptr<llvm::Module> read_kernel(const KernelCode& code, const Version& version,
                                          llvm::LLVMContext& context, ObjectTarget& target) {
  llvm::Expected<std::unique_ptr<llvm::Module>> parsed =
      llvm::parseBitcodeFile(llvm::MemoryBufferRef(code.bitcode, code.name), context);
  CNNC_CHECK(!!parsed,
             "bitcode of kernel " + code.name + ": " + llvm::toString(parsed.takeError()));
  std::unique_ptr<llvm::Module> module = std::move(*parsed);
  llvm::Function* kernel = module->getFunction(code.function);
  CNNC_CHECK(kernel && !kernel->isDeclaration(),
             "bitcode of kernel " + code.name + " does not define " + code.function);
  CNNC_CHECK(kernel->getReturnType()->isIntegerTy(32) && kernel->arg_size() > 0,
             "kernel " + code.name + " has the wrong type");
  for (const llvm::Argument& argument : kernel->args()) {
    CNNC_CHECK(argument.getType()->isPointerTy(),
               "kernel " + code.name + " has a scalar parameter");
  }

  if (auto* abi = llvm::dyn_cast_or_null<llvm::MDString>(module->getModuleFlag("halide_mabi"))) {
    target.abi = abi->getString().str();
  }

  while (!module->named_metadata_empty()) {
    module->eraseNamedMetadata(&*module->named_metadata_begin());
  }
  llvm::StripDebugInfo(*module);
  replace_negations(*module);
  scale_strides(*module);
  const Reached reached(*kernel);
  remove_others(*module, reached);
  if (!version.cpu.empty()) set_cpu(reached, version.cpu);
  target.cpu = kernel->getFnAttribute("target-cpu").getValueAsString().str();
  target.features = kernel->getFnAttribute("target-features").getValueAsString().str();
  AliasNames alias_names(code.name);
  for (llvm::GlobalObject* global : reached.order()) {
    auto* function = llvm::dyn_cast<llvm::Function>(global);
    if (!function) continue;
    for (llvm::Instruction& instruction : llvm::instructions(*function)) {
      instruction.setMetadata(llvm::LLVMContext::MD_tbaa_struct, nullptr);
      llvm::MDNode* alias = instruction.getMetadata(llvm::LLVMContext::MD_tbaa);
      if (alias) instruction.setMetadata(llvm::LLVMContext::MD_tbaa, alias_names.rename(alias));
    }
  }
  rename(code, reached);
  module->setSourceFileName("");
  return module;
}

// --------------------------------------------------------------------------------- the program

// The kernels or constants that entries use.
struct Used {
  std::set<int32_t> kernels;
  std::set<int32_t> constants;
};

Used used_parts(const Program& program) {
  Used used;
  for (const Entry& entry : program.entries) {
    for (const EntryBody& body : entry.bodies) {
      for (const KernelCall& call : body.calls) {
        used.kernels.insert(call.kernel);
        for (const BufferArgument& buffer : call.buffers) {
          if (buffer.base == BufferBase::constant) used.constants.insert(buffer.index);
        }
      }
    }
  }
  return used;
}

llvm::GlobalVariable* add_constant(llvm::Module& module, const Constant& constant) {
  CNNC_CHECK(!module.getNamedValue(constant.name), "two symbols " + constant.name);
  llvm::Type* byte = llvm::Type::getInt8Ty(module.getContext());
  llvm::Constant* value =
      llvm::ConstantDataArray::getRaw(constant.bytes, constant.bytes.size(), byte);
  auto* global = new llvm::GlobalVariable(module, value->getType(), true,
                                          llvm::GlobalValue::InternalLinkage, value, constant.name);
  // Not unnamed_addr: the object file then keeps it in .rodata, out of sections that are merged.
  global->setAlignment(llvm::Align(kConstantAlignment));
  return global;
}

// What LLVM reports while it links and generates code, by default on stderr.
struct Reports {
  std::string errors;
  StackUse stack;
};

void collect(const llvm::DiagnosticInfo* info, void* reports) {
  auto& all = *static_cast<Reports*>(reports);
  if (all.stack.take(*info) || info->getSeverity() != llvm::DS_Error) return;
  llvm::raw_string_ostream stream(all.errors);
  llvm::DiagnosticPrinterRawOStream printer(stream);
  info->print(printer);
  stream << "; ";
}

// Returns what each version of the code is compiled for.
std::vector<ObjectTarget> link_kernels(const Program& program, const Used& used,
                                       llvm::Module& module, EntryParts& parts,
                                       const std::string& errors) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Linker linker(module);
  parts.kernels.resize(program.kernels.size());
  std::vector<ObjectTarget> targets(program.versions.size());
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    if (used.kernels.count(static_cast<int32_t>(i)) == 0) continue;
    const KernelCode& code = program.kernels[i];
    CNNC_CHECK(code.version >= 0 && code.version < static_cast<int32_t>(targets.size()),
               "kernel " + code.name + " is of no version");
    std::unique_ptr<llvm::Module> source =
        read_kernel(code, program.versions[code.version], context, targets[code.version]);
    if (module.getTargetTriple().empty()) {
      module.setTargetTriple(source->getTargetTriple());
      module.setDataLayout(source->getDataLayout());
    }
    CNNC_CHECK(source->getTargetTriple() == module.getTargetTriple(),
               "kernel " + code.name + " is for " + source->getTargetTriple().str());
    CNNC_CHECK(!module.getNamedValue(code.name), "two symbols " + code.name);
    const bool failed = linker.linkInModule(std::move(source));
    CNNC_CHECK(!failed, "cannot link kernel " + code.name + ": " + errors);
    parts.kernels[i] = module.getFunction(code.name);
  }
  for (llvm::Function* kernel : parts.kernels) {
    if (kernel) kernel->setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  return targets;
}

// Code outside of kernels, and what chooses between their versions.
void prepare_entries(const Program& program, const std::vector<ObjectTarget>& targets,
                     llvm::Module& module, EntryParts& parts) {
  std::vector<CpuNeeds> needs;
  needs.reserve(targets.size());
  for (const ObjectTarget& target : targets) needs.push_back({target.cpu, target.features, 0});
  for (size_t i = 0; i < parts.kernels.size(); ++i) {
    // In units of RISC-V's least vectors, which have eight bytes.
    const bool knows =
        parts.kernels[i] && parts.kernels[i]->hasFnAttribute(llvm::Attribute::VScaleRange);
    if (!knows) continue;
    needs[program.kernels[i].version].vector_bytes =
        8 * parts.kernels[i]->getFnAttribute(llvm::Attribute::VScaleRange).getVScaleRangeMin();
  }
  parts.baseline_cpu = baseline_cpu(module);
  parts.cpu_choice = add_cpu_choice(module, program.name + ".cpu", needs);
}

// What profilers and debuggers need to see who called a function.
void make_unwindable(llvm::Module& module) {
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr("frame-pointer", "all");
    function.setUWTableKind(llvm::UWTableKind::Async);
  }
}

void verify(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  CNNC_CHECK(!llvm::verifyModule(module, &stream), "the module is broken: " + text);
}

Result<std::string> emit(const Program& program, Emit kind, Reports& reports) {
  initialize_llvm();
  const std::string& errors = reports.errors;
  llvm::LLVMContext context;
  context.setDiagnosticHandlerCallBack(collect, &reports);
  // Halide's names of values carry counters and cost time; ours are for readers.
  context.setDiscardValueNames(true);

  llvm::Module module(program.name, context);
  module.setSourceFileName(program.name);
  const Used used = used_parts(program);
  CNNC_CHECK(!used.kernels.empty(), "program " + program.name + " has no kernels");
  EntryParts parts;
  const std::vector<ObjectTarget> targets = link_kernels(program, used, module, parts, errors);
  // Functions say themselves which processor they are for; this is for the object as a whole.
  const ObjectTarget& target = targets.back();
  parts.constants.resize(program.constants.size());
  for (size_t i = 0; i < program.constants.size(); ++i) {
    if (used.constants.count(static_cast<int32_t>(i)) == 0) continue;
    parts.constants[i] = add_constant(module, program.constants[i]);
  }
  context.setDiscardValueNames(false);
  prepare_entries(program, targets, module, parts);
  for (const Entry& entry : program.entries) add_entry(module, program, entry, parts);
  if (program.is_unwindable) make_unwindable(module);
  module.setPICLevel(llvm::PICLevel::BigPIC);
  if (!target.abi.empty()) {
    module.addModuleFlag(llvm::Module::Error, "target-abi",
                         llvm::MDString::get(context, target.abi));
  }
  verify(module);
  if (kind == Emit::object) reports.stack.prepare(module);

  Result<std::string> result = emit_module(module, target, kind);
  if (!result) return result;
  CNNC_CHECK(errors.empty(), "generating code: " + errors);
  if (kind == Emit::object) {
    for (const std::string& symbol : undefined_symbols(*result)) {
      CNNC_CHECK(may_stay_undefined(symbol), "program " + program.name + " needs " + symbol +
                                                 ", which the runtime does not have");
    }
  }
  return result;
}

}  // namespace

Result<std::string> emit(const Program& program, Emit kind) {
  Reports reports;
  return emit(program, kind, reports);
}

Result<ObjectCode> emit_object(const Program& program) {
  Reports reports;
  Result<std::string> bytes = emit(program, Emit::object, reports);
  if (!bytes) return bytes.diagnostics();
  return ObjectCode{*std::move(bytes), reports.stack.bound()};
}

}  // namespace cnnc
