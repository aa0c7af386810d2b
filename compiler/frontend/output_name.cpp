// Tested by tests/frontend/output_name_test.cpp.
#include "compiler/frontend/output_name.h"

#include <algorithm>

namespace cnnc {

OutputName parse_output_name(const std::string& text) {
  constexpr size_t kMostDigits = 6;
  const size_t open = text.rfind('[');
  if (open == std::string::npos || text.back() != ']') return {text, 0};
  const std::string digits = text.substr(open + 1, text.size() - open - 2);
  const bool is_number =
      !digits.empty() && digits.size() <= kMostDigits &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return {text, 0};
  return {text.substr(0, open), static_cast<size_t>(std::stoi(digits))};
}

}  // namespace cnnc
