#include "compiler/support/files.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "compiler/support/aligned_memory.h"

namespace cnnc {
namespace {

Diagnostic system_error(const std::string& path, const char* action) {
  return file_error(path, std::string("cannot ") + action + ": " + std::strerror(errno));
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) return file_error(path, "is a directory");
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return system_error(path, "open");
  // Files of devices have no size, and others may grow meanwhile.
  constexpr size_t kLeast = 1 << 16;
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  const size_t expected = std::max(kLeast, code ? 0 : static_cast<size_t>(size) + 1);
  std::string bytes;
  bytes.reserve(expected);
  ask_for_large_pages(bytes.data(), static_cast<int64_t>(expected));
  bytes.resize(expected);
  size_t used = 0;
  ssize_t count = 0;
  while ((count = ::read(file, bytes.data() + used, bytes.size() - used)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    used += static_cast<size_t>(count);
    if (used == bytes.size()) bytes.resize(2 * used);
  }
  const Diagnostic failure = count < 0 ? system_error(path, "read") : Diagnostic();
  ::close(file);
  if (count < 0) return failure;
  bytes.resize(used);
  return bytes;
}

Status write_file_atomically(const std::string& path, std::string_view bytes) {
  // Names of other writers, in this process or another, differ.
  static std::atomic<uint64_t> counter{0};
  std::string temporary;
  int file = -1;
  do {
    temporary = path + "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp";
    file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (file < 0 && errno == EEXIST);
  if (file < 0) return system_error(path, "write");
  bool ok = write_all(file, bytes);
  ok = ::close(file) == 0 && ok;
  ok = ok && std::rename(temporary.c_str(), path.c_str()) == 0;
  if (ok) return success();
  Diagnostic diagnostic = system_error(path, "write");
  ::unlink(temporary.c_str());
  return diagnostic;
}

}  // namespace cnnc
