// Objects of blueprints, through the cache where it is wanted.
#pragma once
#include "compiler/driver/blueprint.h"

namespace cnnc {

// The number of threads that 0 stands for: one per processor that this process may run on.
[[nodiscard]] int thread_count(int asked);

Result<ObjectCode> object_code(const Blueprint& blueprint, int threads, bool use_cache);
// Only the bytes.
Result<std::string> object_bytes(const Blueprint& blueprint, int threads, bool use_cache);

}  // namespace cnnc
