// Memory between pages that nobody may touch: a kernel that leaves its buffers is caught in the
// act.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cnnc::test {

class GuardedMemory {
 public:
  // At which end the forbidden page is adjacent; at the other one it is as near as the alignment
  // and the size allow.
  enum class Side { begin, end };

  // Every byte is 0xff, which makes NaN of a float. `alignment` divides the size of a page.
  GuardedMemory(int64_t bytes, int64_t alignment, Side side);
  GuardedMemory(GuardedMemory&& other) noexcept;
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory();

  [[nodiscard]] uint8_t* data() const { return data_; }
  [[nodiscard]] int64_t bytes() const { return bytes_; }
  void forbid_writes();
  // Whether the bytes between data and pages are as they were.
  [[nodiscard]] bool is_intact() const;

 private:
  int64_t bytes_;
  uint8_t* pages_ = nullptr;  // the first accessible one
  size_t accessible_ = 0;     // bytes
  uint8_t* data_ = nullptr;
};

}  // namespace cnnc::test
