// The program in a generated header's opening comment.
#pragma once
#include <sstream>
#include <string>

namespace cnnc::test {

[[nodiscard]] inline std::string example_in(const std::string& header) {
  std::istringstream lines(header);
  std::string line, program;
  bool inside = false;
  while (std::getline(lines, line) && line.rfind("//", 0) == 0) {
    inside = inside || line.rfind("//   #include", 0) == 0;
    if (inside) program += line.substr(2) + "\n";
  }
  return program;
}

}  // namespace cnnc::test
