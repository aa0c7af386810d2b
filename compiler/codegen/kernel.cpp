#include "compiler/codegen/kernel.h"

#include <algorithm>
#include <optional>

#include "compiler/codegen/choice.h"
#include "compiler/codegen/packing.h"
#include "compiler/codegen/pool_problem.h"
#include "compiler/ops/lowering.h"

namespace cnnc {
namespace {

std::vector<int64_t> reversed(std::vector<int64_t> list) {
  std::reverse(list.begin(), list.end());
  return list;
}

// The height or width of a shape, 1 where it has none.
int64_t extent(const Shape& shape, size_t dimension) {
  return dimension < shape.size() ? shape[dimension] : 1;
}

// ---- description -------------------------------------------------------------------------------

void describe_anchor(const Graph& graph, const Kernel& kernel, Problem& problem) {
  const Node& anchor = graph.nodes[kernel.anchor];
  const Shape& shape = graph.type(anchor.outputs[0]).shape;
  problem.family = anchor.op->schedule;
  problem.rank = static_cast<int64_t>(shape.size());
  problem.n = shape[0];
  problem.c = extent(shape, 1);
  problem.h = extent(shape, 2);
  problem.w = extent(shape, 3);
  const Attrs& attrs = anchor.attrs;
  problem.groups = attrs.has("groups") ? attrs.integer("groups") : 1;
  if (attrs.has("stride")) {
    problem.stride_h = attrs.integers("stride")[0];
    problem.stride_w = attrs.integers("stride")[1];
    problem.dilation_h = attrs.integers("dilation")[0];
    problem.dilation_w = attrs.integers("dilation")[1];
  }
  if (attrs.has("padding") && !attrs.is_text("padding")) {
    for (int64_t pad : attrs.integers("padding")) problem.padded |= pad != 0;
  }
  const Shape& first = graph.type(anchor.inputs[0]).shape;
  const Shape& second = graph.type(anchor.inputs[1]).shape;
  if (problem.family == "product") {
    const int64_t elements = element_count(shape);
    problem.reduce_c = anchor.op->flops(attrs, graph.types(anchor.inputs), {}) / 2 / elements;
  } else if (problem.family == "conv" || problem.family == "linear") {
    // Inputs: what is multiplied, the weights [Cout, Cin/groups, KH, KW].
    problem.reduce_c = first[1] / problem.groups;
    problem.reduce_h = extent(second, 2);
    problem.reduce_w = extent(second, 3);
    problem.input_h = extent(first, 2);
    problem.input_w = extent(first, 3);
    problem.transposed = attrs.has("input_height") || attrs.has("output_padding");
  } else {
    // Weight gradients: the output gradient, the input.
    problem.input_h = extent(second, 2);
    problem.input_w = extent(second, 3);
    problem.reduce_c = first[0];
    problem.reduce_h = extent(first, 2);
    problem.reduce_w = extent(first, 3);
  }
}

void describe_followers(const Graph& graph, const Kernel& kernel, Problem& problem) {
  const Shape& result = graph.type(kernel.outputs[0]).shape;
  if (problem.family.empty()) problem.c = extent(result, 1);
  problem.result_h = extent(result, 2);
  problem.result_w = extent(result, 3);
  for (int32_t id : kernel.nodes) {
    const Node& node = graph.nodes[id];
    if (node.has(kWindow) && id != kernel.anchor) {
      const std::vector<int64_t>& window = node.attrs.integers("kernel_size");
      problem.window_h = window[0];
      problem.window_w = window[1];
    }
    if (node.has(kCheapGather) && id != kernel.anchor && kernel.anchor >= 0) {
      const Shape& shape = graph.type(node.outputs[0]).shape;
      problem.staged_row_bytes = extent(shape, 1) * extent(shape, 3) * 4;
    }
  }
}

// Whether the anchor reads its parameters in panels.
bool wants_panels(const KernelSpec& spec) {
  return spec.params.schedule == "conv_channel" || spec.params.schedule == "winograd";
}

KernelArgument describe_argument(const Graph& graph, ValueId id, const Placement& placement,
                                 const WeightPacking& packing) {
  KernelArgument argument;
  argument.value = id;
  argument.dtype = graph.type(id).dtype;
  argument.packing = packing;
  if (placement.region == Region::input || placement.region == Region::output) {
    argument.alignment = byte_width(argument.dtype);
  }
  if (packing.panel > 0) {
    argument.extents = packed_extents(graph.type(id).shape, packing);
    argument.strides = dense_scratch(argument.extents).strides;
  } else {
    argument.extents = reversed(graph.type(id).shape);
    argument.strides = reversed(strides(graph.type(id).shape, placement.layout));
  }
  return argument;
}

// Everything that the code depends on, with values numbered in the order of appearance.
std::string signature_of(const Graph& graph, const Kernel& kernel, const KernelSpec& spec) {
  std::map<ValueId, int64_t> numbers;
  const auto number = [&](ValueId id) {
    if (id == kNoValue) return std::string("-");
    return std::to_string(numbers.emplace(id, numbers.size()).first->second);
  };
  std::string text =
      spec.params.schedule + " " + std::to_string(spec.params.a) + "x" +
      std::to_string(spec.params.b) + " tiles " + std::to_string(spec.params.tile) + " rows " +
      std::to_string(spec.params.rows) + "/" + std::to_string(spec.params.band_rows) + "x" +
      std::to_string(spec.params.columns) + " tasks " + std::to_string(spec.params.tasks) +
      " blocks " + std::to_string(spec.params.block_c) + "x" + std::to_string(spec.params.block_n) +
      (spec.params.stages_input ? " staged" : "") + (spec.params.packs_weights ? " packed" : "") +
      (spec.params.separates_border ? " border apart" : "") + "\n";
  for (const KernelArgument& argument : spec.arguments) {
    text += "  %" + number(argument.value) + ": " + to_string(argument.dtype) +
            to_string(argument.extents) + to_string(argument.strides) +
            to_string(argument.packing) + " aligned " + std::to_string(argument.alignment) + "\n";
  }
  for (int32_t id : kernel.nodes) {
    const Node& node = graph.nodes[id];
    text += "  " + node.op->name + "(";
    for (ValueId input : node.inputs) text += " %" + number(input);
    text += ") ->";
    for (ValueId output : node.outputs)
      text += " %" + number(output) + to_string(graph.type(output));
    for (const auto& [name, value] : node.attrs.all()) text += " " + name + "=" + to_string(value);
    text += "\n";
  }
  return text;
}

// Whether a node sums the batch, in so many lanes.
bool sums_batch(const Graph& graph, const Node& node, int64_t lanes) {
  if (node.op->schedule != "channel_sum") return false;
  const Shape& from = graph.type(node.inputs[0]).shape;
  const Shape& to = graph.type(node.outputs[0]).shape;
  return from[0] % lanes == 0 && (to.size() < from.size() || to[0] != from[0]);
}

// Whether a value of the kernel lies in another order than row-major. What only parameters flow
// into does not, and has no vectors of the batch.
bool touches_batch(const Kernel& kernel, const std::vector<Placement>& placements) {
  const auto is_other = [&](ValueId id) { return placements[id].layout != Layout::row_major; };
  return kernel.anchor >= 0 || std::any_of(kernel.inputs.begin(), kernel.inputs.end(), is_other) ||
         std::any_of(kernel.outputs.begin(), kernel.outputs.end(), is_other);
}

// Whether a kernel may compute its anchor by Winograd's algorithm, if the rules choose it. It reads
// and writes whole vectors only: its transforms are unrolled, and elements that are scattered over
// planes would be that many times as many, and take half a minute to compile.
bool allows_winograd(const Graph& graph, const Kernel& kernel,
                     const std::vector<Placement>& placements, const Problem& problem) {
  const std::vector<ValueId>& inputs = graph.nodes[kernel.anchor].inputs;
  const bool batch = problem.vectors == VectorDimension::batch;
  const auto has_vectors = [&](ValueId id) {
    return placements[id].layout == (batch ? Layout::batch_innermost : Layout::channels_last);
  };
  // With the batch innermost, weights are transformed by the kernel; else they must be known.
  if (batch && (problem.rank != 4 || problem.window_h > 0 || problem.staged_row_bytes > 0)) {
    return false;
  }
  if (!has_vectors(inputs[0])) return false;
  if (problem.family == "conv_weight_grad") return has_vectors(inputs[1]);
  return (batch || placements[inputs[1]].region == Region::constant) &&
         std::all_of(kernel.outputs.begin(), kernel.outputs.end(), has_vectors);
}

}  // namespace

KernelSpec describe_kernel(const Graph& graph, const Kernel& kernel,
                           const std::vector<Placement>& placements, Layout layout,
                           const KernelTarget& target, const SharedPacking& shared) {
  KernelSpec spec;
  Problem& problem = spec.problem;
  problem.machine = target.machine;
  problem.vectors = layout == Layout::batch_innermost && touches_batch(kernel, placements)
                        ? VectorDimension::batch
                        : VectorDimension::channel;
  problem.flops = kernel.flops;
  problem.bytes = kernel.bytes;
  if (kernel.anchor >= 0) describe_anchor(graph, kernel, problem);
  const Node& first = graph.nodes[kernel.nodes.front()];
  if (kernel.anchor < 0 && first.op->schedule == "window") describe_window(graph, first, problem);
  if (kernel.anchor < 0 && first.op->schedule == "channel_statistics") {
    problem.family = first.op->schedule;
    problem.c = graph.type(first.outputs[0]).shape[0];
  }
  for (int32_t id : kernel.nodes) {
    const Node& node = graph.nodes[id];
    if (kernel.anchor < 0 && sums_batch(graph, node, target.machine.lanes)) {
      problem.family = "channel_sum";
      problem.c = element_count(graph.type(node.outputs[0]).shape);
    }
  }
  describe_followers(graph, kernel, problem);
  int64_t known_tile = 0;  // of Winograd's algorithm, for which the weights are transformed already
  if (kernel.anchor >= 0) {
    problem.winograd = target.winograd && allows_winograd(graph, kernel, placements, problem);
    const ValueId weight = graph.nodes[kernel.anchor].inputs[1];
    const auto known = shared.winograd.find(graph.values[weight].name);
    if (known != shared.winograd.end()) {
      known_tile = known->second;
      problem.winograd &= known_tile > 0;
    }
  }
  spec.params = choose_params(target, kernel.name, spec);
  if (known_tile > 0 && spec.params.tile != known_tile) {
    const std::optional<Params> winograd = choose_winograd(problem, known_tile);
    CNNC_CHECK(winograd, "kernel " + kernel.name + " reads transformed weights and cannot");
    spec.params = *winograd;
    spec.tuned = {};
  }

  std::vector<ValueId> packed;
  if (wants_panels(spec)) {
    const Node& anchor = graph.nodes[kernel.anchor];
    packed.assign(anchor.inputs.begin() + 1, anchor.inputs.end());
  }
  for (ValueId id : kernel.inputs) {
    WeightPacking packing;
    if (placements[id].region == Region::constant &&
        std::find(packed.begin(), packed.end(), id) != packed.end()) {
      const int64_t tile = spec.params.vector_channels(target.machine);
      packing.panel = shared.panel > 0 ? shared.panel : tile;
      packing.winograd = spec.params.tile;
      packing.outputs_second = problem.transposed && problem.groups == 1;
      packing.tile = tile;
    }
    spec.arguments.push_back(describe_argument(graph, id, placements[id], packing));
  }
  for (ValueId id : kernel.outputs) {
    spec.arguments.push_back(describe_argument(graph, id, placements[id], {}));
  }
  for (const Scratch& scratch : spec.params.scratch) {
    KernelArgument argument;
    argument.extents = scratch.extents;
    argument.strides = scratch.strides;
    spec.arguments.push_back(std::move(argument));
  }
  spec.signature = signature_of(graph, kernel, spec);
  return spec;
}

}  // namespace cnnc
