#include "compiler/driver/blueprint.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/BLAKE3.h>

#include "compiler/codegen/packing.h"
#include "compiler/driver/source_id.h"

namespace cnnc {
namespace {

// BLAKE3 is ten times as fast as SHA-256, and weights are many.
std::string digest(const float* elements, int64_t bytes) {
  const auto hash = llvm::BLAKE3::hash(
      llvm::ArrayRef(reinterpret_cast<const uint8_t*>(elements), static_cast<size_t>(bytes)));
  return llvm::toHex(hash, /*LowerCase=*/true);
}

EntryParameter parameter(const Plan& plan, ValueId id) {
  const Value& value = plan.graph.values[id];
  return {value.name, plan.placements[id].bytes, byte_width(value.type.dtype)};
}

// Runs task(0) ... task(count - 1) on up to `threads` threads; rethrows the first failure.
void run_parallel(int64_t count, int threads, const std::function<void(int64_t)>& task) {
  std::atomic<int64_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      try {
        task(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> pool;
  for (int64_t i = 1; i < std::min<int64_t>(threads, count); ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

Blueprint::Blueprint(std::string name, KernelTarget target) : target_(std::move(target)) {
  program_.name = std::move(name);
  program_.target = target_.halide;
}

int32_t Blueprint::add_kernel(const std::shared_ptr<const Graph>& graph, const Kernel& kernel,
                              KernelSpec spec) {
  const auto [found, is_new] =
      by_signature_.emplace(spec.signature, static_cast<int32_t>(program_.kernels.size()));
  if (is_new) {
    diagnostics_.insert(diagnostics_.end(), spec.diagnostics.begin(), spec.diagnostics.end());
    KernelSource source{graph, kernel, std::move(spec), program_.name + "_" + kernel.name};
    for (const KernelSource& other : sources_) {
      if (other.name == source.name) {
        source.name = program_.name + "_" + std::to_string(sources_.size()) + "_" + kernel.name;
      }
    }
    program_.kernels.push_back({"kernel", source.name, {}});
    sources_.push_back(std::move(source));
  }
  return found->second;
}

int32_t Blueprint::add_constant(const Value& value, const WeightPacking& packing,
                                const ParameterLookup& constants) {
  const std::string name = value.name + to_string(packing);
  const auto [found, is_new] =
      constant_index_.emplace(name, static_cast<int32_t>(program_.constants.size()));
  if (is_new) {
    const float* elements = constants ? constants(value.name) : nullptr;
    CNNC_CHECK(elements != nullptr, "no values for parameter " + value.name);
    program_.constants.push_back({name, {}});
    constant_sources_.push_back({elements, value.type.shape, packing});
  }
  return found->second;
}

void Blueprint::add_entry(const std::string& entry_name, const Plan& plan, Layout layout,
                          const ParameterLookup& constants) {
  const auto graph = std::make_shared<const Graph>(plan.graph);
  Entry entry;
  entry.name = entry_name;
  for (ValueId id : graph->inputs) entry.parameters.push_back(parameter(plan, id));
  for (ValueId id : plan.outputs) entry.parameters.push_back(parameter(plan, id));
  const auto first_output = static_cast<int32_t>(graph->inputs.size());
  auto next = static_cast<int32_t>(entry.parameters.size());
  const int32_t state_index = plan.state_bytes > 0 ? next++ : -1;
  const int32_t workspace_index = next;

  std::vector<KernelSpec> specs;
  int64_t scratch_bytes = 0;
  for (const Kernel& kernel : plan.kernels) {
    specs.push_back(describe_kernel(*graph, kernel, plan.placements, layout, target_));
    if (!specs.back().params.scratch.empty()) {
      scratch_bytes = std::max(scratch_bytes, element_count(specs.back().params.scratch) * 4);
    }
  }
  for (size_t k = 0; k < specs.size(); ++k) {
    KernelCall call;
    for (const KernelArgument& argument : specs[k].arguments) {
      BufferArgument buffer;
      buffer.dtype = argument.dtype;
      buffer.extents = argument.extents;
      buffer.strides = argument.strides;
      if (argument.value == kNoValue) {
        buffer.index = workspace_index;
        buffer.offset = plan.workspace_bytes;
      } else {
        const Placement& placement = plan.placements[argument.value];
        buffer.offset = placement.offset;
        switch (placement.region) {
          case Region::input:
            buffer.index = placement.index;
            break;
          case Region::output:
            buffer.index = first_output + placement.index;
            break;
          case Region::state:
            buffer.index = state_index;
            break;
          case Region::workspace:
            buffer.index = workspace_index;
            break;
          case Region::constant:
            buffer.base = BufferBase::constant;
            buffer.index = add_constant(graph->values[argument.value], argument.packing, constants);
            break;
          case Region::inside:
            CNNC_CHECK(false, "%" + graph->values[argument.value].name + " has no memory");
        }
      }
      call.buffers.push_back(std::move(buffer));
    }
    call.name = program_.name + "_" + plan.kernels[k].name;
    call.kernel = add_kernel(graph, plan.kernels[k], std::move(specs[k]));
    entry.calls.push_back(std::move(call));
  }
  const int64_t workspace = plan.workspace_bytes + scratch_bytes;
  if (plan.state_bytes > 0) entry.parameters.push_back({"state", plan.state_bytes, kAlignment});
  entry.parameters.push_back({"workspace", workspace, kAlignment});
  workspace_bytes_[entry_name] = workspace;
  program_.entries.push_back(std::move(entry));
}

void Blueprint::add_entry_per_call(const std::string& entry) {
  const auto found = std::find_if(program_.entries.begin(), program_.entries.end(),
                                  [&](const Entry& e) { return e.name == entry; });
  CNNC_CHECK(found != program_.entries.end(), "no entry " + entry);
  std::vector<Entry> parts;
  for (const KernelCall& call : found->calls) {
    parts.push_back({entry + "_" + std::to_string(parts.size()), found->parameters, {call}});
  }
  program_.entries.insert(program_.entries.end(), parts.begin(), parts.end());
}

std::vector<Blueprint::Call> Blueprint::calls(const std::string& entry) const {
  std::vector<Call> result;
  for (const Entry& e : program_.entries) {
    if (e.name != entry) continue;
    for (const KernelCall& call : e.calls) {
      const KernelSource& source = sources_[call.kernel];
      std::string shape = to_string(source.spec.problem);
      if (shape.empty()) shape = to_string(source.graph->type(source.kernel.outputs[0]));
      result.push_back({source.name, source.spec.problem, std::move(shape), source.kernel.flops,
                        source.kernel.bytes, source.spec.params});
    }
  }
  return result;
}

int64_t Blueprint::workspace_bytes(const std::string& entry) const {
  return workspace_bytes_.at(entry);
}

Status Blueprint::check() const {
  Diagnostics errors;
  for (const Diagnostic& each : diagnostics_) {
    if (each.severity == Severity::error) errors.push_back(each);
  }
  if (!errors.empty()) return errors;
  return success();
}

Diagnostics Blueprint::notes() const {
  Diagnostics result;
  for (const Diagnostic& each : diagnostics_) {
    if (each.severity != Severity::error) result.push_back(each);
  }
  return result;
}

std::string Blueprint::key() const {
  std::string text = "cnnc object\nsource " + std::string(kSourceId) + "\ntarget " +
                     target_.halide + (target_.checked ? " checked" : "") + "\nprogram " +
                     program_.name + (program_.is_unwindable ? " unwindable" : "") + "\n";
  for (const KernelSource& source : sources_) {
    text += "kernel " + source.name + "\n" + source.spec.signature;
  }
  for (const Entry& entry : program_.entries) {
    text += "entry " + entry.name + "\n";
    for (const EntryParameter& p : entry.parameters) {
      text +=
          "  " + p.name + " " + std::to_string(p.bytes) + " " + std::to_string(p.alignment) + "\n";
    }
    for (const KernelCall& call : entry.calls) {
      text += "  call " + std::to_string(call.kernel);
      if (program_.is_profiled) text += " tells " + call.name;
      for (const BufferArgument& b : call.buffers) {
        text += (b.base == BufferBase::pointer ? " p" : " c") + std::to_string(b.index) + "+" +
                std::to_string(b.offset);
      }
      text += "\n";
    }
  }
  // Of one parameter there may be several packings.
  std::map<const float*, std::string> digests;
  for (size_t i = 0; i < constant_sources_.size(); ++i) {
    const ConstantSource& source = constant_sources_[i];
    std::string& hash = digests[source.elements];
    if (hash.empty()) hash = digest(source.elements, source.bytes());
    text += "constant " + program_.constants[i].name + to_string(source.shape) + " " + hash + "\n";
  }
  return text;
}

std::string Blueprint::compile_source(const KernelSource& source, KernelForm form) const {
  return compile_kernel(*source.graph, source.kernel, source.spec, target_, "kernel", form);
}

Result<Program> Blueprint::with_kernels(int threads) const {
  const Status possible = check();
  if (!possible) return possible.diagnostics();
  Program program = program_;
  for (size_t i = 0; i < constant_sources_.size(); ++i) {
    const ConstantSource& source = constant_sources_[i];
    program.constants[i].bytes =
        source.packing.panel > 0
            ? pack_parameter(source.elements, source.shape, source.packing)
            : std::string(reinterpret_cast<const char*>(source.elements), source.bytes());
  }
  // The largest first, so that the threads finish together.
  std::vector<int64_t> order(sources_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return sources_[a].kernel.flops > sources_[b].kernel.flops;
  });
  Diagnostics refused;  // of tuned entries: a wrong file is no bug
  std::mutex mutex;
  run_parallel(static_cast<int64_t>(order.size()), threads, [&](int64_t i) {
    const int64_t k = order[i];
    try {
      program.kernels[k].bitcode = compile_source(sources_[k], KernelForm::bitcode);
    } catch (const InternalError& problem) {
      const Span& entry = sources_[k].spec.tuned;
      if (entry.source == nullptr) throw;
      const std::lock_guard<std::mutex> lock(mutex);
      refused.push_back({Severity::error,
                         std::string("this entry does not compile: ") + problem.what(), entry, "",
                         ""});
    }
  });
  if (!refused.empty()) return refused;
  return program;
}

Result<std::string> Blueprint::compile(Emit kind, int threads) const {
  const Result<Program> program = with_kernels(threads);
  if (!program) return program.diagnostics();
  return emit(*program, kind);
}

Result<ObjectCode> Blueprint::compile_object(int threads) const {
  const Result<Program> program = with_kernels(threads);
  if (!program) return program.diagnostics();
  return emit_object(*program);
}

std::string Blueprint::statements() const {
  std::string text;
  for (const KernelSource& source : sources_) {
    text += "// " + source.name + "\n" + compile_source(source, KernelForm::statement) + "\n";
  }
  return text;
}

}  // namespace cnnc
