// The cache gives back what was stored or nothing, whatever happens to its files.
#include "compiler/codegen/object_cache.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPlenty = 1 << 20;

std::vector<fs::path> files_in(const std::string& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& file : fs::directory_iterator(folder))
    files.push_back(file.path());
  return files;
}

int64_t bytes_in(const std::string& folder) {
  int64_t bytes = 0;
  for (const fs::path& file : files_in(folder)) bytes += static_cast<int64_t>(fs::file_size(file));
  return bytes;
}

// Sets a variable of the environment, and sets it back at the end.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    if (before) before_ = before;
    if (value) ::setenv(name, value, 1);
    if (!value) ::unsetenv(name);
  }
  ~Variable() {
    if (before_) ::setenv(name_, before_->c_str(), 1);
    if (!before_) ::unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST_CASE("what was stored is found under its key") {
  const test::TempFolder folder;
  const ObjectCache cache(folder / "new/cache", kPlenty);
  CHECK(cache.enabled());
  CHECK_FALSE(cache.find("key"));
  const std::string bytes("\0object\xFF", 8);
  cache.store("key", bytes);
  cache.store("other", "");
  CHECK(cache.find("key") == bytes);
  CHECK(cache.find("other") == "");
  CHECK_FALSE(cache.find("Key"));
  cache.store("key", "newer");
  CHECK(cache.find("key") == "newer");
  CHECK(ObjectCache(folder / "new/cache", kPlenty).find("key") == "newer");

  struct stat status = {};
  REQUIRE(::stat(cache.folder().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(files_in(cache.folder()).size() == 2);
}

TEST_CASE("damaged entries are removed, not returned") {
  const test::TempFolder folder;
  const ObjectCache cache(folder / "cache", kPlenty);
  cache.store("key", "the object");
  const fs::path file = files_in(cache.folder()).at(0);
  const std::string entry = test::file_bytes(file.string());

  std::vector<std::string> damaged = {"", entry.substr(0, 20), entry.substr(0, entry.size() - 1),
                                      entry + "x", std::string(entry.size(), '\0')};
  for (size_t i = 0; i < entry.size(); ++i) {
    damaged.push_back(entry);
    damaged.back()[i] = static_cast<char>(damaged.back()[i] ^ 1);
  }
  for (const std::string& bytes : damaged) {
    std::ofstream(file, std::ios::binary) << bytes;
    CHECK_FALSE(cache.find("key"));
    CHECK_FALSE(fs::exists(file));
  }
  cache.store("key", "the object");
  CHECK(cache.find("key") == "the object");
}

TEST_CASE("an entry under the name of another key is damage") {
  const test::TempFolder folder;
  const ObjectCache cache(folder / "cache", kPlenty);
  cache.store("a", "object of a");
  const fs::path a = files_in(cache.folder()).at(0);
  cache.store("b", "object of b");
  for (const fs::path& file : files_in(cache.folder())) {
    if (file != a) fs::copy_file(a, file, fs::copy_options::overwrite_existing);
  }
  CHECK_FALSE(cache.find("b"));
  CHECK(cache.find("a") == "object of a");
}

TEST_CASE("the least recently used entries make room") {
  const test::TempFolder folder;
  const ObjectCache cache(folder / "cache", 3500);
  const std::string object(1000, 'x');
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(15)); };
  for (const char* key : {"a", "b", "c"}) {
    cache.store(key, object);
    pause();
  }
  CHECK(cache.find("a") == object);  // b is now the one not used for longest
  pause();
  cache.store("d", object);
  CHECK(bytes_in(cache.folder()) <= 3500);
  CHECK_FALSE(cache.find("b"));
  CHECK(cache.find("a"));
  CHECK(cache.find("c"));
  CHECK(cache.find("d"));
  cache.store("too large", std::string(4000, 'x'));
  CHECK_FALSE(cache.find("too large"));
  CHECK(cache.find("d"));
}

TEST_CASE("other files in the folder stay") {
  const test::TempFolder folder;
  const std::string mine = folder.write("notes.txt", std::string(5000, 'x'));
  const ObjectCache cache(folder.path(), 2000);
  cache.store("a", std::string(1500, 'a'));
  cache.store("b", std::string(1500, 'b'));
  CHECK(cache.find("b"));
  CHECK(fs::file_size(mine) == 5000);
}

TEST_CASE("many writers and readers share a cache") {
  const test::TempFolder folder;
  const std::string path = folder / "cache";
  std::vector<std::thread> threads;
  std::vector<int> wrong(6);
  threads.reserve(wrong.size());
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&wrong, &path, t] {
      const ObjectCache cache(path, 60000);
      for (int i = 0; i < 60; ++i) {
        const std::string key = std::to_string((i + static_cast<int>(t)) % 8);
        const std::string object(10000, key[0]);
        cache.store(key, object);
        const std::optional<std::string> found = cache.find(key);
        if (found && *found != object) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(6, 0));
  ObjectCache(path, 60000).store("last", "object");
  CHECK(bytes_in(path) <= 60000);
  CHECK(ObjectCache(path, 60000).find("last") == "object");
}

TEST_CASE("a cache that cannot work is no failure") {
  const test::TempFolder folder;
  const std::string file = folder.write("file", "");
  for (const std::string& path : {std::string(), file, file + "/cache"}) {
    const ObjectCache cache(path, kPlenty);
    cache.store("key", "object");
    CHECK_FALSE(cache.find("key"));
  }
}

TEST_CASE("a folder that others may write to is not trusted") {
  const test::TempFolder folder;
  const ObjectCache cache(folder / "cache", kPlenty);
  cache.store("key", "object");
  fs::permissions(cache.folder(), fs::perms::all);
  CHECK_FALSE(cache.find("key"));
}

TEST_CASE("the environment names the folder and the limit") {
  const test::TempFolder folder;
  const Variable home("HOME", folder.path().c_str());
  const Variable xdg("XDG_CACHE_HOME", nullptr);
  const Variable dir("CNNC_CACHE_DIR", nullptr);
  const Variable size("CNNC_CACHE_SIZE", nullptr);
  CHECK(ObjectCache::from_environment().folder() == folder / ".cache/cnnc");
  {
    const Variable no_home("HOME", nullptr);
    CHECK_FALSE(ObjectCache::from_environment().enabled());
  }
  const Variable xdg_set("XDG_CACHE_HOME", "/xdg");
  CHECK(ObjectCache::from_environment().folder() == "/xdg/cnnc");
  {
    const Variable dir_set("CNNC_CACHE_DIR", "/mine");
    CHECK(ObjectCache::from_environment().folder() == "/mine");
    const Variable none("CNNC_CACHE_SIZE", "0");
    CHECK_FALSE(ObjectCache::from_environment().enabled());
  }
  const Variable off("CNNC_CACHE_DIR", "");
  CHECK_FALSE(ObjectCache::from_environment().enabled());
}

}  // namespace
}  // namespace cnnc
