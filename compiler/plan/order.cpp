// order_kernels: what runs after what. Tested by tests/plan/order_test.cpp.
#include <algorithm>
#include <map>

#include "compiler/plan/memory.h"

namespace cnnc {
namespace {

// More than this does not stay in a core's cache from one kernel to the next, so that sharing it
// tells kernels apart no longer.
constexpr int64_t kWarmBytes = 1 << 20;

// The memory that a kernel touches: its bytes, and whether the kernel writes it.
struct Touched {
  int64_t bytes = 0;
  bool written = false;
};

struct Affinity {
  int64_t warm = 0;     // bytes that both touch, up to kWarmBytes; a learning rate does not count
  int64_t written = 0;  // bytes that both touch and one of them writes
};

bool operator<(const Affinity& a, const Affinity& b) {
  return a.warm != b.warm ? a.warm < b.warm : a.written < b.written;
}

using Touches = std::map<ValueId, Touched>;

Touches touches(const Graph& graph, const std::vector<ValueId>& storage, const Kernel& kernel) {
  Touches result;
  for (ValueId id : kernel.inputs) result[storage[id]].bytes = graph.type(id).bytes();
  for (ValueId id : kernel.outputs) result[storage[id]] = {graph.type(id).bytes(), true};
  return result;
}

Affinity affinity(const Touches& a, const Touches& b) {
  int64_t shared = 0;
  Affinity result;
  for (const auto& [id, touched] : a) {
    const auto other = b.find(id);
    if (other == b.end() || touched.bytes <= kAlignment) continue;
    shared += touched.bytes;
    if (touched.written || other->second.written) result.written += touched.bytes;
  }
  result.warm = std::min(shared, kWarmBytes);
  return result;
}

}  // namespace

std::vector<Kernel> order_kernels(const Graph& graph, std::vector<Kernel> kernels) {
  const std::vector<ValueId> storage = storages(graph, in_no_kernel(graph, kernels));
  std::vector<Touches> touched;
  touched.reserve(kernels.size());
  for (const Kernel& kernel : kernels) touched.push_back(touches(graph, storage, kernel));

  const auto choose = [&](const std::vector<int32_t>& ready, int32_t last) {
    if (last < 0) return ready.front();
    int32_t best = ready.front();
    Affinity most = affinity(touched[last], touched[best]);
    for (int32_t candidate : ready) {
      const Affinity its = affinity(touched[last], touched[candidate]);
      if (most < its) {
        best = candidate;
        most = its;
      }
    }
    return best;
  };
  return list_schedule(graph, std::move(kernels), choose);
}

}  // namespace cnnc
