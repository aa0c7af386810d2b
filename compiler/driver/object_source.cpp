#include "compiler/driver/object_source.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
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

// In the cache: the bound of the stack as a decimal number, a line feed, the object.
std::string to_entry(const ObjectCode& code) {
  return std::to_string(code.stack_bytes) + "\n" + code.bytes;
}

std::optional<ObjectCode> from_entry(const std::string& entry) {
  ObjectCode code;
  const char* begin = entry.data();
  const char* end = begin + entry.size();
  const auto [stop, failure] = std::from_chars(begin, end, code.stack_bytes);
  if (failure != std::errc() || stop == end || *stop != '\n') return std::nullopt;
  code.bytes.assign(stop + 1, end);
  return code;
}

}  // namespace

Result<ObjectCode> object_code(const Blueprint& blueprint, int threads, bool use_cache) {
  const Status possible = blueprint.check();
  if (!possible) return possible.diagnostics();
  const ObjectCache cache = use_cache ? ObjectCache::from_environment() : ObjectCache("", 0);
  const std::string key = cache.enabled() ? blueprint.key() : std::string();
  if (cache.enabled()) {
    if (const std::optional<std::string> found = cache.find(key)) {
      if (std::optional<ObjectCode> code = from_entry(*found)) return *std::move(code);
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
