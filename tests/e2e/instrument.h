// Objects with the thread sanitizer's instrumentation, as compilers give it to sources.
#pragma once
#include <string>

namespace cnnc::test {

// Object bytes of a module in LLVM's text, in which every access of memory of at most 16 bytes is
// reported to the thread sanitizer.
[[nodiscard]] std::string instrumented_object(const std::string& llvm_text);

}  // namespace cnnc::test
