#include "tests/schedules/guarded_memory.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

namespace cnnc::test {
namespace {

constexpr uint8_t kUntouched = 0xff;

size_t page_size() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

GuardedMemory::GuardedMemory(int64_t bytes, int64_t alignment, Side side) : bytes_(bytes) {
  const size_t page = page_size();
  const auto size = static_cast<size_t>(bytes);
  accessible_ = std::max<size_t>(1, (size + page - 1) / page) * page;
  void* all =
      ::mmap(nullptr, accessible_ + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) throw std::runtime_error("mmap failed");
  pages_ = static_cast<uint8_t*>(all) + page;
  if (::mprotect(pages_, accessible_, PROT_READ | PROT_WRITE) != 0) {
    throw std::runtime_error("mprotect failed");
  }
  std::memset(pages_, kUntouched, accessible_);
  const size_t slack = accessible_ - size;
  const auto unit = static_cast<size_t>(alignment);
  data_ = pages_ + (side == Side::begin ? 0 : slack / unit * unit);
}

GuardedMemory::GuardedMemory(GuardedMemory&& other) noexcept
    : bytes_(other.bytes_),
      pages_(other.pages_),
      accessible_(other.accessible_),
      data_(other.data_) {
  other.pages_ = nullptr;
}

GuardedMemory::~GuardedMemory() {
  if (!pages_) return;
  const size_t page = page_size();
  ::munmap(pages_ - page, accessible_ + 2 * page);
}

void GuardedMemory::forbid_writes() {
  if (::mprotect(pages_, accessible_, PROT_READ) != 0) throw std::runtime_error("mprotect failed");
}

bool GuardedMemory::is_intact() const {
  const auto is_untouched = [](uint8_t byte) { return byte == kUntouched; };
  return std::all_of(pages_, data_, is_untouched) &&
         std::all_of(data_ + bytes_, pages_ + accessible_, is_untouched);
}

}  // namespace cnnc::test
