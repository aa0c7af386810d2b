// Memory that kernels work in, and large pages.
#pragma once
#include <cstdint>

namespace cnnc {

// Asks for large pages for those that lie in a block that was not touched yet. Only a hint: without
// it everything works, slower.
void ask_for_large_pages(void* begin, int64_t bytes);

// A block of zeros, aligned to a cache line. Large blocks ask for large pages: kernels walk through
// many channels at a time, and the processor would look up an address in each.
class AlignedMemory {
 public:
  explicit AlignedMemory(int64_t bytes);
  AlignedMemory(AlignedMemory&& other) noexcept;
  AlignedMemory& operator=(AlignedMemory&& other) noexcept;
  ~AlignedMemory();

  [[nodiscard]] uint8_t* data() { return data_; }
  [[nodiscard]] const uint8_t* data() const { return data_; }

 private:
  void* mapping_ = nullptr;
  int64_t mapped_bytes_ = 0;
  uint8_t* data_ = nullptr;
};

}  // namespace cnnc
