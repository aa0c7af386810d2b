// Checks for bugs of ours. Input never trips a check: what a user can cause is a Result.
#pragma once
#include <stdexcept>
#include <string>

namespace cnnc {

// A broken invariant inside the compiler. Tools report it as a bug and exit with status 3.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void internal_error(const char* file, int line, const std::string& what);

}  // namespace cnnc

#define CNNC_CHECK(condition, ...)                                                          \
  do {                                                                                      \
    if (!(condition)) ::cnnc::internal_error(__FILE__, __LINE__, std::string(__VA_ARGS__)); \
  } while (false)
