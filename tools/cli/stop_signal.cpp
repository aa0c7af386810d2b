// Tested by tests/tools/cnnc_train_command_test.py.
#include "tools/cli/stop_signal.h"

#include <csignal>

namespace cnnc::cli {
namespace {

// A handler can reach nothing but a variable like this one.
volatile std::sig_atomic_t stop = 0;

void remember(int /*signal*/) { stop = 1; }

}  // namespace

void catch_stop_signals() {
  struct sigaction action{};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return stop != 0; }

}  // namespace cnnc::cli
