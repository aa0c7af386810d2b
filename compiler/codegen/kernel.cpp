#include "compiler/codegen/kernel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

#include <sys/mman.h>
#include <unistd.h>

#include "compiler/codegen/choice.h"
#include "compiler/codegen/packing.h"
#include "compiler/codegen/pool_problem.h"
#include "compiler/ops/lowering.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;

Halide::Type halide_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return Halide::Float(32);
    case DType::i32:
      return Halide::Int(32);
    case DType::u8:
      return Halide::UInt(8);
  }
  CNNC_CHECK(false, "unknown dtype");
  return {};
}

std::vector<int64_t> reversed(std::vector<int64_t> list) {
  std::reverse(list.begin(), list.end());
  return list;
}

std::vector<int64_t> dense_strides(const std::vector<int64_t>& extents) {
  std::vector<int64_t> result;
  int64_t stride = 1;
  for (int64_t extent : extents) {
    result.push_back(stride);
    stride *= extent;
  }
  return result;
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
  if (problem.family == "conv" || problem.family == "linear") {
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
    argument.strides = dense_strides(argument.extents);
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
      std::to_string(spec.params.b) + " rows " + std::to_string(spec.params.rows) + "/" +
      std::to_string(spec.params.band_rows) + "x" + std::to_string(spec.params.columns) +
      " tasks " + std::to_string(spec.params.tasks) + " blocks " +
      std::to_string(spec.params.block_c) + "x" + std::to_string(spec.params.block_n) +
      (spec.params.stages_input ? " staged" : "") +
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

// ---- building ----------------------------------------------------------------------------------

void constrain(Halide::OutputImageParam param, const KernelArgument& argument, bool bounds) {
  for (size_t i = 0; i < argument.extents.size(); ++i) {
    auto dimension = param.dim(static_cast<int>(i));
    if (bounds) dimension.set_bounds(0, static_cast<int>(argument.extents[i]));
    dimension.set_stride(static_cast<int>(argument.strides[i]));
  }
  param.set_host_alignment(static_cast<int>(argument.alignment));
}

// A Func of a parameter's logical dimensions that reads its panels.
Func unpack(const ImageParam& packed, int64_t rank, const WeightPacking& packing,
            const std::string& name) {
  Func logical(name);
  const std::vector<Halide::Var> v = variables(rank);
  const int width = static_cast<int>(packing.panel);
  if (rank == 1) logical(v) = packed(v[0]);
  if (rank == 2) logical(v) = packed(v[1] % width, v[0], v[1] / width);
  if (rank == 4) {
    const auto [in, out] = packing.outputs_second ? std::pair{v[3], v[2]} : std::pair{v[2], v[3]};
    logical(v) = packed(out % width, in, v[0], v[1], out / width);
  }
  return logical;
}

// An image that may be asked for anywhere: a block of it that is staged has one size everywhere.
Func clamped(const Func& image, const Shape& shape) {
  Func result("staged");
  const std::vector<Halide::Var> v = variables(4);
  result(v) = image(Halide::clamp(v[0], 0, static_cast<int>(shape[3]) - 1),
                    Halide::clamp(v[1], 0, static_cast<int>(shape[2]) - 1), v[2], v[3]);
  return result;
}

// Whether an output of the node reads, in its own definition, what an earlier output overwrites.
bool reads_overwritten(const Lowering& lowering) {
  class Calls : public Halide::Internal::IRVisitor {
   public:
    explicit Calls(std::string name) : name_(std::move(name)) {}
    bool found = false;

   private:
    using IRVisitor::visit;
    void visit(const Halide::Internal::Call* call) override {
      found |= call->name == name_;
      IRVisitor::visit(call);
    }
    std::string name_;
  };
  for (size_t k = 1; lowering.node.has(kInPlace) && k < lowering.outputs.size(); ++k) {
    for (size_t earlier = 0; earlier < k; ++earlier) {
      Calls calls(lowering.inputs[earlier].name());
      lowering.outputs[k].value().accept(&calls);
      if (calls.found) return true;
    }
  }
  return false;
}

// Computes all elements of a vector of `tuple`, which `result` stores, before the first is stored.
void compute_before_stores(Func& tuple, const Func& result) {
  const std::string name = result.function().definition().schedule().dims().front().var;
  const Halide::Var innermost(name.substr(name.rfind('.') + 1));
  tuple.compute_at(result, innermost).store_in(Halide::MemoryType::Register);
}

struct BuiltKernel {
  Halide::Pipeline pipeline;
  std::vector<Halide::Argument> arguments;
};

BuiltKernel build(const Graph& graph, const Kernel& kernel, const KernelSpec& spec) {
  std::map<ValueId, Func> funcs;
  BuiltKernel built;
  for (size_t i = 0; i < kernel.inputs.size(); ++i) {
    const KernelArgument& argument = spec.arguments[i];
    ImageParam param(halide_type(argument.dtype), static_cast<int>(argument.extents.size()),
                     "in" + std::to_string(i));
    constrain(param, argument, true);
    built.arguments.emplace_back(param);
    funcs[argument.value] = argument.packing.panel > 0
                                ? unpack(param, graph.type(argument.value).rank(), argument.packing,
                                         "unpacked" + std::to_string(i))
                                : Func(param);
  }

  KernelFuncs kernel_funcs;
  int64_t stage_count = 0;
  bool is_circular = false;
  for (int32_t id : kernel.nodes) {
    const Node& node = graph.nodes[id];
    const std::vector<Type> input_types = graph.types(node.inputs);
    const std::vector<Type> output_types = graph.types(node.outputs);
    Lowering lowering{node, input_types, output_types};
    lowering.chunk_rows = spec.params.rows;
    lowering.band_rows = spec.params.band_rows;
    lowering.separates_border = spec.params.separates_border;
    lowering.winograd = id == kernel.anchor && spec.params.schedule == "winograd";
    if (spec.problem.vectors == VectorDimension::batch) lowering.lanes = spec.problem.machine.lanes;
    lowering.pack_width = static_cast<int>(spec.params.b) * spec.problem.machine.lanes;
    for (ValueId input : node.inputs) {
      lowering.inputs.push_back(input == kNoValue ? Func() : funcs.at(input));
    }
    if (id == kernel.anchor && spec.params.stages_input && !kernel_funcs.staged.defined()) {
      kernel_funcs.staged = clamped(lowering.inputs[0], input_types[0].shape);
      lowering.inputs[0] = kernel_funcs.staged;
    }
    node.op->lower(lowering);
    CNNC_CHECK(lowering.outputs.size() == node.outputs.size(), node.op->name + ": wrong lowering");
    for (size_t k = 0; k < node.outputs.size(); ++k) funcs[node.outputs[k]] = lowering.outputs[k];
    is_circular |= reads_overwritten(lowering);
    if (id == kernel.anchor || node.has(kChannelSum)) {
      kernel_funcs.stages = lowering.stages;
      kernel_funcs.anchor = lowering.outputs[0];
    } else {
      for (const auto& [name, stage] : lowering.stages) {
        kernel_funcs.stages[name + "." + std::to_string(stage_count++)] = stage;
      }
    }
    if (node.has(kCheapGather) && kernel.anchor >= 0 && id != kernel.anchor) {
      kernel_funcs.staged = lowering.outputs[0];
    }
  }
  if (kernel.anchor >= 0) {
    const Node& anchor = graph.nodes[kernel.anchor];
    kernel_funcs.anchor_is_result = kernel.outputs == std::vector<ValueId>{anchor.outputs[0]};
  }

  const std::vector<Halide::Var> arguments = variables(graph.type(kernel.outputs[0]).rank());
  const std::vector<Expr> point(arguments.begin(), arguments.end());
  std::vector<Expr> values;
  values.reserve(kernel.outputs.size());
  for (ValueId id : kernel.outputs) values.push_back(at(funcs.at(id), point));
  // Halide stores the elements of a tuple one after the other: in place, what one overwrites
  // another may still have to read.
  Func tuple("tuple");
  if (is_circular) {
    tuple(arguments) = Halide::Tuple(values);
    for (size_t i = 0; i < values.size(); ++i) values[i] = tuple(arguments)[static_cast<int>(i)];
  }
  kernel_funcs.result = Func("result");
  if (values.size() == 1)
    kernel_funcs.result(arguments) = values[0];
  else
    kernel_funcs.result(arguments) = Halide::Tuple(values);

  apply(spec.problem, spec.params, kernel_funcs);
  // What has one element is computed first. In the loops it would be computed again and again:
  // for all that a compiler knows, their stores may change what it is made of.
  for (auto& [name, stage] : kernel_funcs.stages) {
    if (stage.dimensions() == 0 && !stage.has_update_definition()) stage.compute_root();
  }
  if (is_circular) compute_before_stores(tuple, kernel_funcs.result);

  const size_t first_output = kernel.inputs.size();
  std::vector<Halide::OutputImageParam> buffers = kernel_funcs.result.output_buffers();
  for (size_t i = 0; i < buffers.size(); ++i) {
    const KernelArgument& argument = spec.arguments[first_output + i];
    constrain(buffers[i], argument, i == 0);
  }
  std::vector<Func> outputs = {kernel_funcs.result};
  if (kernel_funcs.scratch.defined()) {
    constrain(kernel_funcs.scratch.output_buffer(), spec.arguments.back(), true);
    outputs.push_back(kernel_funcs.scratch);
  }
  built.pipeline = Halide::Pipeline(outputs);
  return built;
}

Halide::Target halide_target(const KernelTarget& target) {
  using Halide::Target;
  Target result(target.halide);
  result = result.with_feature(Target::NoRuntime).with_feature(Target::UserContext);
  if (!target.checked) {
    result = result.with_feature(Target::NoAsserts).with_feature(Target::NoBoundsQuery);
  }
  return result;
}

// Keeps Halide from printing. Halide has one reporter per process, so what it says is kept per
// thread.
class Reporter : public Halide::CompileTimeErrorReporter {
 public:
  static std::string& warnings() {
    thread_local std::string text;
    return text;
  }
  static void install() {
    static Reporter reporter;
    static std::once_flag once;
    std::call_once(once, [] { Halide::set_custom_compile_time_error_reporter(&reporter); });
    warnings().clear();
  }
  void warning(const char* message) override { warnings() += message; }
  [[noreturn]] void error(const char* message) override { throw InternalError(message); }
};

// Halide writes files; this one is in memory.
class MemoryFile {
 public:
  MemoryFile() : file_(::memfd_create("kernel", MFD_CLOEXEC)) {
    CNNC_CHECK(file_ >= 0, std::string("memfd_create: ") + std::strerror(errno));
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(file_); }

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }
  [[nodiscard]] std::string bytes() const {
    std::string result;
    char buffer[1 << 16];
    off_t offset = 0;
    ssize_t count = 0;
    while ((count = ::pread(file_, buffer, sizeof buffer, offset)) > 0) {
      result.append(buffer, static_cast<size_t>(count));
      offset += count;
    }
    return result;
  }

 private:
  int file_;
};

// Whether a value of the kernel lies in another order than row-major. What only parameters flow
// into does not, and has no vectors of the batch.
bool touches_batch(const Kernel& kernel, const std::vector<Placement>& placements) {
  const auto is_other = [&](ValueId id) { return placements[id].layout != Layout::row_major; };
  return kernel.anchor >= 0 || std::any_of(kernel.inputs.begin(), kernel.inputs.end(), is_other) ||
         std::any_of(kernel.outputs.begin(), kernel.outputs.end(), is_other);
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
  for (int32_t id : kernel.nodes) {
    if (kernel.anchor < 0 && graph.nodes[id].has(kChannelSum)) {
      problem.family = "channel_sum";
      problem.c = graph.type(graph.nodes[id].outputs[0]).shape[0];
    }
  }
  describe_followers(graph, kernel, problem);
  bool must_be_winograd = false;  // since the weights are transformed already
  if (kernel.anchor >= 0) {
    const std::vector<ValueId>& inputs = graph.nodes[kernel.anchor].inputs;
    // Its transforms are unrolled: vectors that are scattered over planes would be that many times
    // as many elements, and take half a minute to compile.
    const auto is_channels_last = [&](ValueId id) {
      return placements[id].layout == Layout::channels_last;
    };
    problem.winograd = target.winograd && placements[inputs[1]].region == Region::constant &&
                       is_channels_last(inputs[0]) &&
                       std::all_of(kernel.outputs.begin(), kernel.outputs.end(), is_channels_last);
    const auto known = shared.is_transformed.find(graph.values[inputs[1]].name);
    if (known != shared.is_transformed.end()) {
      problem.winograd &= known->second;
      must_be_winograd = known->second;
    }
  }
  spec.params = choose_params(target, kernel.name, spec);
  if (must_be_winograd && spec.params.schedule != "winograd") {
    const std::optional<Params> winograd = choose_winograd(problem);
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
      packing.is_transformed = spec.params.schedule == "winograd";
      packing.outputs_second = problem.transposed && problem.groups == 1;
      packing.tile = tile;
    }
    spec.arguments.push_back(describe_argument(graph, id, placements[id], packing));
  }
  for (ValueId id : kernel.outputs) {
    spec.arguments.push_back(describe_argument(graph, id, placements[id], {}));
  }
  if (!spec.params.scratch.empty()) {
    KernelArgument scratch;
    scratch.extents = spec.params.scratch;
    scratch.strides = dense_strides(scratch.extents);
    spec.arguments.push_back(std::move(scratch));
  }
  spec.signature = signature_of(graph, kernel, spec);
  return spec;
}

std::string compile_kernel(const Graph& graph, const Kernel& kernel, const KernelSpec& spec,
                           const KernelTarget& target, const std::string& function,
                           KernelForm form) {
  Reporter::install();
  try {
    const BuiltKernel built = build(graph, kernel, spec);
    const Halide::Target full_target = halide_target(target);
    Halide::Pipeline pipeline = built.pipeline;
    const MemoryFile file;
    if (form == KernelForm::bitcode) {
      pipeline.compile_to_bitcode(file.path(), built.arguments, function, full_target);
    } else {
      pipeline.compile_to_lowered_stmt(file.path(), built.arguments, Halide::Text, full_target);
    }
    // A warning is how Halide says that it takes an access to be out of bounds. Code that is right
    // all the same may still be compiled wrongly: the simplifier builds on the contradiction.
    CNNC_CHECK(Reporter::warnings().empty(), Reporter::warnings());
    return file.bytes();
  } catch (const std::exception& error) {
    throw InternalError("kernel " + kernel.name + ": " + error.what() + "\n" + spec.signature);
  }
}

}  // namespace cnnc
