// Aliases and dependences. Tested by tests/plan/order_test.cpp.
#include "compiler/plan/memory.h"

#include <algorithm>

namespace cnnc {
namespace {

// Follows each value to what it lives in; nodes are in order, so one step per value is enough.
std::vector<ValueId> follow(const Graph& graph, const std::vector<bool>& free_view, bool in_place) {
  std::vector<ValueId> result(graph.values.size());
  for (size_t id = 0; id < result.size(); ++id) result[id] = static_cast<ValueId>(id);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (free_view[i]) {
      result[node.outputs[0]] = result[node.inputs[0]];
    } else if (in_place && node.has(kInPlace)) {
      for (size_t k = 0; k < node.outputs.size(); ++k) {
        result[node.outputs[k]] = result[node.inputs[k]];
      }
    }
  }
  return result;
}

void sort_unique(std::vector<int32_t>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

std::vector<ValueId> origins(const Graph& graph, const std::vector<bool>& free_view) {
  return follow(graph, free_view, false);
}

std::vector<ValueId> storages(const Graph& graph, const std::vector<bool>& free_view) {
  return follow(graph, free_view, true);
}

std::vector<std::vector<int32_t>> predecessors(const Graph& graph,
                                               const std::vector<bool>& free_view) {
  const std::vector<ValueId> origin = origins(graph, free_view);
  std::vector<std::vector<int32_t>> readers(graph.values.size());  // per origin
  std::vector<std::vector<int32_t>> before(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (free_view[i]) continue;
    for (ValueId id : graph.nodes[i].inputs) {
      if (id == kNoValue) continue;
      readers[origin[id]].push_back(static_cast<int32_t>(i));
      const int32_t producer = graph.values[origin[id]].producer;
      if (producer >= 0) before[i].push_back(producer);
    }
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
      for (int32_t reader : readers[origin[node.inputs[k]]]) {
        if (reader != static_cast<int32_t>(i)) before[i].push_back(reader);
      }
    }
  }
  for (std::vector<int32_t>& list : before) sort_unique(list);
  return before;
}

std::vector<bool> in_no_kernel(const Graph& graph, const std::vector<Kernel>& kernels) {
  std::vector<bool> result(graph.nodes.size(), true);
  for (const Kernel& kernel : kernels) {
    for (int32_t node : kernel.nodes) result[node] = false;
  }
  return result;
}

std::vector<Lifetime> lifetimes(const Graph& graph, const std::vector<Kernel>& kernels,
                                const std::vector<Layout>& layouts) {
  const std::vector<ValueId> storage = storages(graph, in_no_kernel(graph, kernels));
  std::vector<Lifetime> result(graph.values.size(), Lifetime{0, 1, 0});
  for (size_t step = 0; step < kernels.size(); ++step) {
    for (const std::vector<ValueId>* ids : {&kernels[step].inputs, &kernels[step].outputs}) {
      for (ValueId id : *ids) {
        Lifetime& lifetime = result[storage[id]];
        if (lifetime.first > lifetime.last) lifetime.first = static_cast<int32_t>(step);
        lifetime.last = static_cast<int32_t>(step);
        lifetime.bytes = storage_bytes(graph.type(storage[id]), layouts[storage[id]]);
      }
    }
  }
  return result;
}

std::vector<Kernel> list_schedule(
    const Graph& graph, std::vector<Kernel> kernels,
    const std::function<int32_t(const std::vector<int32_t>&, int32_t)>& choose) {
  std::vector<int32_t> kernel_of(graph.nodes.size(), -1);
  for (size_t k = 0; k < kernels.size(); ++k) {
    for (int32_t node : kernels[k].nodes) kernel_of[node] = static_cast<int32_t>(k);
  }
  const auto before = predecessors(graph, in_no_kernel(graph, kernels));
  std::vector<std::vector<int32_t>> after(kernels.size());
  std::vector<size_t> missing(kernels.size());
  for (size_t k = 0; k < kernels.size(); ++k) {
    std::vector<int32_t> needed;
    for (int32_t node : kernels[k].nodes) {
      for (int32_t earlier : before[node]) {
        if (kernel_of[earlier] != static_cast<int32_t>(k)) needed.push_back(kernel_of[earlier]);
      }
    }
    sort_unique(needed);
    missing[k] = needed.size();
    for (int32_t other : needed) after[other].push_back(static_cast<int32_t>(k));
  }
  std::vector<int32_t> ready;  // ascending
  for (size_t k = 0; k < kernels.size(); ++k) {
    if (missing[k] == 0) ready.push_back(static_cast<int32_t>(k));
  }
  std::vector<Kernel> result;
  int32_t last = -1;
  while (!ready.empty()) {
    last = choose(ready, last);
    ready.erase(std::find(ready.begin(), ready.end(), last));
    for (int32_t k : after[last]) {
      if (--missing[k] == 0) ready.insert(std::upper_bound(ready.begin(), ready.end(), k), k);
    }
    result.push_back(std::move(kernels[last]));
  }
  CNNC_CHECK(result.size() == kernels.size(), "kernels depend on each other in a circle");
  return result;
}

}  // namespace cnnc
