// Tested by tests/codegen/program_test.cpp and tests/codegen/versions_test.cpp.
#include "compiler/codegen/entry.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include "compiler/support/check.h"
#include "runtime/cnnc_runtime.h"

namespace cnnc {
namespace {

constexpr uint64_t kStagingAlignment = 64;

class EntryBuilder {
 public:
  EntryBuilder(llvm::Module& module, const Program& program, const Entry& entry,
               const EntryParts& parts)
      : module_(module),
        program_(program),
        entry_(entry),
        parts_(parts),
        builder_(module.getContext()),
        size_type_(module.getDataLayout().getIntPtrType(module.getContext())) {}

  void build() {
    add_bodies();
    declare();
    if (is_checked()) {
      fail_if(builder_.CreateICmpNE(build_id_, builder_.getInt64(program_.build_id)),
              CNNC_VERSION_MISMATCH);
    }
    check_context();
    check_parameters();
    if (parts_.cpu_choice) {
      version_ = builder_.CreateCall(parts_.cpu_choice);
      fail_if(builder_.CreateICmpSLT(version_, builder_.getInt32(0)), CNNC_UNSUPPORTED_CPU);
    }
    if (entry_.takes_any_count()) return all_images();
    llvm::Value* result = call_body(bodies_.begin()->first, pointers_);
    builder_.CreateRet(result);
  }

 private:
  [[nodiscard]] bool is_checked() const { return entry_.form != EntryForm::bare; }

  llvm::ConstantInt* status(cnnc_status value) { return builder_.getInt32(value); }
  llvm::Value* size(int64_t value) {
    return llvm::ConstantInt::get(size_type_, static_cast<uint64_t>(value));
  }

  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(module_.getContext(), name, function_);
  }

  // Goes on in a new block; where `wrong` holds the entry returns `value`.
  void fail_if(llvm::Value* wrong, cnnc_status value) {
    llvm::BasicBlock*& failure = failures_[value];
    if (!failure) {
      failure = block("failed");
      llvm::IRBuilder<>(failure).CreateRet(status(value));
    }
    llvm::BasicBlock* next = block("ok");
    builder_.CreateCondBr(wrong, failure, next);
    builder_.SetInsertPoint(next);
  }

  void add_bodies() {
    CNNC_CHECK(!entry_.bodies.empty(), entry_.name + " has no body");
    for (const EntryBody& body : entry_.bodies) {
      const auto versions = static_cast<int32_t>(program_.versions.size());
      CNNC_CHECK(body.version >= 0 && body.version < versions && body.images > 0,
                 entry_.name + ": a body for no version or no image");
      std::string name = entry_.name + ".body";
      if (versions > 1) name += "." + program_.versions[body.version].name;
      if (entry_.bodies.size() > program_.versions.size()) {
        name += "." + std::to_string(body.images);
      }
      std::vector<llvm::Function*>& of_batch = bodies_[body.images];
      of_batch.resize(static_cast<size_t>(versions));
      CNNC_CHECK(!of_batch[body.version], "two bodies " + name);
      of_batch[body.version] = add_body(module_, program_, entry_, body, parts_, name);
    }
    for (const auto& [images, of_batch] : bodies_) {
      CNNC_CHECK(std::count(of_batch.begin(), of_batch.end(), nullptr) == 0,
                 entry_.name + ": no body for " + std::to_string(images) + " images in a version");
    }
    CNNC_CHECK(entry_.takes_any_count() || bodies_.size() == 1, entry_.name + ": several batches");
  }

  void declare() {
    CNNC_CHECK(!module_.getNamedValue(entry_.name), "two symbols " + entry_.name);
    std::vector<llvm::Type*> types;
    std::vector<std::string> names;
    const auto add = [&](llvm::Type* type, const std::string& name) {
      types.push_back(type);
      names.push_back(name);
    };
    llvm::Type* pointer = builder_.getPtrTy();
    if (is_checked()) add(builder_.getInt64Ty(), "build_id");
    add(pointer, "context");
    for (const EntryParameter& parameter : entry_.parameters) {
      add(pointer, parameter.name);
      if (entry_.takes_any_count() && parameter.role == ParameterRole::output) {
        add(size_type_, "images");
      }
      if (is_checked() && parameter.role == ParameterRole::workspace) {
        add(size_type_, "workspace_bytes");
      }
    }
    function_ = llvm::Function::Create(llvm::FunctionType::get(builder_.getInt32Ty(), types, false),
                                       llvm::GlobalValue::ExternalLinkage, entry_.name, module_);
    function_->setDSOLocal(true);
    function_->setDoesNotThrow();
    copy_processor(parts_, *function_);
    for (unsigned i = 0; i < names.size(); ++i) {
      llvm::Argument* argument = function_->getArg(i);
      argument->setName(names[i]);
      if (types[i] == pointer && names[i] != "context") pointers_.push_back(argument);
      if (names[i] == "context") context_ = argument;
      if (types[i] == pointer) continue;
      if (names[i] == "build_id") build_id_ = argument;
      if (names[i] == "images") images_ = argument;
      if (names[i] == "workspace_bytes") workspace_bytes_ = argument;
    }
    builder_.SetInsertPoint(block("entry"));
  }

  // A context tells the version of the runtime that made it; without one, the runtime is asked.
  void check_context() {
    llvm::BasicBlock* given = block("context_given");
    llvm::BasicBlock* absent = block("context_absent");
    llvm::BasicBlock* compare = block("version");
    llvm::Type* i32 = builder_.getInt32Ty();
    builder_.CreateCondBr(builder_.CreateIsNull(context_), absent, given);
    builder_.SetInsertPoint(given);
    llvm::Value* of_context = builder_.CreateLoad(i32, context_, "abi_version");
    builder_.CreateBr(compare);
    builder_.SetInsertPoint(absent);
    llvm::Value* of_runtime = builder_.getInt32(CNNC_ABI_VERSION);
    if (module_.getFunction("cnnc_parallel_for")) {
      of_runtime = builder_.CreateCall(module_.getOrInsertFunction("cnnc_abi_version", i32));
    }
    builder_.CreateBr(compare);
    builder_.SetInsertPoint(compare);
    llvm::PHINode* found = builder_.CreatePHI(i32, 2);
    found->addIncoming(of_context, given);
    found->addIncoming(of_runtime, absent);
    fail_if(builder_.CreateICmpNE(found, builder_.getInt32(CNNC_ABI_VERSION)),
            CNNC_VERSION_MISMATCH);
  }

  void check_parameters() {
    llvm::Value* null = builder_.getFalse();
    llvm::Value* misaligned = size(0);
    llvm::Value* too_small = builder_.getFalse();
    for (size_t i = 0; i < entry_.parameters.size(); ++i) {
      const EntryParameter& checked = entry_.parameters[i];
      const int64_t alignment = checked.alignment;
      CNNC_CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0,
                 entry_.name + ": alignment of " + checked.name + " is no power of two");
      if (checked.bytes == 0) continue;
      llvm::Value* absent = builder_.CreateIsNull(pointers_[i]);
      const bool is_workspace = checked.role == ParameterRole::workspace;
      const bool is_of_images =
          checked.role == ParameterRole::input || checked.role == ParameterRole::output;
      if (entry_.takes_any_count() && is_of_images) {
        // No images lie anywhere.
        absent = builder_.CreateAnd(absent, builder_.CreateIsNotNull(images_));
      }
      null = builder_.CreateOr(null, absent);
      llvm::Value* address = builder_.CreatePtrToInt(pointers_[i], size_type_);
      misaligned = builder_.CreateOr(misaligned, builder_.CreateAnd(address, size(alignment - 1)));
      if (is_checked() && is_workspace) {
        too_small = builder_.CreateICmpULT(workspace_bytes_, size(checked.bytes));
      }
    }
    fail_if(null, CNNC_INVALID_ARGUMENT);
    fail_if(builder_.CreateIsNotNull(misaligned), CNNC_MISALIGNED);
    fail_if(too_small, CNNC_WORKSPACE_TOO_SMALL);
    for (size_t i = 0; i < entry_.parameters.size(); ++i) {
      if (entry_.parameters[i].role == ParameterRole::weights) check_weights(pointers_[i]);
    }
  }

  // The first words of the file; cnnc_weights_check looks at the others.
  void check_weights(llvm::Value* file) {
    const auto word = [&](int64_t place) {
      return builder_.CreateAlignedLoad(builder_.getInt64Ty(), advance(file, size(place)),
                                        llvm::Align(8));
    };
    llvm::Value* other_magic =
        builder_.CreateICmpNE(word(0), builder_.getInt64(CNNC_WEIGHTS_MAGIC));
    llvm::Value* other_id = builder_.CreateICmpNE(word(8), builder_.getInt64(program_.weights_id));
    fail_if(builder_.CreateOr(other_magic, other_id), CNNC_BAD_WEIGHTS);
  }

  // Calls the body of the chosen version; goes on in a new block with its status.
  llvm::Value* call_body(int64_t images, const std::vector<llvm::Value*>& pointers) {
    const std::vector<llvm::Function*>& versions = bodies_.at(images);
    std::vector<llvm::Value*> arguments = {context_};
    arguments.insert(arguments.end(), pointers.begin(), pointers.end());
    if (versions.size() == 1) return builder_.CreateCall(versions[0], arguments);
    CNNC_CHECK(version_, "several versions, and none is chosen");
    llvm::BasicBlock* done = block("called");
    llvm::BasicBlock* impossible = block("impossible");
    llvm::IRBuilder<>(impossible).CreateUnreachable();
    llvm::SwitchInst* choice =
        builder_.CreateSwitch(version_, impossible, static_cast<unsigned>(versions.size()));
    builder_.SetInsertPoint(done);
    llvm::PHINode* result =
        builder_.CreatePHI(builder_.getInt32Ty(), static_cast<unsigned>(versions.size()));
    for (size_t k = 0; k < versions.size(); ++k) {
      llvm::BasicBlock* one = block("version");
      choice->addCase(builder_.getInt32(static_cast<uint32_t>(k)), one);
      llvm::IRBuilder<> in_one(one);
      result->addIncoming(in_one.CreateCall(versions[k], arguments), one);
      in_one.CreateBr(done);
    }
    return result;
  }

  [[nodiscard]] size_t index_of(ParameterRole role) const {
    for (size_t i = 0; i < entry_.parameters.size(); ++i) {
      if (entry_.parameters[i].role == role) return i;
    }
    CNNC_CHECK(false, entry_.name + " lacks an input, an output or a workspace");
    return 0;
  }

  llvm::Value* advance(llvm::Value* pointer, llvm::Value* bytes) {
    return builder_.CreateGEP(builder_.getInt8Ty(), pointer, bytes);
  }

  // A loop over batches.
  void all_images() {
    const size_t in = index_of(ParameterRole::input), out = index_of(ParameterRole::output);
    llvm::BasicBlock* before = builder_.GetInsertBlock();
    llvm::BasicBlock* loop = block("loop");
    builder_.CreateBr(loop);
    builder_.SetInsertPoint(loop);
    llvm::PHINode* left = builder_.CreatePHI(size_type_, 2, "left");
    llvm::PHINode* input = builder_.CreatePHI(builder_.getPtrTy(), 2);
    llvm::PHINode* output = builder_.CreatePHI(builder_.getPtrTy(), 2);
    left->addIncoming(images_, before);
    input->addIncoming(pointers_[in], before);
    output->addIncoming(pointers_[out], before);
    fail_if(builder_.CreateIsNull(left), CNNC_OK);

    const int64_t largest = bodies_.rbegin()->first;
    for (const auto& [images, versions] : bodies_) {
      llvm::BasicBlock* other = nullptr;
      if (images != largest) {
        llvm::BasicBlock* this_one = block("batch");
        other = block("larger");
        builder_.CreateCondBr(builder_.CreateICmpULE(left, size(images)), this_one, other);
        builder_.SetInsertPoint(this_one);
      }
      std::vector<llvm::Value*> pointers = pointers_;
      pointers[in] = input;
      pointers[out] = output;
      if (images > 1) part_of_batch(images, left, pointers, in, out);
      fail_if(builder_.CreateIsNotNull(call_body(images, pointers)), CNNC_INTERNAL);
      left->addIncoming(builder_.CreateSub(left, size(images)), builder_.GetInsertBlock());
      input->addIncoming(advance(input, size(images * entry_.parameters[in].bytes)),
                         builder_.GetInsertBlock());
      output->addIncoming(advance(output, size(images * entry_.parameters[out].bytes)),
                          builder_.GetInsertBlock());
      builder_.CreateBr(loop);
      if (other) builder_.SetInsertPoint(other);
    }
  }

  // Where fewer images are left than the batch has: runs them from and to the workspace, followed
  // by zeros, and returns. Goes on where there are enough.
  void part_of_batch(int64_t images, llvm::Value* left, std::vector<llvm::Value*> pointers,
                     size_t in, size_t out) {
    const int64_t in_bytes = entry_.parameters[in].bytes;
    const int64_t out_bytes = entry_.parameters[out].bytes;
    const size_t workspace = index_of(ParameterRole::workspace);
    const int64_t in_place = entry_.staging_offset;
    const auto alignment = static_cast<int64_t>(kStagingAlignment);
    const int64_t out_place =
        in_place + (images * in_bytes + alignment - 1) / alignment * alignment;
    CNNC_CHECK(in_place % alignment == 0 &&
                   out_place + images * out_bytes <= entry_.parameters[workspace].bytes,
               entry_.name + ": the workspace has no place for a batch");
    llvm::BasicBlock* part = block("part");
    llvm::BasicBlock* whole = block("whole");
    builder_.CreateCondBr(builder_.CreateICmpULT(left, size(images)), part, whole);
    builder_.SetInsertPoint(part);
    llvm::Value* staged_in = advance(pointers_[workspace], size(in_place));
    llvm::Value* staged_out = advance(pointers_[workspace], size(out_place));
    const llvm::Align staged(kStagingAlignment);
    const llvm::Align in_alignment(static_cast<uint64_t>(entry_.parameters[in].alignment));
    const llvm::Align out_alignment(static_cast<uint64_t>(entry_.parameters[out].alignment));
    llvm::Value* given = builder_.CreateMul(left, size(in_bytes));
    builder_.CreateMemCpy(staged_in, staged, pointers[in], in_alignment, given);
    builder_.CreateMemSet(advance(staged_in, given), builder_.getInt8(0),
                          builder_.CreateSub(size(images * in_bytes), given), llvm::MaybeAlign());
    llvm::Value* result_place = pointers[out];
    pointers[in] = staged_in;
    pointers[out] = staged_out;
    fail_if(builder_.CreateIsNotNull(call_body(images, pointers)), CNNC_INTERNAL);
    builder_.CreateMemCpy(result_place, out_alignment, staged_out, staged,
                          builder_.CreateMul(left, size(out_bytes)));
    builder_.CreateRet(status(CNNC_OK));
    builder_.SetInsertPoint(whole);
  }

  llvm::Module& module_;
  const Program& program_;
  const Entry& entry_;
  const EntryParts& parts_;
  llvm::IRBuilder<> builder_;
  llvm::Type* size_type_;  // of size_t
  llvm::Function* function_ = nullptr;
  llvm::Value* build_id_ = nullptr;
  llvm::Value* context_ = nullptr;
  llvm::Value* images_ = nullptr;
  llvm::Value* workspace_bytes_ = nullptr;
  llvm::Value* version_ = nullptr;
  std::vector<llvm::Value*> pointers_;                      // one per parameter
  std::map<int64_t, std::vector<llvm::Function*>> bodies_;  // by images, then by version
  std::map<cnnc_status, llvm::BasicBlock*> failures_;
};

}  // namespace

void add_entry(llvm::Module& module, const Program& program, const Entry& entry,
               const EntryParts& parts) {
  EntryBuilder(module, program, entry, parts).build();
}

}  // namespace cnnc
