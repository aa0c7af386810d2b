// Tested by tests/frontend/layer_order_test.cpp.
#include "compiler/frontend/layer_order.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace cnnc {
namespace {

// A cycle among the layers that still wait. Each of them reads another of them.
std::vector<size_t> find_cycle(const std::vector<std::vector<size_t>>& reads,
                               const std::vector<size_t>& waiting_for) {
  constexpr size_t kUnseen = static_cast<size_t>(-1);
  std::vector<size_t> seen_at(reads.size(), kUnseen);
  std::vector<size_t> path;
  size_t at = 0;
  while (waiting_for[at] == 0) ++at;
  while (seen_at[at] == kUnseen) {
    seen_at[at] = path.size();
    path.push_back(at);
    at = *std::find_if(reads[at].begin(), reads[at].end(),
                       [&](size_t read) { return waiting_for[read] > 0; });
  }
  path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(seen_at[at]));
  std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
  return path;
}

}  // namespace

LayerOrder order_layers(const std::vector<std::vector<size_t>>& reads) {
  std::vector<std::vector<size_t>> readers(reads.size());
  std::vector<size_t> waiting_for(reads.size());
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < reads.size(); ++i) {
    for (size_t read : reads[i]) readers[read].push_back(i);
    waiting_for[i] = reads[i].size();
    if (waiting_for[i] == 0) ready.push(i);
  }
  LayerOrder result;
  while (!ready.empty()) {
    const size_t next = ready.top();
    ready.pop();
    result.order.push_back(next);
    for (size_t reader : readers[next]) {
      if (--waiting_for[reader] == 0) ready.push(reader);
    }
  }
  if (result.order.size() < reads.size()) result.cycle = find_cycle(reads, waiting_for);
  return result;
}

}  // namespace cnnc
