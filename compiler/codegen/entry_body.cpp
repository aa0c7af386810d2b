// The kernel calls of one body: fills Halide's buffers and calls. Tested by
// tests/codegen/program_test.cpp.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include "compiler/codegen/entry.h"
#include "compiler/codegen/profile.h"
#include "compiler/support/check.h"
#include "runtime/cnnc_runtime.h"

namespace cnnc {
namespace {

// HalideRuntime.h's halide_buffer_t. The data layout gives the fields their places, as the C
// compiler does.
enum BufferField : unsigned {
  kDevice,
  kDeviceInterface,
  kHost,
  kFlags,
  kType,
  kDimensions,
  kDim,
  kPadding
};

llvm::StructType* buffer_type(llvm::LLVMContext& context) {
  llvm::Type* pointer = llvm::PointerType::get(context, 0);
  llvm::Type* i32 = llvm::Type::getInt32Ty(context);
  llvm::Type* i64 = llvm::Type::getInt64Ty(context);
  // `type` is halide_type_t {uint8 code, uint8 bits, uint16 lanes}, written as one number.
  return llvm::StructType::get(context, {i64, pointer, pointer, i64, i32, i32, pointer, pointer});
}

// halide_type_t as a number of the target's byte order.
uint32_t type_number(DType dtype, bool little_endian) {
  constexpr uint32_t kInt = 0, kUint = 1, kFloat = 2, kLanes = 1;
  uint32_t code = kFloat;
  switch (dtype) {
    case DType::f32:
      code = kFloat;
      break;
    case DType::i32:
      code = kInt;
      break;
    case DType::u8:
      code = kUint;
      break;
  }
  const auto bits = static_cast<uint32_t>(8 * byte_width(dtype));
  return little_endian ? code | bits << 8 | kLanes << 16 : code << 24 | bits << 16 | kLanes;
}

int32_t narrow(int64_t value, const std::string& where) {
  CNNC_CHECK(value >= 0 && value <= std::numeric_limits<int32_t>::max(),
             where + ": " + std::to_string(value) + " does not fit Halide's dimensions");
  return static_cast<int32_t>(value);
}

// The bytes from the first to past the last element.
int64_t reach(const BufferArgument& buffer) {
  int64_t last = 0;
  for (size_t i = 0; i < buffer.extents.size(); ++i) {
    if (buffer.extents[i] == 0) return 0;
    last += (buffer.extents[i] - 1) * buffer.strides[i];
  }
  return (last + 1) * byte_width(buffer.dtype);
}

class BodyBuilder {
 public:
  BodyBuilder(llvm::Module& module, const Program& program, const Entry& entry,
              const EntryBody& body, const EntryParts& parts)
      : module_(module),
        program_(program),
        entry_(entry),
        body_(body),
        parts_(parts),
        builder_(module.getContext()),
        buffer_type_(buffer_type(module.getContext())) {}

  llvm::Function* build(const std::string& name) {
    const std::vector<llvm::Type*> types(1 + entry_.parameters.size(), builder_.getPtrTy());
    function_ = llvm::Function::Create(llvm::FunctionType::get(builder_.getInt32Ty(), types, false),
                                       llvm::GlobalValue::InternalLinkage, name, module_);
    function_->setDoesNotThrow();
    copy_processor(parts_, *function_);
    function_->getArg(0)->setName("context");
    for (size_t i = 0; i < entry_.parameters.size(); ++i) {
      parameter(i)->setName(entry_.parameters[i].name);
    }
    builder_.SetInsertPoint(block("entry"));
    buffers();
    for (const KernelCall& call : body_.calls) kernel_call(call);
    builder_.CreateRet(builder_.getInt32(CNNC_OK));
    return function_;
  }

 private:
  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function_);
  }

  llvm::Argument* parameter(size_t index) {
    return function_->getArg(static_cast<unsigned>(index + 1));
  }

  llvm::Value* field(llvm::Value* buffer, BufferField index) {
    return builder_.CreateStructGEP(buffer_type_, buffer, index);
  }

  // One halide_buffer_t for each argument position; all calls share them.
  void buffers() {
    size_t count = 0;
    for (const KernelCall& call : body_.calls) count = std::max(count, call.buffers.size());
    llvm::BasicBlock& first = function_->getEntryBlock();
    llvm::IRBuilder<> at_start(&first, first.begin());
    for (size_t i = 0; i < count; ++i) {
      buffers_.push_back(at_start.CreateAlloca(buffer_type_, nullptr, "buffer"));
    }
    for (llvm::Value* buffer : buffers_) {
      for (BufferField zero : {kDevice, kDeviceInterface, kFlags, kPadding}) {
        llvm::Type* type = buffer_type_->getElementType(zero);
        builder_.CreateStore(llvm::Constant::getNullValue(type), field(buffer, zero));
      }
    }
  }

  void kernel_call(const KernelCall& call) {
    CNNC_CHECK(call.kernel >= 0 && call.kernel < static_cast<int32_t>(parts_.kernels.size()) &&
                   parts_.kernels[call.kernel],
               entry_.name + ": no kernel " + std::to_string(call.kernel));
    llvm::Function* kernel = parts_.kernels[call.kernel];
    CNNC_CHECK(program_.kernels[call.kernel].version == body_.version,
               entry_.name + ": " + kernel->getName().str() + " is of another version");
    CNNC_CHECK(kernel->arg_size() == 1 + call.buffers.size(),
               entry_.name + ": " + kernel->getName().str() + " takes " +
                   std::to_string(kernel->arg_size() - 1) + " buffers, got " +
                   std::to_string(call.buffers.size()));
    std::vector<llvm::Value*> arguments = {function_->getArg(0)};
    for (size_t i = 0; i < call.buffers.size(); ++i) {
      fill(buffers_[i], call.buffers[i],
           entry_.name + ": argument " + std::to_string(i) + " of " + kernel->getName().str());
      arguments.push_back(buffers_[i]);
    }
    const auto step = static_cast<int>(&call - body_.calls.data());
    tell(call, step, KernelMoment::begins);
    llvm::CallInst* result = builder_.CreateCall(kernel, arguments);
    result->setDoesNotThrow();
    tell(call, step, KernelMoment::ends);
    if (!failed_) {
      failed_ = block("failed");
      llvm::IRBuilder<>(failed_).CreateRet(builder_.getInt32(CNNC_INTERNAL));
    }
    llvm::BasicBlock* next = block("ok");
    builder_.CreateCondBr(builder_.CreateIsNull(result), next, failed_);
    builder_.SetInsertPoint(next);
  }

  void tell(const KernelCall& call, int step, KernelMoment moment) {
    if (!program_.is_profiled) return;
    add_kernel_hook(builder_, function_->getArg(0), call.name, step, moment);
  }

  void fill(llvm::Value* target, const BufferArgument& buffer, const std::string& where) {
    const bool little_endian = module_.getDataLayout().isLittleEndian();
    builder_.CreateStore(address(buffer, where), field(target, kHost));
    builder_.CreateStore(builder_.getInt32(type_number(buffer.dtype, little_endian)),
                         field(target, kType));
    builder_.CreateStore(builder_.getInt32(static_cast<uint32_t>(buffer.extents.size())),
                         field(target, kDimensions));
    builder_.CreateStore(dimensions(buffer, where), field(target, kDim));
  }

  // Where the buffer's first element is; it must lie inside what it is part of, with all others.
  llvm::Value* address(const BufferArgument& buffer, const std::string& where) {
    CNNC_CHECK(buffer.extents.size() == buffer.strides.size(), where + ": extents and strides");
    llvm::Value* base = nullptr;
    int64_t bytes = 0;
    const auto index = static_cast<size_t>(buffer.index);
    if (buffer.base == BufferBase::pointer) {
      CNNC_CHECK(index < entry_.parameters.size(), where + ": no such parameter");
      base = parameter(index);
      bytes = bytes_of(entry_.parameters[index], body_.images);
    } else {
      CNNC_CHECK(index < parts_.constants.size() && parts_.constants[index],
                 where + ": no such constant");
      base = parts_.constants[index];
      bytes = static_cast<int64_t>(program_.constants[index].bytes.size());
    }
    CNNC_CHECK(buffer.offset >= 0 && buffer.offset + reach(buffer) <= bytes,
               where + ": needs bytes " + std::to_string(buffer.offset) + " to " +
                   std::to_string(buffer.offset + reach(buffer)) + " of " + std::to_string(bytes));
    if (buffer.offset == 0) return base;
    llvm::Type* offset_type = module_.getDataLayout().getIntPtrType(module_.getContext());
    return builder_.CreateInBoundsGEP(
        builder_.getInt8Ty(), base,
        llvm::ConstantInt::get(offset_type, static_cast<uint64_t>(buffer.offset)));
  }

  // An array of halide_dimension_t {int32 min, extent, stride; uint32 flags}, shared by all
  // buffers that are alike. Kernels do not write to it.
  llvm::Constant* dimensions(const BufferArgument& buffer, const std::string& where) {
    std::vector<uint32_t> numbers;
    for (size_t i = 0; i < buffer.extents.size(); ++i) {
      const int32_t extent = narrow(buffer.extents[i], where);
      const int32_t stride = narrow(buffer.strides[i], where);
      numbers.insert(numbers.end(),
                     {0u, static_cast<uint32_t>(extent), static_cast<uint32_t>(stride), 0u});
    }
    if (numbers.empty()) return llvm::ConstantPointerNull::get(builder_.getPtrTy());
    llvm::Constant*& array = dimensions_[numbers];
    if (!array) {
      llvm::Constant* value = llvm::ConstantDataArray::get(module_.getContext(), numbers);
      auto* global = new llvm::GlobalVariable(
          module_, value->getType(), true, llvm::GlobalValue::PrivateLinkage, value,
          function_->getName().str() + ".dim" + std::to_string(dimensions_.size()));
      global->setAlignment(llvm::Align(4));
      array = global;
    }
    return array;
  }

  llvm::Module& module_;
  const Program& program_;
  const Entry& entry_;
  const EntryBody& body_;
  const EntryParts& parts_;
  llvm::IRBuilder<> builder_;
  llvm::StructType* buffer_type_;
  llvm::Function* function_ = nullptr;
  llvm::BasicBlock* failed_ = nullptr;
  std::vector<llvm::Value*> buffers_;
  std::map<std::vector<uint32_t>, llvm::Constant*> dimensions_;
};

}  // namespace

int64_t bytes_of(const EntryParameter& parameter, int64_t images) {
  const bool is_per_image =
      parameter.role == ParameterRole::input || parameter.role == ParameterRole::output;
  return is_per_image ? parameter.bytes * images : parameter.bytes;
}

void copy_processor(const EntryParts& parts, llvm::Function& function) {
  if (!parts.baseline_cpu.empty()) {
    function.addFnAttr("target-cpu", parts.baseline_cpu);
    return;
  }
  for (llvm::Function* kernel : parts.kernels) {
    if (!kernel) continue;
    for (const char* name : {"target-cpu", "target-features", "tune-cpu"}) {
      if (kernel->hasFnAttribute(name)) function.addFnAttr(kernel->getFnAttribute(name));
    }
    break;
  }
}

llvm::Function* add_body(llvm::Module& module, const Program& program, const Entry& entry,
                         const EntryBody& body, const EntryParts& parts, const std::string& name) {
  return BodyBuilder(module, program, entry, body, parts).build(name);
}

}  // namespace cnnc
