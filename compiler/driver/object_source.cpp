#include "compiler/driver/object_source.h"

#include <algorithm>
#include <thread>

#include <sched.h>

#include "compiler/codegen/object_cache.h"

namespace cnnc {

int thread_count(int asked) {
  if (asked > 0) return asked;
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

Result<std::string> object_bytes(const Blueprint& blueprint, int threads, bool use_cache) {
  const Status possible = blueprint.check();
  if (!possible) return possible.diagnostics();
  const ObjectCache cache = use_cache ? ObjectCache::from_environment() : ObjectCache("", 0);
  const std::string key = cache.enabled() ? blueprint.key() : std::string();
  if (cache.enabled()) {
    if (std::optional<std::string> found = cache.find(key)) return *std::move(found);
  }
  Result<std::string> bytes = blueprint.compile(Emit::object, thread_count(threads));
  if (bytes && cache.enabled()) cache.store(key, *bytes);
  return bytes;
}

}  // namespace cnnc
