// Runs tasks in processes of their own, so that none can harm another.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cnnc::test {

struct TaskEnd {
  std::string text;     // what the task returned
  std::string failure;  // else: how its process ended, such as "signal 11"
};

// task(0) ... task(count - 1), `processes` at a time, each for at most `seconds`.
[[nodiscard]] std::vector<TaskEnd> run_in_processes(
    int64_t count, int processes, int seconds, const std::function<std::string(int64_t)>& task);

}  // namespace cnnc::test
