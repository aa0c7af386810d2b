// group_kernels: which nodes one function computes. Tested by tests/plan/group_test.cpp.
#include <algorithm>
#include <cctype>
#include <set>

#include "compiler/plan/memory.h"

namespace cnnc {
namespace {

constexpr size_t kLongestName = 60;
constexpr int32_t kNoKernel = -1;

class Grouper {
 public:
  Grouper(const Graph& graph, Layout layout)
      : graph_(graph),
        free_view_(free_views(graph, layout)),
        origin_(origins(graph, free_view_)),
        consumers_(consumers(graph)),
        before_(predecessors(graph, free_view_)),
        kernel_of_(graph.nodes.size(), kNoKernel),
        is_output_(graph.values.size()) {
    for (ValueId id : graph.outputs) is_output_[id] = true;
  }

  // Anchors choose first, so that no elementwise node is lost to a kernel without one.
  std::vector<Kernel> run() {
    for (const bool anchors : {true, false}) {
      for (size_t i = 0; i < graph_.nodes.size(); ++i) {
        const bool is_free = free_view_[i] || kernel_of_[i] != kNoKernel;
        if (!is_free && graph_.nodes[i].has(kAnchor) == anchors) begin(static_cast<int32_t>(i));
      }
    }
    for (Kernel& kernel : kernels_) finish(kernel);
    std::sort(kernels_.begin(), kernels_.end(),
              [&](const Kernel& a, const Kernel& b) { return begin_of(a) < begin_of(b); });
    name_kernels();
    return list_schedule(graph_, std::move(kernels_),
                         [](const std::vector<int32_t>& ready, int32_t) { return ready.front(); });
  }

 private:
  static int32_t begin_of(const Kernel& kernel) {
    return kernel.anchor >= 0 ? kernel.anchor : kernel.nodes.front();
  }

  void begin(int32_t first) {
    Kernel kernel;
    if (graph_.nodes[first].has(kAnchor)) kernel.anchor = first;
    current_ = static_cast<int32_t>(kernels_.size());
    take(kernel, first);
    if (graph_.nodes[first].has(kStagesInput0)) take_prologue(kernel);
    if (!graph_.nodes[first].has(kView)) {
      while (grow(kernel)) {
      }
    }
    kernels_.push_back(std::move(kernel));
  }

  void take(Kernel& kernel, int32_t node) {
    kernel.nodes.push_back(node);
    kernel_of_[node] = current_;
  }

  void take_prologue(Kernel& kernel) {
    const int32_t anchor = kernel.anchor;
    const ValueId input = graph_.nodes[anchor].inputs[0];
    const int32_t gather = graph_.values[input].producer;
    if (gather < 0 || !graph_.nodes[gather].has(kCheapGather) || kernel_of_[gather] != kNoKernel ||
        only_consumer(input) != anchor || graph_.nodes[gather].outputs.size() != 1) {
      return;
    }
    const std::vector<ValueId>& reads = graph_.nodes[anchor].inputs;
    if (std::count(reads.begin(), reads.end(), input) != 1) return;
    kernel_of_[anchor] = kNoKernel;  // would the anchor, beside the gather, wait for the gather?
    kernel_of_[gather] = current_;
    const bool circle = waits_for_current(anchor);
    kernel_of_[anchor] = current_;
    if (circle) {
      kernel_of_[gather] = kNoKernel;
    } else {
      kernel.nodes.insert(kernel.nodes.begin(), gather);
    }
  }

  // Takes the only consumer of the last value, if it may join.
  bool grow(Kernel& kernel) {
    const ValueId value = graph_.nodes[kernel.nodes.back()].outputs[0];
    const int32_t next = only_consumer(value);
    if (next < 0 || kernel_of_[next] != kNoKernel || free_view_[next]) return false;
    const Node& node = graph_.nodes[next];
    const Shape& shape = graph_.type(node.outputs[0]).shape;
    if (node.has(kWindow)) {
      if (kernel.anchor < 0 || node.inputs[0] != value || shape.size() != 4) return false;
      for (int32_t id : kernel.nodes) {
        if (graph_.nodes[id].has(kWindow)) return false;
      }
    } else if (!node.has(kElementwise) || shape != graph_.type(value).shape) {
      return false;
    }
    if (!outputs_have_shape(kernel.nodes, value, shape) ||
        !outputs_have_shape({next}, kNoValue, shape) || !reads_fit(kernel, node) ||
        waits_for_current(next)) {
      return false;
    }
    take(kernel, next);
    return true;
  }

  // The node that alone reads `value`, or -1.
  int32_t only_consumer(ValueId value) const {
    return consumers_[value].size() == 1 && !is_output_[value] ? consumers_[value][0] : -1;
  }

  bool is_used_outside(ValueId value) const {
    if (is_output_[value]) return true;
    const int32_t own = kernel_of_[graph_.values[value].producer];
    for (int32_t node : consumers_[value]) {
      if (kernel_of_[node] != own || own == kNoKernel) return true;
    }
    return false;
  }

  // All outputs of a kernel have one shape: they come out of one loop nest.
  bool outputs_have_shape(const std::vector<int32_t>& nodes, ValueId except,
                          const Shape& shape) const {
    for (int32_t id : nodes) {
      for (ValueId value : graph_.nodes[id].outputs) {
        if (value != except && is_used_outside(value) && graph_.type(value).shape != shape) {
          return false;
        }
      }
    }
    return true;
  }

  // Whether the node reads values of the current kernel by their own names only, and overwrites
  // nothing that the kernel reads.
  bool reads_fit(const Kernel& kernel, const Node& node) const {
    for (ValueId id : node.inputs) {
      if (id == kNoValue) continue;
      const int32_t producer = graph_.values[origin_[id]].producer;
      if (producer >= 0 && kernel_of_[producer] == current_ && origin_[id] != id) return false;
    }
    for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
      for (int32_t id : kernel.nodes) {
        for (ValueId read : graph_.nodes[id].inputs) {
          if (read != kNoValue && origin_[read] == origin_[node.inputs[k]]) return false;
        }
      }
    }
    return true;
  }

  // Whether `node` needs something that can only run after the current kernel, other than the
  // kernel's own values. Other kernels run as a whole.
  bool waits_for_current(int32_t node) const {
    std::vector<bool> seen(graph_.nodes.size());
    std::vector<int32_t> open;
    const auto visit = [&](int32_t id) {
      if (!seen[id]) open.push_back(id);
      seen[id] = true;
    };
    for (int32_t id : before_[node]) {
      if (kernel_of_[id] != current_) visit(id);
    }
    while (!open.empty()) {
      const int32_t id = open.back();
      open.pop_back();
      for (int32_t earlier : before_[id]) {
        if (kernel_of_[earlier] == current_) return true;
        visit(earlier);
      }
      if (kernel_of_[id] == kNoKernel) continue;
      for (int32_t other : kernels_[kernel_of_[id]].nodes) visit(other);
    }
    return false;
  }

  void finish(Kernel& kernel) const {
    const int32_t own = kernel_of_[kernel.nodes.front()];
    std::set<ValueId> seen;
    for (int32_t id : kernel.nodes) {
      const Node& node = graph_.nodes[id];
      for (ValueId value : node.inputs) {
        if (value == kNoValue) continue;
        const int32_t producer = graph_.values[value].producer;
        const bool inside = producer >= 0 && kernel_of_[producer] == own;
        if (!inside && seen.insert(value).second) kernel.inputs.push_back(value);
      }
      for (ValueId value : node.outputs) {
        if (node.has(kInPlace) || is_used_outside(value)) kernel.outputs.push_back(value);
      }
      if (node.op->flops) {
        kernel.flops +=
            node.op->flops(node.attrs, graph_.types(node.inputs), graph_.types(node.outputs));
      }
    }
    if (kernel.outputs.empty()) {  // computed for nothing: eliminate_dead was not asked
      kernel.outputs.push_back(graph_.nodes[kernel.nodes.back()].outputs[0]);
    }
    for (ValueId value : kernel.inputs) kernel.bytes += graph_.type(value).bytes();
    for (ValueId value : kernel.outputs) kernel.bytes += graph_.type(value).bytes();
  }

  // Unique C identifiers.
  void name_kernels() {
    std::set<std::string> taken;
    for (Kernel& kernel : kernels_) {
      std::string name;
      for (int32_t id : kernel.nodes) name += (name.empty() ? "" : "_") + graph_.nodes[id].name;
      for (char& c : name) {
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
      }
      if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) name.insert(0, "k");
      kernel.name = name.substr(0, kLongestName);
      for (int n = 2; !taken.insert(kernel.name).second; ++n) {
        const std::string number = "_" + std::to_string(n);
        kernel.name = name.substr(0, kLongestName - number.size()) + number;
      }
    }
  }

  const Graph& graph_;
  const std::vector<bool> free_view_;
  const std::vector<ValueId> origin_;
  const std::vector<std::vector<int32_t>> consumers_;
  const std::vector<std::vector<int32_t>> before_;
  std::vector<int32_t> kernel_of_;
  std::vector<bool> is_output_;
  std::vector<Kernel> kernels_;
  int32_t current_ = 0;
};

}  // namespace

std::vector<Kernel> group_kernels(const Graph& graph, Layout layout) {
  return Grouper(graph, layout).run();
}

}  // namespace cnnc
