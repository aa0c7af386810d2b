// Runs tools as a user does.
#pragma once
#include <cstdlib>
#include <string>

namespace cnnc::test {

// Whether the shell command ends with status 0.
[[nodiscard]] inline bool succeeds(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(bugprone-command-processor): the tests' own
}

}  // namespace cnnc::test
