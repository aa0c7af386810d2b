// Prepares batches in a thread of its own, while the trainer works on the one before.
#pragma once
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "tools/data/batches.h"

namespace cnnc {

// Gives the batches of a Batches, in its order and whatever the timing.
class Prefetcher {
 public:
  // Goes on where `batches` stands.
  explicit Prefetcher(Batches batches);
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher();  // the rest of the epoch is not prepared

  // As Batches::next: fills in the next batch, or returns false at the end of the epoch. What the
  // thread threw is thrown here.
  [[nodiscard]] bool next(Batch& batch);

  [[nodiscard]] int64_t size() const { return size_; }

 private:
  void work();

  Batches batches_;  // the thread's
  int64_t size_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  Batch ready_;
  bool is_ready_ = false;
  bool ended_ = false;  // after what is ready, if anything
  bool stops_ = false;
  std::exception_ptr problem_;

  std::thread thread_;  // last: all else exists before it starts
};

}  // namespace cnnc
