// One LLVM module: kernels as Halide made them, entry functions that call them, constants; then the
// object file's bytes. Everything but the entries is internal.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace cnnc {

// Code for one kind of processor. Of several in one object, the first call takes the best that its
// processor can run.
struct Version {
  std::string name;  // in symbols, where there are several
  std::string cpu;   // LLVM's name of the least processor; empty: as the kernels have it
};

// A kernel as LLVM bitcode that defines `int32_t function(void* user_context,
// halide_buffer_t*...)`.
struct KernelCode {
  std::string function;  // the symbol in the bitcode
  std::string name;      // the symbol it gets in the object: unique in the program
  std::string bitcode;
  int32_t version = 0;  // index of Program::versions
};

// Where a buffer argument of a kernel points to.
enum class BufferBase {
  pointer,   // parameter `index` of the entry (after the context)
  constant,  // Program::constants[index]
};

struct BufferArgument {
  BufferBase base = BufferBase::pointer;
  int32_t index = 0;
  int64_t offset = 0;  // bytes
  DType dtype = DType::f32;
  // Halide's dimensions, innermost argument first: extents and strides in elements.
  std::vector<int64_t> extents;
  std::vector<int64_t> strides;
};

struct KernelCall {
  int32_t kernel = 0;  // index of Program::kernels
  std::vector<BufferArgument> buffers;
  std::string name = {};  // what profiles call it
};

// What a parameter of an entry points to.
enum class ParameterRole {
  block,      // memory of `bytes` bytes
  input,      // ... read, of `bytes` bytes for each image
  output,     // ... written, of `bytes` bytes for each image
  workspace,  // scratch memory
  weights,    // a file of weights, which says itself whether it is this network's
};

// A parameter of an entry, after the context.
struct EntryParameter {
  std::string name;
  int64_t bytes = 0;      // 0: may be null
  int64_t alignment = 4;  // checked at the call: cnnc_status CNNC_MISALIGNED
  ParameterRole role = ParameterRole::block;
};

// The kernel calls of an entry: in one version of the code, for one number of images.
struct EntryBody {
  std::vector<KernelCall> calls;
  int32_t version = 0;  // index of Program::versions
  int64_t images = 1;
};

// A function that checks what it is given, chooses the version of the code, then calls the kernels
// in order; returns a cnnc_status. Every number of images that it has a body for has one in each
// version.
enum class EntryForm {
  // int32_t name(const cnnc_context* context, void* parameter...)
  //   for callers that know the plan; for the images of the only number of images.
  bare,
  // int32_t name(uint64_t build_id, const cnnc_context* context, void* parameter...,
  //              size_t workspace_bytes)
  //   the same, with a workspace as the last parameter, for callers who may have been made for
  //   another object.
  checked,
  // int32_t name(uint64_t build_id, const cnnc_context* context, [const void* weights,]
  //              const void* input, void* output, size_t images, void* workspace,
  //              size_t workspace_bytes)
  //   for any number of images, in batches: of the bodies that are large enough for all that are
  //   left, the smallest, else the largest. Images that do not fill it are copied into the
  //   workspace, and their results from there.
  any_count,
};

struct Entry {
  std::string name;
  EntryForm form = EntryForm::bare;
  std::vector<EntryParameter> parameters;
  std::vector<EntryBody> bodies;
  // Where in the workspace an input and an output of the largest body have a place, each on a
  // multiple of 64; unused if no body has more than one image.
  int64_t staging_offset = 0;

  [[nodiscard]] bool takes_any_count() const { return form == EntryForm::any_count; }
};

struct Constant {
  std::string name;
  std::string bytes;  // aligned to 64
};

struct Program {
  std::string name;
  std::vector<Version> versions = {{}};  // the best first
  bool is_profiled = false;              // entries tell the context's hook of each kernel
  bool is_unwindable = false;            // functions keep frame pointers and unwind tables
  uint64_t weights_id = 0;               // of what parameters with the role weights point to
  uint64_t build_id = 0;                 // what callers of entries that take any count must know
  std::vector<KernelCode> kernels;
  std::vector<Entry> entries;
  std::vector<Constant> constants;
};

enum class Emit { llvm, assembly, object };

// The text or bytes of the program. The same program gives the same bytes.
Result<std::string> emit(const Program& program, Emit kind);

// An object file's bytes, and an upper bound of the bytes of stack that a call of any entry needs.
struct ObjectCode {
  std::string bytes;
  int64_t stack_bytes = 0;
};
Result<ObjectCode> emit_object(const Program& program);

}  // namespace cnnc
