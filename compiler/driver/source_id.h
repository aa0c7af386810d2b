// What the compiler was built from: part of the key of cached objects.
#pragma once

namespace cnnc {

// A digest of the compiler's own sources and the versions of Halide and LLVM.
extern const char* const kSourceId;

}  // namespace cnnc
