// Files of the repo that tests compare with.
//
// CNNC_SOURCE_DIR, a compile definition, is the root of the repo. With the environment variable
// CNNC_UPDATE_GOLDEN set, a test writes the files anew instead, and the review sees the difference.
#pragma once
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace cnnc::test {

[[nodiscard]] inline std::string source_path(const std::string& path) {
  return std::string(CNNC_SOURCE_DIR) + "/" + path;
}

// The text that the file is to hold: what it holds, or after an update `actual`.
[[nodiscard]] inline std::string golden(const std::string& path, const std::string& actual) {
  if (std::getenv("CNNC_UPDATE_GOLDEN")) {
    std::ofstream(source_path(path), std::ios::binary) << actual;
  }
  return file_bytes(source_path(path));
}

}  // namespace cnnc::test
