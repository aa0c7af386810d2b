// Tested by tests/tools/prefetcher_test.cpp, also under tsan.
#include "tools/data/prefetcher.h"

#include <utility>

namespace cnnc {

Prefetcher::Prefetcher(Batches batches)
    : batches_(std::move(batches)), size_(batches_.size()), thread_([this] { work(); }) {}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stops_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Prefetcher::next(Batch& batch) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return is_ready_ || ended_; });
    if (!is_ready_) {
      if (problem_) std::rethrow_exception(problem_);
      return false;
    }
    std::swap(batch, ready_);  // the thread fills the old one's memory
    is_ready_ = false;
  }
  changed_.notify_all();
  return true;
}

void Prefetcher::work() {
  Batch batch;
  bool more = true;
  while (more) {
    std::exception_ptr problem;
    try {
      more = batches_.next(batch);
    } catch (...) {
      problem = std::current_exception();
      more = false;
    }
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return !is_ready_ || stops_; });
      if (stops_) return;
      problem_ = problem;
      ended_ = !more;
      if (more) {
        std::swap(ready_, batch);
        is_ready_ = true;
      }
    }
    changed_.notify_all();
  }
}

}  // namespace cnnc
