// compile_kernel: the Funcs of a kernel, scheduled, as code. Tested by tests/schedules and
// tests/codegen.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "compiler/codegen/description_checks.h"
#include "compiler/codegen/kernel.h"
#include "compiler/codegen/prefetch.h"
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

// The weights of a convolution in the order in which tiles of `width` output channels read them:
// (channel of the tile, channel of the reduction, tap x, tap y, tile).
Func packed_weights(const Func& weight, bool outputs_second, int64_t width, int64_t outputs) {
  const Halide::Var ci("ci"), x("x"), y("y"), r("r"), co("co");
  const Expr channel =
      Halide::min(co * static_cast<int>(width) + ci, static_cast<int>(outputs) - 1);
  Func packed("packed");
  packed(ci, r, x, y, co) = outputs_second ? weight(x, y, channel, r) : weight(x, y, r, channel);
  return packed;
}

// The weights, read from where they are packed.
Func unpacked_weights(const Func& packed, bool outputs_second, int64_t width) {
  const std::vector<Halide::Var> v = variables(4);
  const auto [in, out] = outputs_second ? std::pair{v[3], v[2]} : std::pair{v[2], v[3]};
  const int tile = static_cast<int>(width);
  Func weight("weight");
  weight(v) = packed(out % tile, in, v[0], v[1], out / tile);
  return weight;
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

// Loops of their own for ranges of an argument of a result, whose formulas differ.
struct Ranges {
  size_t argument = 0;
  std::vector<int64_t> begins;
};

void define(Func& result, const std::vector<Expr>& point, const std::vector<Expr>& values) {
  if (values.size() == 1) {
    result(point) = values[0];
  } else {
    result(point) = Halide::Tuple(values);
  }
}

// Defines `result` as `outputs` at each of its arguments, range by range.
void define_ranges(Func& result, const std::vector<Func>& outputs,
                   const std::vector<Halide::Var>& arguments, const Ranges& ranges,
                   int64_t extent) {
  std::vector<Expr> undefined;
  undefined.reserve(outputs.size());
  for (const Func& output : outputs) undefined.push_back(Halide::undef(output.types()[0]));
  define(result, {arguments.begin(), arguments.end()}, undefined);
  for (size_t i = 0; i < ranges.begins.size(); ++i) {
    const int64_t end = i + 1 < ranges.begins.size() ? ranges.begins[i + 1] : extent;
    const Halide::RDom r(static_cast<int>(ranges.begins[i]),
                         static_cast<int>(end - ranges.begins[i]));
    std::vector<Expr> point(arguments.begin(), arguments.end());
    point[ranges.argument] = r;
    std::vector<Expr> values;
    values.reserve(outputs.size());
    for (const Func& output : outputs) values.push_back(at(output, point));
    define(result, point, values);
  }
}

Lowering::Winograd winograd_of(const Params& params) {
  if (params.schedule == schedules::winograd.name) return Lowering::Winograd::channels_innermost;
  for (const Schedule& schedule : {schedules::winograd_batch, schedules::winograd_weight_grad}) {
    if (params.schedule == schedule.name) return Lowering::Winograd::batch_innermost;
  }
  return Lowering::Winograd::none;
}

// The buffer of an input.
std::string input_name(size_t i) { return "in" + std::to_string(i); }

struct BuiltKernel {
  Halide::Pipeline pipeline;
  std::vector<Halide::Argument> arguments;
  std::optional<FarReads> far_reads;  // of a kernel with an anchor
};

// Whether an operand of the anchor is of images whose transforms do not pass through memory.
bool waits_for_images(const KernelSpec& spec, int64_t operand) {
  const Params& params = spec.params;
  if (params.schedule == schedules::winograd_weight_grad.name) return params.stages_input;
  return params.schedule == schedules::winograd_batch.name && params.columns > 0 && operand == 0;
}

FarReads far_reads(const Graph& graph, const Kernel& kernel, const KernelSpec& spec,
                   const KernelFuncs& funcs) {
  FarReads reads;
  for (const auto& [name, stage] : funcs.stages) {
    if (name == "accumulator") reads.tile = stage.name();
    // Scratch memory: weights that are copied or transformed, and Winograd's matrices.
    if (name == "packed" || name == "weights") reads.panels.insert(stage.name());
    if (name == "products" || name == "sums") reads.blocks.insert(stage.name());
  }
  const std::vector<ValueId>& anchors = graph.nodes[kernel.anchor].inputs;
  for (size_t i = 0; i < kernel.inputs.size(); ++i) {
    const ValueId value = kernel.inputs[i];
    if (spec.arguments[i].packing.panel > 0) reads.panels.insert(input_name(i));
    const auto operand = std::find(anchors.begin(), anchors.end(), value) - anchors.begin();
    if (operand < static_cast<int64_t>(anchors.size())) {
      if (waits_for_images(spec, operand)) reads.images.insert(input_name(i));
    } else if (graph.type(value).rank() == graph.type(kernel.outputs[0]).rank()) {
      reads.added.insert(input_name(i));
    }
  }
  return reads;
}

BuiltKernel build(const Graph& graph, const Kernel& kernel, const KernelSpec& spec) {
  std::map<ValueId, Func> funcs;
  BuiltKernel built;
  for (size_t i = 0; i < kernel.inputs.size(); ++i) {
    const KernelArgument& argument = spec.arguments[i];
    ImageParam param(halide_type(argument.dtype), static_cast<int>(argument.extents.size()),
                     input_name(i));
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
  Ranges ranges;
  for (int32_t id : kernel.nodes) {
    const Node& node = graph.nodes[id];
    const std::vector<Type> input_types = graph.types(node.inputs);
    const std::vector<Type> output_types = graph.types(node.outputs);
    Lowering lowering{node, input_types, output_types};
    lowering.chunk_rows = spec.params.rows;
    lowering.band_rows = spec.params.band_rows;
    lowering.separates_border = spec.params.separates_border;
    if (id == kernel.anchor) lowering.winograd = winograd_of(spec.params);
    lowering.winograd_tile = spec.params.tile;
    if (spec.problem.vectors == VectorDimension::batch) lowering.lanes = spec.problem.machine.lanes;
    lowering.pack_width = static_cast<int>(spec.params.b) * spec.problem.machine.lanes;
    lowering.tile_channels = static_cast<int>(spec.params.a);
    lowering.block_columns = spec.params.columns;
    lowering.block_images = spec.params.block_n;
    lowering.separates_rows = spec.params.stages_input;
    for (ValueId input : node.inputs) {
      lowering.inputs.push_back(input == kNoValue ? Func() : funcs.at(input));
    }
    if (id == kernel.anchor && spec.params.stages_input && !kernel_funcs.staged.defined() &&
        lowering.winograd == Lowering::Winograd::none) {
      kernel_funcs.staged = clamped(lowering.inputs[0], input_types[0].shape);
      lowering.inputs[0] = kernel_funcs.staged;
    }
    Func packed;
    if (id == kernel.anchor && spec.params.packs_weights) {
      const bool outputs_second = spec.problem.transposed;
      packed = packed_weights(lowering.inputs[1], outputs_second, spec.params.a, spec.problem.c);
      lowering.inputs[1] = unpacked_weights(packed, outputs_second, spec.params.a);
    }
    node.op->lower(lowering);
    if (packed.defined()) lowering.stages["packed"] = packed;
    CNNC_CHECK(lowering.outputs.size() == node.outputs.size(), node.op->name + ": wrong lowering");
    for (size_t k = 0; k < node.outputs.size(); ++k) funcs[node.outputs[k]] = lowering.outputs[k];
    is_circular |= reads_overwritten(lowering);
    if (id == kernel.nodes.front()) ranges = {lowering.range_argument, lowering.range_begins};
    if (id == kernel.anchor || node.op->schedule == "channel_sum") {
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
  if (ranges.begins.size() > 1 && kernel_funcs.stages.empty() && !is_circular) {
    std::vector<Func> outputs;
    outputs.reserve(kernel.outputs.size());
    for (ValueId id : kernel.outputs) outputs.push_back(funcs.at(id));
    const Shape& shape = graph.type(kernel.outputs[0]).shape;
    define_ranges(kernel_funcs.result, outputs, arguments, ranges,
                  shape[shape.size() - 1 - ranges.argument]);
  } else {
    define(kernel_funcs.result, point, values);
  }

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
  CNNC_CHECK(kernel_funcs.scratch.size() == spec.params.scratch.size(), "wrong scratch memory");
  for (size_t i = 0; i < kernel_funcs.scratch.size(); ++i) {
    const size_t argument = first_output + buffers.size() + i;
    constrain(kernel_funcs.scratch[i].output_buffer(), spec.arguments[argument], true);
    outputs.push_back(kernel_funcs.scratch[i]);
  }
  built.pipeline = Halide::Pipeline(outputs);
  if (kernel.anchor >= 0) built.far_reads = far_reads(graph, kernel, spec, kernel_funcs);
  return built;
}

Halide::Target halide_target(const KernelTarget& target) {
  using Halide::Target;
  Target result(target.halide);
  result = result.with_feature(Target::NoRuntime).with_feature(Target::UserContext);
  result = result.with_feature(Target::NoBoundsQuery);
  return target.checked ? result : result.with_feature(Target::NoAsserts);
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

}  // namespace

std::string compile_kernel(const Graph& graph, const Kernel& kernel, const KernelSpec& spec,
                           const KernelTarget& target, const std::string& function,
                           KernelForm form) {
  Reporter::install();
  try {
    const BuiltKernel built = build(graph, kernel, spec);
    const Halide::Target full_target = halide_target(target);
    Halide::Pipeline pipeline = built.pipeline;
    const MemoryFile file;
    if (built.far_reads) pipeline.add_custom_lowering_pass(new PrefetchPass(*built.far_reads));
    if (target.checked) pipeline.add_custom_lowering_pass(new DescriptionChecksRemover);
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
