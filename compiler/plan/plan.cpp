// make_plan: order, lifetimes, offsets. Tested by tests/plan/plan_test.cpp.
#include "compiler/plan/plan.h"

#include <algorithm>

#include "compiler/plan/memory.h"

namespace cnnc {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

bool is_updated_in_place(const Graph& graph, ValueId id) {
  const int32_t producer = graph.values[id].producer;
  return producer >= 0 && graph.nodes[producer].has(kInPlace);
}

class Placer {
 public:
  Placer(Plan& plan, const PlanOptions& options)
      : plan_(plan),
        graph_(plan.graph),
        options_(options),
        storage_(storages(plan.graph, in_no_kernel(plan.graph, plan.kernels))),
        layouts_(value_layouts(plan.graph, options.layout)) {
    plan_.placements.resize(graph_.values.size());
  }

  void run() {
    place_inputs();
    place_parameters_and_states();
    place_outputs();
    place_workspace();
    for (size_t id = 0; id < graph_.values.size(); ++id) {
      Placement& placement = plan_.placements[id];
      const ValueId storage = storage_[id];
      if (storage != static_cast<ValueId>(id)) placement = plan_.placements[storage];
      placement.layout = layouts_[id];
    }
    check_in_place();
  }

 private:
  void place(ValueId id, Region region, int64_t index, int64_t offset) {
    plan_.placements[id] = {region, static_cast<int32_t>(index), offset,
                            storage_bytes(graph_.type(id), layouts_[id]), layouts_[id]};
  }

  void place_inputs() {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      place(graph_.inputs[i], Region::input, static_cast<int64_t>(i), 0);
    }
  }

  void place_parameters_and_states() {
    int32_t constants = 0;
    for (const ValueKind kind : {ValueKind::parameter, ValueKind::state}) {
      for (size_t id = 0; id < graph_.values.size(); ++id) {
        if (graph_.values[id].kind != kind) continue;
        if (kind == ValueKind::parameter && options_.parameters == ParameterStorage::constant) {
          place(static_cast<ValueId>(id), Region::constant, constants++, 0);
          continue;
        }
        place(static_cast<ValueId>(id), Region::state, 0, plan_.state_bytes);
        plan_.state_bytes += aligned(graph_.values[id].type.bytes());
      }
    }
  }

  void place_outputs() {
    for (ValueId id : graph_.outputs) {
      if (is_updated_in_place(graph_, id)) continue;
      place(id, Region::output, static_cast<int64_t>(plan_.outputs.size()), 0);
      plan_.outputs.push_back(id);
    }
  }

  void place_workspace() {
    const std::vector<Lifetime> all = lifetimes(graph_, plan_.kernels, layouts_);
    std::vector<Lifetime> blocks;
    std::vector<ValueId> values;
    for (size_t id = 0; id < all.size(); ++id) {
      const bool inside = plan_.placements[id].region == Region::inside;
      if (!inside || all[id].first > all[id].last) continue;
      blocks.push_back(all[id]);
      values.push_back(static_cast<ValueId>(id));
    }
    const Packing packing = pack(blocks);
    for (size_t i = 0; i < values.size(); ++i) {
      place(values[i], Region::workspace, 0, packing.offsets[i]);
    }
    plan_.workspace_bytes = packing.bytes;
  }

  void check_in_place() const {
    for (const Node& node : graph_.nodes) {
      for (size_t k = 0; node.has(kInPlace) && k < node.outputs.size(); ++k) {
        CNNC_CHECK(plan_.placements[node.outputs[k]].region == Region::state,
                   node.name + " updates what is not in the state block");
      }
    }
  }

  Plan& plan_;
  const Graph& graph_;
  const PlanOptions options_;
  const std::vector<ValueId> storage_;
  const std::vector<Layout> layouts_;
};

// Gives each output of the caller a value of its own, computed by a node that writes it.
void copy_shared_outputs(Graph& graph) {
  std::vector<bool> taken(graph.values.size());
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const ValueId id = graph.outputs[i];
    const Value value = graph.values[id];
    if (value.kind == ValueKind::result && (is_updated_in_place(graph, id) || !taken[id])) {
      taken[id] = true;
      continue;
    }
    CNNC_CHECK(value.type.rank() > 0, "cannot copy the scalar %" + value.name);
    Attrs attrs;
    attrs.set("rows", value.type.shape[0]);  // all of them
    graph.outputs[i] = graph.add("CropBatch", value.name + ".copy", attrs, {id})[0];
  }
}

}  // namespace

Plan make_plan(Graph graph, const PlanOptions& options) {
  Plan plan;
  copy_shared_outputs(graph);
  plan.graph = std::move(graph);
  plan.kernels = order_kernels(plan.graph, group_kernels(plan.graph, options.layout));
  Placer(plan, options).run();
  return plan;
}

void set_border_layouts(Plan& plan, Layout inputs, Layout outputs) {
  for (size_t id = 0; id < plan.placements.size(); ++id) {
    Placement& placement = plan.placements[id];
    const Type& type = plan.graph.values[id].type;
    if (type.rank() < 2) continue;
    if (placement.region == Region::input) placement.layout = inputs;
    if (placement.region == Region::output) placement.layout = outputs;
    if (placement.region != Region::inside) {
      placement.bytes = storage_bytes(type, placement.layout);
    }
  }
}

}  // namespace cnnc
