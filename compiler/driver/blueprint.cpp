#include "compiler/driver/blueprint.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <iterator>
#include <mutex>
#include <thread>

#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/BLAKE3.h>

#include "cnnc_runtime.h"
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
  return {value.name, plan.placements[id].bytes, byte_width(value.type.dtype),
          ParameterRole::block};
}

EntryParameter parameter_per_image(const Plan& plan, ValueId id, ParameterRole role) {
  EntryParameter result = parameter(plan, id);
  const int64_t images = plan.graph.type(id).shape[0];
  CNNC_CHECK(result.bytes % images == 0, result.name + " is no batch of images");
  result.bytes /= images;
  result.role = role;
  return result;
}

constexpr int64_t kWeightsHeaderBytes = 64;  // runtime/cnnc_runtime.h

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

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

Blueprint::Blueprint(std::string name, KernelTarget target)
    : Blueprint(std::move(name), std::vector<KernelTarget>{std::move(target)}) {}

Blueprint::Blueprint(std::string name, std::vector<KernelTarget> targets)
    : targets_(std::move(targets)) {
  program_.name = std::move(name);
  program_.versions.clear();
  for (const KernelTarget& target : targets_) {
    program_.versions.push_back({target.name.empty() ? target.halide : target.name, target.cpu});
  }
}

void Blueprint::share_constants(size_t batches) {
  if (targets_.size() * batches == 1) return;
  for (const KernelTarget& target : targets_) {
    shared_.panel = std::max<int64_t>(shared_.panel, target.machine.lanes);
  }
  for (const KernelTarget& target : targets_) {
    CNNC_CHECK(shared_.panel % target.machine.lanes == 0, "vectors that divide no common panel");
  }
}

int32_t Blueprint::add_kernel(const std::shared_ptr<const Graph>& graph, const Kernel& kernel,
                              KernelSpec spec, int32_t version) {
  const auto [found, is_new] = by_signature_.emplace(std::to_string(version) + spec.signature,
                                                     static_cast<int32_t>(sources_.size()));
  if (is_new) {
    diagnostics_.insert(diagnostics_.end(), spec.diagnostics.begin(), spec.diagnostics.end());
    const std::string of_version = targets_.size() > 1 ? "." + program_.versions[version].name : "";
    std::string kernel_name = program_.name + "_" + kernel.name + of_version;
    for (const KernelSource& other : sources_) {
      if (other.name == kernel_name) {
        kernel_name =
            program_.name + "_" + std::to_string(sources_.size()) + "_" + kernel.name + of_version;
      }
    }
    program_.kernels.push_back({"kernel", kernel_name, {}, version});
    sources_.push_back({graph, kernel, std::move(spec), std::move(kernel_name), version});
  }
  return found->second;
}

int32_t Blueprint::add_constant(const Value& value, const std::string& parameter,
                                const WeightPacking& packing, const ParameterLookup& constants) {
  // Where packed, views of a parameter lie in other orders.
  const bool is_other = value.name != parameter && packing.panel > 0;
  const std::string name =
      parameter + (is_other ? to_string(value.type.shape) : "") + to_string(packing);
  const auto [found, is_new] =
      constant_index_.emplace(name, static_cast<int32_t>(program_.constants.size()));
  if (is_new) {
    const float* elements = constants ? constants(parameter) : nullptr;
    CNNC_CHECK(elements != nullptr, "no values for parameter " + parameter);
    program_.constants.push_back({name, {}});
    constant_sources_.push_back({elements, value.type.shape, packing});
  }
  // How many zeros lie behind the last channel differs between kernels.
  ConstantSource& source = constant_sources_[found->second];
  ConstantSource other = source;
  other.packing = packing;
  if (other.packed_bytes() > source.packed_bytes()) source.packing = packing;
  return found->second;
}

void Blueprint::add_bodies(EntryFrame& frame, const Plan& plan, Layout layout, int64_t images,
                           const ParameterLookup& constants) {
  const auto graph = std::make_shared<const Graph>(plan.graph);
  for (size_t version = 0; version < targets_.size(); ++version) {
    EntryBody body;
    body.version = static_cast<int32_t>(version);
    body.images = images;
    int64_t scratch_bytes = 0;
    for (const Kernel& kernel : plan.kernels) {
      KernelSpec spec =
          describe_kernel(*graph, kernel, plan.placements, layout, targets_[version], shared_);
      int64_t scratch_end = plan.workspace_bytes;
      KernelCall call;
      for (const KernelArgument& argument : spec.arguments) {
        BufferArgument buffer;
        buffer.dtype = argument.dtype;
        buffer.extents = argument.extents;
        buffer.strides = argument.strides;
        if (argument.value == kNoValue) {
          buffer.index = frame.workspace;
          buffer.offset = scratch_end;
          scratch_end += aligned(Scratch{argument.extents, argument.strides}.elements() * 4);
          call.buffers.push_back(std::move(buffer));
          continue;
        }
        const Placement& placement = plan.placements[argument.value];
        const Value& value = graph->values[argument.value];
        buffer.offset = placement.offset;
        switch (placement.region) {
          case Region::input:
            buffer.index = frame.first_input + placement.index;
            break;
          case Region::output:
            buffer.index = frame.first_output + placement.index;
            break;
          case Region::state:
            buffer.index = frame.state;
            break;
          case Region::workspace:
            buffer.index = frame.workspace;
            break;
          case Region::constant:
            shared_.winograd.emplace(value.name, argument.packing.winograd);
            buffer.base = BufferBase::constant;
            buffer.index =
                add_constant(value, graph->values[storage_of(*graph, argument.value, layout)].name,
                             argument.packing, constants);
            break;
          case Region::inside:
            CNNC_CHECK(false, "%" + value.name + " has no memory");
        }
        call.buffers.push_back(std::move(buffer));
      }
      scratch_bytes = std::max(scratch_bytes, scratch_end - plan.workspace_bytes);
      call.name = program_.name + "_" + kernel.name;
      call.kernel = add_kernel(graph, kernel, std::move(spec), body.version);
      body.calls.push_back(std::move(call));
    }
    frame.workspace_bytes = std::max(frame.workspace_bytes, plan.workspace_bytes + scratch_bytes);
    frame.entry.bodies.push_back(std::move(body));
  }
}

void Blueprint::add_entry(const std::string& entry_name, const Plan& plan, Layout layout,
                          const ParameterLookup& constants, EntryForm form) {
  EntryFrame frame;
  Entry& entry = frame.entry;
  entry.name = entry_name;
  entry.form = form;
  for (ValueId id : plan.graph.inputs) entry.parameters.push_back(parameter(plan, id));
  for (ValueId id : plan.outputs) entry.parameters.push_back(parameter(plan, id));
  frame.first_output = static_cast<int32_t>(plan.graph.inputs.size());
  auto next = static_cast<int32_t>(entry.parameters.size());
  if (plan.state_bytes > 0) frame.state = next++;
  frame.workspace = next;
  add_bodies(frame, plan, layout, 1, constants);
  if (plan.state_bytes > 0) {
    entry.parameters.push_back({"state", plan.state_bytes, kAlignment, ParameterRole::block});
  }
  entry.parameters.push_back(
      {"workspace", frame.workspace_bytes, kAlignment, ParameterRole::workspace});
  workspace_bytes_[entry_name] = frame.workspace_bytes;
  program_.entries.push_back(std::move(entry));
}

void Blueprint::add_network(const std::string& entry_name, const std::vector<Plan>& plans,
                            const ParameterLookup& constants, WeightStorage storage) {
  CNNC_CHECK(!plans.empty(), "a network without a plan");
  const Plan& first = plans.front();
  CNNC_CHECK(first.graph.inputs.size() == 1 && first.outputs.size() == 1 && first.state_bytes == 0,
             entry_name + ": a network has one input, one output and no state");
  EntryFrame frame;
  Entry& entry = frame.entry;
  entry.name = entry_name;
  entry.form = EntryForm::any_count;
  entry.parameters = {parameter_per_image(first, first.graph.inputs[0], ParameterRole::input),
                      parameter_per_image(first, first.outputs[0], ParameterRole::output)};
  // Headers and tools know them by these names, whatever the network calls its values.
  entry.parameters[0].name = "input";
  entry.parameters[1].name = "output";
  const bool is_external = storage == WeightStorage::external;
  frame.first_input = is_external ? 1 : 0;
  frame.first_output = frame.first_input + 1;
  frame.workspace = frame.first_input + 2;
  int64_t most = 1;
  share_constants(plans.size());
  for (const Plan& plan : plans) {
    const int64_t images = plan.graph.type(plan.graph.inputs[0]).shape[0];
    most = std::max(most, images);
    add_bodies(frame, plan, Layout::channels_last, images, constants);
  }
  if (most > 1) {
    entry.staging_offset = aligned(frame.workspace_bytes);
    frame.workspace_bytes = entry.staging_offset + aligned(most * entry.parameters[0].bytes) +
                            aligned(most * entry.parameters[1].bytes);
  }
  entry.parameters.push_back(
      {"workspace", frame.workspace_bytes, kAlignment, ParameterRole::workspace});
  if (is_external) {
    move_constants(entry, 0);
    entry.parameters.insert(entry.parameters.begin(),
                            {"weights", weights_bytes_, kAlignment, ParameterRole::weights});
  }
  workspace_bytes_[entry_name] = frame.workspace_bytes;
  program_.entries.push_back(std::move(entry));
}

void Blueprint::add_entry_per_call(const std::string& entry) {
  const auto found = std::find_if(program_.entries.begin(), program_.entries.end(),
                                  [&](const Entry& e) { return e.name == entry; });
  CNNC_CHECK(found != program_.entries.end(), "no entry " + entry);
  CNNC_CHECK(!found->takes_any_count(), entry + " is no entry of one plan");
  std::vector<Entry> parts;
  for (size_t k = 0; k < found->bodies.front().calls.size(); ++k) {
    Entry part;
    part.name = entry + "_" + std::to_string(k);
    part.parameters = found->parameters;
    for (const EntryBody& body : found->bodies) {
      part.bodies.push_back({{body.calls[k]}, body.version, body.images});
    }
    parts.push_back(std::move(part));
  }
  program_.entries.insert(program_.entries.end(), parts.begin(), parts.end());
}

int64_t Blueprint::ConstantSource::packed_bytes() const {
  return packing.panel > 0 ? element_count(packed_extents(shape, packing)) * 4 : bytes();
}

std::string Blueprint::ConstantSource::packed() const {
  if (packing.panel > 0) return pack_parameter(elements, shape, packing);
  return {reinterpret_cast<const char*>(elements), static_cast<size_t>(bytes())};
}

void Blueprint::move_constants(Entry& entry, int32_t index) {
  // The table says where the tensors are, which depends on how long it is: the places count from
  // its end.
  int64_t place = 0;
  for (size_t i = 0; i < program_.constants.size(); ++i) {
    const int64_t bytes = constant_sources_[i].packed_bytes();
    weight_table_ += std::to_string(place) + " " + std::to_string(bytes) + " " +
                     program_.constants[i].name + " " + to_string(constant_sources_[i].shape) +
                     "\n";
    weight_places_.push_back(place);
    place = aligned(place + bytes);
  }
  weight_table_.resize(static_cast<size_t>(aligned(static_cast<int64_t>(weight_table_.size()))),
                       ' ');
  const int64_t start = kWeightsHeaderBytes + static_cast<int64_t>(weight_table_.size());
  weights_bytes_ = start + place;
  program_.weights_id = cnnc_weights_checksum(weight_table_.data(), weight_table_.size());
  for (EntryBody& body : entry.bodies) {
    for (KernelCall& call : body.calls) {
      for (BufferArgument& buffer : call.buffers) {
        if (buffer.base != BufferBase::constant) continue;
        buffer.base = BufferBase::pointer;
        buffer.offset += start + weight_places_[buffer.index];
        buffer.index = index;
      }
    }
  }
  program_.constants.clear();
}

std::string Blueprint::weights() const {
  if (weights_bytes_ == 0) return {};
  const size_t header = kWeightsHeaderBytes;
  std::string file(static_cast<size_t>(weights_bytes_), '\0');
  file.replace(header, weight_table_.size(), weight_table_);
  for (size_t i = 0; i < weight_places_.size(); ++i) {
    const std::string bytes = constant_sources_[i].packed();
    const size_t at = header + weight_table_.size() + static_cast<size_t>(weight_places_[i]);
    file.replace(at, bytes.size(), bytes);
  }
  const uint64_t words[] = {CNNC_WEIGHTS_MAGIC, program_.weights_id, file.size(),
                            cnnc_weights_checksum(file.data() + header, file.size() - header),
                            weight_table_.size()};
  for (size_t w = 0; w < std::size(words); ++w) {
    for (size_t i = 0; i < 8; ++i) file[8 * w + i] = static_cast<char>(words[w] >> (8 * i));
  }
  return file;
}

std::vector<Blueprint::Call> Blueprint::calls(const std::string& entry) const {
  std::vector<Call> result;
  for (const Entry& e : program_.entries) {
    if (e.name != entry) continue;
    for (const EntryBody& body : e.bodies) {
      for (const KernelCall& call : body.calls) {
        const KernelSource& source = sources_[call.kernel];
        std::string shape = to_string(source.spec.problem);
        if (shape.empty()) shape = to_string(source.graph->type(source.kernel.outputs[0]));
        result.push_back({source.name, source.spec.problem, std::move(shape), source.kernel.flops,
                          source.kernel.bytes, source.spec.params});
      }
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

std::string Blueprint::code_key() const {
  std::string text = "cnnc object\nsource " + std::string(kSourceId) + "\n";
  for (const KernelTarget& target : targets_) {
    text += "target " + target.name + " " + target.halide + " " + target.cpu +
            (target.checked ? " checked" : "") + "\n";
  }
  text += "program " + program_.name + (program_.is_unwindable ? " unwindable" : "") + "\n";
  for (const KernelSource& source : sources_) {
    text += "kernel " + source.name + " " + std::to_string(source.version) + "\n" +
            source.spec.signature;
  }
  for (const Entry& entry : program_.entries) {
    text += "weights " + std::to_string(program_.weights_id) + "\nentry " + entry.name +
            " of form " + std::to_string(static_cast<int>(entry.form)) + ", staging " +
            std::to_string(entry.staging_offset) + "\n";
    for (const EntryParameter& p : entry.parameters) {
      text +=
          "  " + p.name + " " + std::to_string(p.bytes) + " " + std::to_string(p.alignment) + "\n";
    }
    for (const EntryBody& body : entry.bodies) {
      text += "  body " + std::to_string(body.version) + " " + std::to_string(body.images) + "\n";
      for (const KernelCall& call : body.calls) {
        text += "    call " + std::to_string(call.kernel);
        if (program_.is_profiled) text += " tells " + call.name;
        for (const BufferArgument& b : call.buffers) {
          text += (b.base == BufferBase::pointer ? " p" : " c") + std::to_string(b.index) + "+" +
                  std::to_string(b.offset);
        }
        text += "\n";
      }
    }
  }
  return text;
}

std::string Blueprint::key() const {
  std::string text = code_key();
  // Of one parameter there may be several packings.
  std::map<const float*, std::string> digests;
  for (size_t i = 0; i < program_.constants.size(); ++i) {
    const ConstantSource& source = constant_sources_[i];
    std::string& hash = digests[source.elements];
    if (hash.empty()) hash = digest(source.elements, source.bytes());
    text += "constant " + program_.constants[i].name + to_string(source.shape) + " " +
            std::to_string(source.packed_bytes()) + " " + hash + "\n";
  }
  return text;
}

uint64_t Blueprint::build_id() const {
  const std::string text = code_key();
  return cnnc_weights_checksum(text.data(), text.size());
}

std::string Blueprint::compile_source(const KernelSource& source, KernelForm form) const {
  return compile_kernel(*source.graph, source.kernel, source.spec, targets_[source.version],
                        "kernel", form);
}

Result<Program> Blueprint::with_kernels(int threads) const {
  const Status possible = check();
  if (!possible) return possible.diagnostics();
  Program program = program_;
  program.build_id = build_id();
  for (size_t i = 0; i < program.constants.size(); ++i) {
    program.constants[i].bytes = constant_sources_[i].packed();
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
