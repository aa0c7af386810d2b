// One LLVM module: kernels as Halide made them, entry functions that call them, constants; then the
// object file's bytes. Everything but the entries is internal.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace cnnc {

// A kernel as LLVM bitcode that defines `int32_t function(void* user_context,
// halide_buffer_t*...)`.
struct KernelCode {
  std::string function;  // the symbol in the bitcode
  std::string name;      // the symbol it gets in the object: unique in the program
  std::string bitcode;
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

// A parameter of an entry, after the context.
struct EntryParameter {
  std::string name;
  int64_t bytes = 0;      // 0: may be null
  int64_t alignment = 4;  // checked at the call: cnnc_status CNNC_MISALIGNED
};

// int32_t name(const cnnc_context* context, void* parameter...): checks the context's ABI version,
// null pointers and alignment, then calls the kernels in order; returns a cnnc_status.
struct Entry {
  std::string name;
  std::vector<EntryParameter> parameters;
  std::vector<KernelCall> calls;
};

struct Constant {
  std::string name;
  std::string bytes;  // aligned to 64
};

struct Program {
  std::string name;
  std::string target;        // Halide's target string
  bool is_profiled = false;  // entries tell the context's hook of each kernel
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
