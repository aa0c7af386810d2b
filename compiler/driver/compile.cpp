// compile(): the table of contents of the compiler.
#include <map>

#include "cnnc/cnnc.h"
#include "compiler/codegen/header.h"
#include "compiler/driver/compile_target.h"
#include "compiler/driver/explain.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/tuned_file.h"
#include "compiler/support/files.h"
#include "compiler/weights/init.h"
#include "compiler/weights/safetensors.h"

namespace cnnc {

Status check_weights(const Graph& graph, const TensorFile& weights) {
  Diagnostics problems;
  for (const Value& value : graph.values) {
    if (value.kind != ValueKind::parameter) continue;
    const Tensor* tensor = weights.find(value.name);
    if (tensor == nullptr) {
      Diagnostic missing = error("the weights have no tensor \"" + value.name + "\" of shape " +
                                 to_string(value.init.shape));
      std::vector<std::string> names;
      names.reserve(weights.tensors.size());
      for (const Tensor& other : weights.tensors) names.push_back(other.name);
      missing.suggestion = nearest(value.name, names);
      problems.push_back(std::move(missing));
    } else if (tensor->dtype != DType::f32 || tensor->shape != value.init.shape) {
      problems.push_back(error(
          "tensor \"" + value.name + "\" is " + to_string(Type{tensor->dtype, tensor->shape}) +
          ", but the network needs " + to_string(Type{DType::f32, value.init.shape})));
    }
  }
  if (!problems.empty()) return problems;
  return success();
}

namespace {

struct Prepared {
  Plan plan;
  KernelTarget target;
  std::string prefix;
};

Result<Prepared> prepare(const Model& model, const TensorFile& weights,
                         const CompileOptions& options) {
  Result<KernelTarget> target = compile_target(options, model.description());
  if (!target) return target.diagnostics();
  Result<Graph> graph = inference_graph(model.description(), options.batch);
  if (!graph) return graph.diagnostics();
  const Status fit = check_weights(*graph, weights);
  if (!fit) return fit.diagnostics();
  // Beyond this point the set of operations is final, and every parameter has values.
  PlanOptions plan_options;
  plan_options.layout = Layout::channels_last;
  plan_options.parameters = ParameterStorage::constant;
  Prepared prepared{make_plan(std::move(*graph), plan_options), *target,
                    c_identifier(options.prefix.empty() ? model.name() : options.prefix)};
  // Beyond this point each node belongs to a kernel and every value has an address.
  return prepared;
}

Blueprint make_blueprint(const Prepared& prepared, const TensorFile& weights,
                         const CompileOptions& options) {
  Blueprint blueprint(prepared.prefix, prepared.target);
  if (options.profile) blueprint.profile_kernels();
  if (options.unwindable) blueprint.make_unwindable();
  blueprint.add_entry(
      prepared.prefix + "_run", prepared.plan, Layout::channels_last, [&](const std::string& name) {
        const Tensor* tensor = weights.find(name);
        return tensor ? reinterpret_cast<const float*>(tensor->bytes.data()) : nullptr;
      });
  return blueprint;
}

Shape without_batch(const Shape& shape) { return {shape.begin() + 1, shape.end()}; }

}  // namespace

Result<KernelTarget> compile_target(const CompileOptions& options, const ModelDescription& model) {
  Result<KernelTarget> target = target_with_tuned(options.target, options.tuned);
  if (!target) return target;
  if (options.compile_budget > 0) target->compile_budget = options.compile_budget;
  target->winograd = options.winograd && model.winograd;
  target->machine.has_threads = !options.single_threaded;
  return target;
}

Result<Object> compile(const Model& model, const TensorFile& weights,
                       const CompileOptions& options) {
  Result<Prepared> prepared = prepare(model, weights, options);
  if (!prepared) return prepared.diagnostics();
  const Blueprint blueprint = make_blueprint(*prepared, weights, options);
  Result<ObjectCode> code = object_code(blueprint, options.threads, options.use_cache);
  if (!code) return code.diagnostics();
  // Beyond this point there is no compiler, only bytes.
  const Plan& plan = prepared->plan;
  HeaderDescription header;
  header.prefix = prepared->prefix;
  header.model = model.name();
  header.batch = options.batch;
  header.input = without_batch(plan.graph.type(plan.graph.inputs[0]).shape);
  header.output = without_batch(plan.graph.type(plan.outputs[0]).shape);
  header.stack_bytes = code->stack_bytes;
  header.workspace_bytes = blueprint.workspace_bytes(prepared->prefix + "_run");
  if (!model.description().mean.empty() || !model.description().std.empty()) {
    header.input_note = "pixels from 0 to 1 (byte / 255); the network normalises them itself";
  }
  return Object{prepared->prefix, std::move(code->bytes), c_header(header), blueprint.notes()};
}

Result<std::string> inspect(const Model& model, const TensorFile& weights,
                            const CompileOptions& options, Stage stage) {
  Result<Prepared> prepared = prepare(model, weights, options);
  if (!prepared) return prepared.diagnostics();
  if (stage == Stage::graph) return print(prepared->plan.graph);
  if (stage == Stage::plan) return print(prepared->plan);
  const Blueprint blueprint = make_blueprint(*prepared, weights, options);
  const Status possible = blueprint.check();
  if (!possible) return possible.diagnostics();
  switch (stage) {
    case Stage::explain:
      return explain(blueprint.calls(prepared->prefix + "_run"));
    case Stage::statements:
      return blueprint.statements();
    case Stage::llvm:
      return blueprint.compile(Emit::llvm, thread_count(options.threads));
    default:
      return blueprint.compile(Emit::assembly, thread_count(options.threads));
  }
}

Result<TensorFile> initial_weights(const Model& model, uint64_t seed) {
  const Result<Graph> graph = build_graph(model.description(), 1);
  if (!graph) return graph.diagnostics();
  InitGenerator generator(seed);
  TensorFile file;
  for (const Value& value : graph->values) {
    if (value.kind != ValueKind::parameter) continue;
    std::vector<float> elements(static_cast<size_t>(element_count(value.init.shape)));
    const float bound = value.init.kaiming ? weight_init_bound(value.init.fan_in)
                                           : bias_init_bound(value.init.fan_in);
    uniform_(generator, -bound, bound, elements.data(), static_cast<int64_t>(elements.size()));
    file.tensors.push_back(f32_tensor(value.name, value.init.shape, elements.data()));
  }
  return file;
}

Status Object::write(const std::string& path) const {
  const size_t slash = path.find_last_of('/');
  const size_t dot = path.find_last_of('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  const std::string header_path = (has_ending ? path.substr(0, dot) : path) + ".h";
  if (header_path == path) return file_error(path, "is the name of the header; name the object");
  Status written = write_file_atomically(path, bytes);
  if (!written) return written;
  return write_file_atomically(header_path, header);
}

}  // namespace cnnc
