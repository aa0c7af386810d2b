// verify(plan): runs the plan on the names of values instead of their numbers.
//
// Independent of how the plan was made: it knows only placements, and what each piece of memory
// holds after each step. Tested by tests/plan/verify_test.cpp.
#include <algorithm>

#include "compiler/plan/memory.h"

namespace cnnc {
namespace {

struct Content {
  ValueId value;
  Placement at;
};

bool same_memory(const Placement& a, const Placement& b) {
  return a.region == b.region && a.index == b.index && a.offset == b.offset && a.bytes == b.bytes;
}

bool overlap(const Placement& a, const Placement& b) {
  return a.region == b.region && a.index == b.index && a.offset < b.offset + b.bytes &&
         b.offset < a.offset + a.bytes;
}

bool has(const std::vector<ValueId>& list, ValueId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

class Verifier {
 public:
  explicit Verifier(const Plan& plan) : plan_(plan), graph_(plan.graph) {}

  std::string run() {
    if (plan_.placements.size() != graph_.values.size()) return "not one placement per value\n";
    check_partition();
    check_placements();
    check_views();
    if (!problems_.empty()) return problems_;
    for (size_t id = 0; id < graph_.values.size(); ++id) {
      if (graph_.values[id].kind != ValueKind::result) write(static_cast<ValueId>(id));
    }
    for (const Kernel& kernel : plan_.kernels) run_kernel(kernel);
    for (ValueId id : graph_.outputs) {
      if (!holds(id)) problem("the output " + name(id) + " is not in its place at the end");
    }
    return problems_;
  }

 private:
  void problem(const std::string& what) { problems_ += what + "\n"; }
  std::string name(ValueId id) const { return "%" + graph_.values[id].name; }
  const Placement& at(ValueId id) const { return plan_.placements[id]; }

  void check_partition() {
    kernel_of_.assign(graph_.nodes.size(), -1);
    for (size_t k = 0; k < plan_.kernels.size(); ++k) {
      for (int32_t node : plan_.kernels[k].nodes) {
        if (kernel_of_[node] >= 0) problem(graph_.nodes[node].name + " is in two kernels");
        kernel_of_[node] = static_cast<int32_t>(k);
      }
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (kernel_of_[i] < 0 && !node.has(kView)) problem(node.name + " is in no kernel");
    }
  }

  int64_t size_of(const Placement& placement) const {
    switch (placement.region) {
      case Region::workspace:
        return plan_.workspace_bytes;
      case Region::state:
        return plan_.state_bytes;
      default:
        return placement.bytes;
    }
  }

  void check_placements() {
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const ValueId id = static_cast<ValueId>(i);
      const Placement& placement = at(id);
      if (placement.region == Region::inside) continue;
      if (placement.bytes != storage_bytes(graph_.type(id), placement.layout))
        problem(name(id) + " has another size");
      if (placement.offset < 0 || placement.offset % kAlignment != 0) {
        problem(name(id) + " is not aligned");
      }
      if (placement.offset + placement.bytes > size_of(placement)) {
        problem(name(id) + " lies beyond the end of its region");
      }
      if (placement.region == Region::workspace && graph_.values[i].kind != ValueKind::result) {
        problem(name(id) + " lies in the workspace but is no result");
      }
    }
    for (size_t i = 0; i < plan_.outputs.size(); ++i) {
      const Placement& placement = at(plan_.outputs[i]);
      if (placement.region != Region::output || placement.index != static_cast<int32_t>(i) ||
          placement.layout != Layout::row_major) {
        problem("the output " + name(plan_.outputs[i]) + " is not in the caller's memory");
      }
    }
  }

  // A view in no kernel names the memory of its input, in which its elements lie in order.
  void check_views() {
    origin_.resize(graph_.values.size());
    for (size_t i = 0; i < origin_.size(); ++i) origin_[i] = static_cast<ValueId>(i);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (kernel_of_[i] >= 0) continue;
      const ValueId from = graph_.nodes[i].inputs[0];
      const ValueId to = graph_.nodes[i].outputs[0];
      origin_[to] = origin_[from];
      if (at(from).region == Region::inside && at(to).region == Region::inside) continue;
      if (!same_memory(at(from), at(to)) || !same_order(graph_.type(from).shape, at(from).layout,
                                                        graph_.type(to).shape, at(to).layout)) {
        problem("the view " + name(to) + " is not its input's memory");
      }
    }
  }

  bool holds(ValueId id) const {
    for (const Content& content : contents_) {
      if (content.value == origin_[id]) return same_memory(content.at, at(id));
    }
    return false;
  }

  void write(ValueId id) {
    const Placement& place = at(id);
    const auto lost = [&](const Content& c) { return overlap(c.at, place) || c.value == id; };
    contents_.erase(std::remove_if(contents_.begin(), contents_.end(), lost), contents_.end());
    contents_.push_back({id, place});
  }

  void run_kernel(const Kernel& kernel) {
    const int32_t own = kernel.nodes.empty() ? -1 : kernel_of_[kernel.nodes.front()];
    std::vector<ValueId> computed;
    for (int32_t id : kernel.nodes) {
      const Node& node = graph_.nodes[id];
      for (ValueId value : node.inputs) {
        if (value == kNoValue || has(kernel.inputs, value) || has(computed, value)) continue;
        problem(kernel.name + ": " + node.name + " reads " + name(value) + ", which is no input");
      }
      for (ValueId value : node.outputs) computed.push_back(value);
    }
    for (ValueId id : kernel.inputs) {
      if (at(id).region == Region::inside) {
        problem(kernel.name + " reads " + name(id) + ", which has no memory");
      } else if (!holds(id)) {
        problem(kernel.name + " reads " + name(id) + ", which is not there");
      }
      for (ValueId output : kernel.outputs) {
        if (overlap(at(id), at(output)) && !is_update(kernel, id, output)) {
          problem(kernel.name + " writes " + name(output) + " over its input " + name(id));
        }
      }
    }
    for (size_t i = 0; i < kernel.outputs.size(); ++i) {
      const ValueId id = kernel.outputs[i];
      if (!has(computed, id)) problem(kernel.name + " does not compute " + name(id));
      if (at(id).region != Region::workspace && at(id).region != Region::output &&
          at(id).region != Region::state) {
        problem(kernel.name + " writes " + name(id) + " where it must not");
      }
      for (size_t j = 0; j < i; ++j) {
        if (overlap(at(id), at(kernel.outputs[j]))) {
          problem(kernel.name + " writes two outputs to one place");
        }
      }
      write(id);
    }
    for (ValueId id : computed) {
      const int32_t producer = graph_.values[id].producer;
      if (producer < 0 || kernel_of_[producer] != own) problem(name(id) + " has another producer");
      if (graph_.nodes[producer].has(kInPlace) && !has(kernel.outputs, id)) {
        problem(kernel.name + " updates " + name(id) + " but does not say so");
      }
    }
  }

  // Whether a node of the kernel overwrites `input` by `output`, and no other node reads `input`.
  bool is_update(const Kernel& kernel, ValueId input, ValueId output) const {
    bool found = false;
    for (int32_t id : kernel.nodes) {
      const Node& node = graph_.nodes[id];
      bool updates = false;
      for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
        updates = updates || (node.inputs[k] == input && node.outputs[k] == output);
      }
      if (!updates && has(node.inputs, input)) return false;
      found = found || updates;
    }
    return found;
  }

  const Plan& plan_;
  const Graph& graph_;
  std::vector<int32_t> kernel_of_;
  std::vector<ValueId> origin_;
  std::vector<Content> contents_;
  std::string problems_;
};

}  // namespace

std::string verify(const Plan& plan) { return Verifier(plan).run(); }

}  // namespace cnnc
