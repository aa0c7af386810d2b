// One file per entry, named by the SHA-256 of its key: the object's bytes, then a footer.
// Tested by tests/codegen/object_cache_test.cpp.
#include "compiler/codegen/object_cache.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/ADT/StringRef.h>
#include <llvm/Support/SHA256.h>
#include <llvm/Support/xxhash.h>

#include "compiler/support/files.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMegabyte = int64_t{1} << 20;
constexpr int64_t kDefaultMegabytes = 512;

// What an entry ends with; numbers in the machine's byte order, as entries are its code.
struct EntryFooter {
  char magic[8] = {'c', 'n', 'n', 'c', '.', 'o', 'b', 'j'};
  uint64_t version = 1;
  uint64_t size = 0;  // of the object
  uint64_t checksum[2] = {};
  char key[32] = {};  // the key's digest
};

std::string digest(std::string_view text) {
  llvm::SHA256 hash;
  hash.update(llvm::StringRef(text.data(), text.size()));
  const auto bytes = hash.final();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The checksum finds damage; against forgery there is only the owner of the folder.
EntryFooter footer_of(const std::string& key_digest, std::string_view object) {
  EntryFooter footer;
  footer.size = object.size();
  const llvm::XXH128_hash_t sum = llvm::xxh3_128bits(
      llvm::ArrayRef(reinterpret_cast<const uint8_t*>(object.data()), object.size()));
  footer.checksum[0] = sum.low64;
  footer.checksum[1] = sum.high64;
  std::memcpy(footer.key, key_digest.data(), sizeof footer.key);
  return footer;
}

std::string_view bytes_of(const EntryFooter& footer) {
  return {reinterpret_cast<const char*>(&footer), sizeof footer};
}

std::string entry_path(const std::string& folder, const std::string& key_digest) {
  return folder + "/" + llvm::toHex(key_digest, true) + ".o";
}

// The code of an entry gets run, so nobody else may have written it.
bool is_ours(const std::string& folder) {
  struct stat status = {};
  return ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid() && (status.st_mode & S_IWOTH) == 0;
}

bool make_folder(const std::string& folder) {
  std::error_code code;
  if (fs::is_directory(folder, code)) return is_ours(folder);
  const fs::path parent = fs::path(folder).parent_path();
  if (!parent.empty()) fs::create_directories(parent, code);
  ::mkdir(folder.c_str(), 0700);
  return is_ours(folder);
}

// Entries, and what crashed writers left of theirs: names that begin with a key's digest.
bool is_entry_name(const std::string& name) {
  constexpr size_t kHexDigits = 64;
  return name.size() > kHexDigits && name[kHexDigits] == '.' &&
         name.find_first_not_of("0123456789abcdef") == kHexDigits;
}

struct StoredFile {
  fs::file_time_type used;
  int64_t size = 0;
  fs::path path;
};

// Removes the least recently used files until the rest fits. Others may do so at the same time.
void trim(const std::string& folder, int64_t size_limit) {
  std::vector<StoredFile> files;
  int64_t total = 0;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    if (!is_entry_name(it->path().filename().string())) continue;
    std::error_code gone;
    const auto size = static_cast<int64_t>(it->file_size(gone));
    if (gone) continue;
    const fs::file_time_type used = it->last_write_time(gone);
    if (gone) continue;
    files.push_back({used, size, it->path()});
    total += size;
  }
  if (total <= size_limit) return;
  std::sort(files.begin(), files.end(),
            [](const StoredFile& a, const StoredFile& b) { return a.used < b.used; });
  for (const StoredFile& file : files) {
    if (total <= size_limit) return;
    std::error_code ignored;
    fs::remove(file.path, ignored);
    total -= file.size;
  }
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string folder_from_environment() {
  if (std::getenv("CNNC_CACHE_DIR")) return environment("CNNC_CACHE_DIR");
  const std::string cache = environment("XDG_CACHE_HOME");
  if (!cache.empty() && cache[0] == '/') return cache + "/cnnc";
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.cache/cnnc";
}

int64_t limit_from_environment() {
  const std::string text = environment("CNNC_CACHE_SIZE");
  int64_t megabytes = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), megabytes);
  const bool valid = failure == std::errc() && end == text.data() + text.size() && megabytes >= 0 &&
                     megabytes < (int64_t{1} << 40);
  return (valid ? megabytes : kDefaultMegabytes) * kMegabyte;
}

}  // namespace

ObjectCache ObjectCache::from_environment() {
  return ObjectCache(folder_from_environment(), limit_from_environment());
}

ObjectCache::ObjectCache(std::string folder, int64_t size_limit)
    : folder_(size_limit > 0 ? std::move(folder) : std::string()), size_limit_(size_limit) {}

std::optional<std::string> ObjectCache::find(const std::string& key) const {
  if (!enabled() || !is_ours(folder_)) return std::nullopt;
  const std::string key_digest = digest(key);
  const std::string path = entry_path(folder_, key_digest);
  Result<std::string> entry = read_file(path);
  if (!entry) return std::nullopt;
  if (entry->size() >= sizeof(EntryFooter)) {
    const size_t size = entry->size() - sizeof(EntryFooter);
    const std::string_view all = *entry;
    if (all.substr(size) == bytes_of(footer_of(key_digest, all.substr(0, size)))) {
      ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used just now
      entry->resize(size);
      return *std::move(entry);
    }
  }
  ::unlink(path.c_str());
  return std::nullopt;
}

void ObjectCache::store(const std::string& key, const std::string& bytes) const {
  const int64_t size = static_cast<int64_t>(bytes.size() + sizeof(EntryFooter));
  if (!enabled() || size > size_limit_ || !make_folder(folder_)) return;
  const std::string key_digest = digest(key);
  const EntryFooter footer = footer_of(key_digest, bytes);
  std::string entry;
  entry.reserve(static_cast<size_t>(size));
  entry += bytes;
  entry += bytes_of(footer);
  if (!write_file_atomically(entry_path(folder_, key_digest), entry)) return;
  trim(folder_, size_limit_);
}

}  // namespace cnnc
