#include "compiler/support/aligned_memory.h"

#include <new>
#include <utility>

#include <sys/mman.h>

namespace cnnc {
namespace {

constexpr int64_t kLargePage = int64_t{2} << 20;

}  // namespace

void ask_for_large_pages(void* begin, int64_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t before = (kLargePage - address % kLargePage) % kLargePage;
  const int64_t whole = (bytes - static_cast<int64_t>(before)) / kLargePage * kLargePage;
  if (whole <= 0) return;
#ifdef MADV_HUGEPAGE
  (void)::madvise(static_cast<uint8_t*>(begin) + before, static_cast<size_t>(whole), MADV_HUGEPAGE);
#endif
}

AlignedMemory::AlignedMemory(int64_t bytes) {
  const bool is_large = bytes >= kLargePage;
  mapped_bytes_ = bytes + (is_large ? kLargePage : 1);
  mapping_ = ::mmap(nullptr, static_cast<size_t>(mapped_bytes_), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(mapping_);
  if (!is_large) return;
  data_ += (kLargePage - reinterpret_cast<uintptr_t>(data_) % kLargePage) % kLargePage;
  ask_for_large_pages(data_, mapped_bytes_ - (data_ - static_cast<uint8_t*>(mapping_)));
}

AlignedMemory::AlignedMemory(AlignedMemory&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)),
      data_(std::exchange(other.data_, nullptr)) {}

AlignedMemory& AlignedMemory::operator=(AlignedMemory&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  std::swap(data_, other.data_);
  return *this;
}

AlignedMemory::~AlignedMemory() {
  if (mapping_ != nullptr) ::munmap(mapping_, static_cast<size_t>(mapped_bytes_));
}

}  // namespace cnnc
