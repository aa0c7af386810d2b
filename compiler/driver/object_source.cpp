#include "compiler/driver/object_source.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include <sched.h>

#include "compiler/codegen/object_cache.h"

namespace cnnc {

int thread_count(int asked) {
  if (asked > 0) return asked;
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

namespace {

// In the cache: the object, then the bound of the stack. The large part can stay where it is read.
std::string to_entry(const ObjectCode& code) {
  const int64_t bound = code.stack_bytes;
  std::string entry;
  entry.reserve(code.bytes.size() + sizeof bound);
  entry += code.bytes;
  entry.append(reinterpret_cast<const char*>(&bound), sizeof bound);
  return entry;
}

std::optional<ObjectCode> from_entry(std::string entry) {
  int64_t bound = 0;
  if (entry.size() < sizeof bound) return std::nullopt;
  const size_t size = entry.size() - sizeof bound;
  std::memcpy(&bound, entry.data() + size, sizeof bound);
  entry.resize(size);
  ObjectCode code;
  code.stack_bytes = bound;
  code.bytes = std::move(entry);
  return code;
}

}  // namespace

Result<ObjectCode> object_code(const Blueprint& blueprint, int threads, bool use_cache) {
  const Status possible = blueprint.check();
  if (!possible) return possible.diagnostics();
  const ObjectCache cache = use_cache ? ObjectCache::from_environment() : ObjectCache("", 0);
  const std::string key = cache.enabled() ? blueprint.key() : std::string();
  if (cache.enabled()) {
    if (std::optional<std::string> found = cache.find(key)) {
      if (std::optional<ObjectCode> code = from_entry(*std::move(found))) return *std::move(code);
    }
  }
  Result<ObjectCode> code = blueprint.compile_object(thread_count(threads));
  if (code && cache.enabled()) cache.store(key, to_entry(*code));
  return code;
}

Result<std::string> object_bytes(const Blueprint& blueprint, int threads, bool use_cache) {
  Result<ObjectCode> code = object_code(blueprint, threads, use_cache);
  if (!code) return code.diagnostics();
  return std::move(code->bytes);
}

}  // namespace cnnc
