// Reading whole files, and writing them so that nothing is ever half there.
#include "compiler/support/files.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <string>

#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using test::file_bytes;
using test::TempFolder;

size_t entries(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    count += !entry.path().empty();
  return count;
}

// While it lives, no file can grow beyond `bytes`: a full disk, as root too.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_CASE("read_file gives all bytes", "[support]") {
  const TempFolder folder;
  std::string bytes(200000, 'a');
  bytes[7] = '\0';
  bytes[100000] = '\n';
  const Result<std::string> read = read_file(folder.write("f", bytes));
  REQUIRE(read.ok());
  CHECK(*read == bytes);
  CHECK(read_file(folder.write("empty", ""))->empty());
}

TEST_CASE("read_file says why it cannot", "[support]") {
  const TempFolder folder;
  const Result<std::string> missing = read_file(folder / "nothing");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.diagnostics()[0].message ==
        folder / "nothing" + ": cannot open: No such file or directory");
  const Result<std::string> directory = read_file(folder.path());
  REQUIRE_FALSE(directory.ok());
  CHECK(directory.diagnostics()[0].message == folder.path() + ": is a directory");
}

TEST_CASE("write_file_atomically writes and replaces", "[support]") {
  const TempFolder folder;
  const std::string path = folder / "f";
  REQUIRE(write_file_atomically(path, "one").ok());
  CHECK(file_bytes(path) == "one");
  REQUIRE(write_file_atomically(path, std::string(300000, 'x')).ok());
  CHECK(file_bytes(path) == std::string(300000, 'x'));
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("write_file_atomically makes files as others do, by the umask", "[support]") {
  const TempFolder folder;
  const mode_t mask = ::umask(022);
  const bool ok = write_file_atomically(folder / "f", "x").ok();
  ::umask(mask);
  REQUIRE(ok);
  struct stat info{};
  REQUIRE(::stat((folder / "f").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0644);
}

TEST_CASE("a failed write leaves the earlier file and nothing else", "[support]") {
  const TempFolder folder;
  const std::string path = folder.write("f", "earlier");
  Status status = success();
  {
    const FileSizeLimit limit(1000);
    status = write_file_atomically(path, std::string(100000, 'x'));
  }
  REQUIRE_FALSE(status.ok());
  CHECK(status.diagnostics()[0].message == path + ": cannot write: File too large");
  CHECK(file_bytes(path) == "earlier");
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("a write that cannot begin or end says so", "[support]") {
  const TempFolder folder;
  CHECK_FALSE(write_file_atomically(folder / "no/such/folder/f", "x").ok());
  std::filesystem::create_directory(folder / "taken");
  CHECK_FALSE(write_file_atomically(folder / "taken", "x").ok());
  CHECK(entries(folder.path()) == 1);
}

}  // namespace
}  // namespace cnnc
