#include "tests/conformance/workers.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "compiler/support/check.h"

namespace cnnc::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Child {
  int64_t task = -1;
  pid_t process = -1;
  int pipe = -1;
  std::string text;
  Clock::time_point deadline;
};

Child start(int64_t index, int seconds, const std::function<std::string(int64_t)>& task) {
  int ends[2];
  CNNC_CHECK(pipe(ends) == 0, "no pipe");
  std::fflush(nullptr);
  const pid_t process = fork();
  CNNC_CHECK(process >= 0, "no process");
  if (process == 0) {
    close(ends[0]);
    const std::string text = task(index);
    size_t written = 0;
    while (written < text.size()) {
      const ssize_t more = write(ends[1], text.data() + written, text.size() - written);
      if (more <= 0) _exit(1);
      written += static_cast<size_t>(more);
    }
    close(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  return {index, process, ends[0], "", Clock::now() + std::chrono::seconds(seconds)};
}

TaskEnd finish(Child& child, bool is_late) {
  if (is_late) kill(child.process, SIGKILL);
  close(child.pipe);
  int status = 0;
  waitpid(child.process, &status, 0);
  if (is_late) return {"", "no end in time"};
  if (WIFSIGNALED(status)) return {"", "signal " + std::to_string(WTERMSIG(status))};
  if (WEXITSTATUS(status) != 0) return {"", "exit code " + std::to_string(WEXITSTATUS(status))};
  return {std::move(child.text), ""};
}

}  // namespace

std::vector<TaskEnd> run_in_processes(int64_t count, int processes, int seconds,
                                      const std::function<std::string(int64_t)>& task) {
  std::vector<TaskEnd> ends(static_cast<size_t>(count));
  std::vector<Child> running;
  int64_t next = 0;
  while (next < count || !running.empty()) {
    while (next < count && static_cast<int>(running.size()) < processes) {
      running.push_back(start(next++, seconds, task));
    }
    std::vector<pollfd> pipes;
    for (const Child& child : running) pipes.push_back({child.pipe, POLLIN, 0});
    constexpr int kMilliseconds = 200;
    poll(pipes.data(), pipes.size(), kMilliseconds);
    for (size_t i = running.size(); i-- > 0;) {
      Child& child = running[i];
      const bool is_late = Clock::now() > child.deadline;
      bool is_done = is_late;
      if ((pipes[i].revents & (POLLIN | POLLHUP)) != 0) {
        char buffer[4096];
        const ssize_t got = read(child.pipe, buffer, sizeof buffer);
        if (got > 0) child.text.append(buffer, static_cast<size_t>(got));
        is_done = got <= 0;
      }
      if (!is_done) continue;
      ends[child.task] = finish(child, is_late);
      running.erase(running.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  return ends;
}

}  // namespace cnnc::test
