// Whole files in and out. Writing never leaves half a file and never loses an earlier one.
#pragma once
#include <string>
#include <string_view>

#include "compiler/support/result.h"

namespace cnnc {

// The bytes of a regular file.
Result<std::string> read_file(const std::string& path);

// Writes beside `path`, then renames over it. A failure leaves an earlier file as it was.
Status write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace cnnc
