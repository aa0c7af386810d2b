// A cache of object files on disk, safe under concurrent writers and readers.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace cnnc {

class ObjectCache {
 public:
  // The folder is $CNNC_CACHE_DIR, else $XDG_CACHE_HOME/cnnc, else ~/.cache/cnnc; an empty
  // CNNC_CACHE_DIR, or no such folder, turns the cache off.
  static ObjectCache from_environment();
  ObjectCache(std::string folder, int64_t size_limit);

  // `key` is any text that holds everything that can change the bytes.
  [[nodiscard]] std::optional<std::string> find(const std::string& key) const;
  // Failures to store are silent: a cache is never a reason to fail.
  void store(const std::string& key, const std::string& bytes) const;

  [[nodiscard]] bool enabled() const { return !folder_.empty(); }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  int64_t size_limit_ = 0;
};

}  // namespace cnnc
