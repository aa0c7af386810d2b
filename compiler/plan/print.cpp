// print(plan): what runs when, and where it reads and writes. Tested by tests/plan/plan_test.cpp.
#include <algorithm>
#include <cstdio>

#include "compiler/plan/memory.h"

namespace cnnc {
namespace {

constexpr int64_t kBarColumns = 60;

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string number(int64_t value, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%*lld", width, static_cast<long long>(value));
  return text;
}

std::string place(const Placement& placement) {
  const std::string index = std::to_string(placement.index);
  switch (placement.region) {
    case Region::inside:
      return "inside";
    case Region::input:
      return "input " + index;
    case Region::output:
      return "output " + index;
    case Region::state:
      return "state+" + std::to_string(placement.offset);
    case Region::workspace:
      return "workspace+" + std::to_string(placement.offset);
    case Region::constant:
      return "constant " + index;
  }
  return "?";
}

std::string values(const Plan& plan, const std::vector<ValueId>& ids, const char* label) {
  std::string text;
  for (ValueId id : ids) {
    const Placement& placement = plan.placements[id];
    text += "        " + std::string(label) + " %" + padded(plan.graph.values[id].name, 28) + ' ' +
            padded(to_string(plan.graph.type(id)), 22) + ' ' + padded(place(placement), 20) +
            (placement.layout == Layout::row_major ? "" : to_string(placement.layout));
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string kernels(const Plan& plan) {
  std::string text;
  for (size_t step = 0; step < plan.kernels.size(); ++step) {
    const Kernel& kernel = plan.kernels[step];
    std::string ops;
    for (int32_t id : kernel.nodes) {
      ops += (ops.empty() ? "" : " > ") + plan.graph.nodes[id].op->name;
    }
    text += number(static_cast<int64_t>(step), 5) + "  " + kernel.name + ": " + ops + ", " +
            std::to_string(kernel.flops) + " flop, " + std::to_string(kernel.bytes) + " bytes\n";
    text += values(plan, kernel.inputs, "in ") + values(plan, kernel.outputs, "out");
  }
  return text;
}

std::string percent_above(int64_t value, int64_t bound) {
  if (value == bound) return "the least possible";
  char text[48];
  std::snprintf(text, sizeof text, "%.1f %% more",
                100 * static_cast<double>(value - bound) / static_cast<double>(bound));
  return text;
}

// One row per block of the workspace, by offset; one column per step, marked while the block lives.
// Then what lives at each step, as a share of the whole.
std::string map(const Plan& plan) {
  std::vector<Layout> layouts;
  layouts.reserve(plan.placements.size());
  for (const Placement& placement : plan.placements) layouts.push_back(placement.layout);
  const std::vector<Lifetime> all = lifetimes(plan.graph, plan.kernels, layouts);
  std::vector<ValueId> blocks;
  std::vector<Lifetime> in_workspace;
  for (size_t id = 0; id < all.size(); ++id) {
    if (all[id].first > all[id].last || plan.placements[id].region != Region::workspace) continue;
    blocks.push_back(static_cast<ValueId>(id));
    in_workspace.push_back(all[id]);
  }
  std::stable_sort(blocks.begin(), blocks.end(), [&](ValueId a, ValueId b) {
    return plan.placements[a].offset < plan.placements[b].offset;
  });
  const int64_t bound = packing_lower_bound(in_workspace);
  std::string text = "workspace: packed " + std::to_string(plan.workspace_bytes) +
                     " bytes, lower bound " + std::to_string(bound) + " bytes (" +
                     percent_above(plan.workspace_bytes, bound) + ")\n";
  if (blocks.empty()) return text;
  std::string ruler;
  for (size_t step = 0; step < plan.kernels.size(); ++step) ruler += std::to_string(step % 10);
  text += "      offset       bytes  " + ruler + "  value\n";
  for (ValueId id : blocks) {
    std::string row(plan.kernels.size(), '.');
    for (int32_t step = all[id].first; step <= all[id].last; ++step) row[step] = '#';
    text += number(plan.placements[id].offset, 12) + number(all[id].bytes, 12) + "  " + row +
            "  %" + plan.graph.values[id].name + '\n';
  }
  text += "  kernel  live bytes\n";
  for (size_t step = 0; step < plan.kernels.size(); ++step) {
    int64_t live = 0;
    for (const Lifetime& block : in_workspace) {
      const auto now = static_cast<int32_t>(step);
      if (block.first <= now && now <= block.last) {
        live += (block.bytes + kAlignment - 1) / kAlignment * kAlignment;
      }
    }
    const std::string bar(static_cast<size_t>(live * kBarColumns / plan.workspace_bytes), '=');
    text += number(static_cast<int64_t>(step), 8) + number(live, 12) +
            (bar.empty() ? "" : "  " + bar) + '\n';
  }
  return text;
}

}  // namespace

std::string print(const Plan& plan) {
  return "plan " + plan.graph.name + ": " + std::to_string(plan.kernels.size()) + " kernels\n" +
         kernels(plan) + map(plan) + "state: " + std::to_string(plan.state_bytes) + " bytes\n";
}

}  // namespace cnnc
