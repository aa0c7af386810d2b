// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/stop_signal.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace cnnc::cli {
namespace {

// Only what is free of locks may be touched by a handler.
std::atomic<int64_t> stop_time{0};  // milliseconds; 0: nobody asked
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1 + static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

// One wish may come twice at once: from the terminal, and passed on by a parent such as timeout.
void remember(int signal) {
  constexpr int64_t kSameWish = 500;
  const int64_t now = milliseconds();
  int64_t first = 0;
  if (stop_time.compare_exchange_strong(first, now) || now - first < kSameWish) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action{};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return stop_time.load() != 0; }

}  // namespace cnnc::cli
