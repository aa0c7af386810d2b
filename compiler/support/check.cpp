#include "compiler/support/check.h"

#include <cstring>

namespace cnnc {

void internal_error(const char* file, int line, const std::string& what) {
  const char* slash = std::strrchr(file, '/');
  throw InternalError("internal error at " + std::string(slash ? slash + 1 : file) + ":" +
                      std::to_string(line) + ": " + what);
}

}  // namespace cnnc
