// compile(): the table of contents of the compiler.
#include <algorithm>

#include "cnnc/cnnc.h"
#include "compiler/codegen/header.h"
#include "compiler/driver/compile_target.h"
#include "compiler/driver/explain.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/driver/training_program.h"
#include "compiler/driver/tuned_file.h"
#include "compiler/onnx/export.h"
#include "compiler/passes/passes.h"
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
  std::vector<Plan> plans;  // by ascending numbers of images
  std::vector<KernelTarget> targets;
  std::string prefix;
  ConstantTable constants;  // where the plans' constants lie
};

// The network with what the caller hands over and gets.
Result<Graph> graph_for_caller(const ModelDescription& model, int64_t batch,
                               const TensorFile& weights, ConstantTable& constants,
                               const CompileOptions& options) {
  Result<Graph> built = inference_graph(model, batch, &weights, &constants);
  if (!built) return built.diagnostics();
  Graph graph = std::move(*built);
  const bool is_image = graph.type(graph.inputs[0]).rank() == 4;
  const int64_t out_rank = graph.type(graph.outputs[0]).rank();
  if (options.input_layout == InputLayout::nhwc && !is_image) {
    return error("the input has no rows and columns, so its channels cannot come last");
  }
  if (options.output != OutputForm::logits && out_rank != 2 && out_rank != 4) {
    return error("the output has no channels, so there are no probabilities or classes");
  }
  if (options.output == OutputForm::probabilities) graph = give_probabilities(std::move(graph));
  if (options.output == OutputForm::argmax) graph = give_class(std::move(graph));
  if (options.input_dtype == InputDType::u8) graph = take_bytes(std::move(graph));
  if (options.input_layout == InputLayout::nhwc) graph = take_channels_last(std::move(graph));
  return graph;
}

// In ascending order, each once.
Result<std::vector<int64_t>> checked_batches(std::vector<int64_t> batches) {
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  if (batches.empty() || batches.front() < 1) {
    return error("an object computes at least one image at a time");
  }
  return batches;
}

Result<Prepared> prepare(const Model& model, const TensorFile& weights,
                         const CompileOptions& options) {
  Result<std::vector<KernelTarget>> targets = compile_targets(options, model.description());
  if (!targets) return targets.diagnostics();
  Result<std::vector<int64_t>> batches = checked_batches(options.batches);
  if (!batches) return batches.diagnostics();
  Prepared prepared{{}, {}, {}, ConstantTable([&weights](const std::string& name) {
                      const Tensor* tensor = weights.find(name);
                      return tensor ? reinterpret_cast<const float*>(tensor->bytes.data())
                                    : nullptr;
                    })};
  prepared.targets = std::move(*targets);
  prepared.prefix = c_identifier(options.prefix.empty() ? model.name() : options.prefix);
  for (int64_t batch : *batches) {
    Result<Graph> graph =
        graph_for_caller(model.description(), batch, weights, prepared.constants, options);
    if (!graph) return graph.diagnostics();
    // Beyond this point the set of operations is final, and every parameter has values.
    prepared.plans.push_back(make_plan(std::move(*graph), kInferencePlan));
  }
  // Beyond this point each node belongs to a kernel and every value has an address.
  return prepared;
}

Blueprint make_blueprint(const Prepared& prepared, const CompileOptions& options) {
  Blueprint blueprint(prepared.prefix, prepared.targets);
  if (options.profile) blueprint.profile_kernels();
  if (options.unwindable) blueprint.make_unwindable();
  blueprint.add_network(
      prepared.prefix + "_run_images", prepared.plans,
      [&](const std::string& name) { return prepared.constants.find(name); },
      options.external_weights ? WeightStorage::external : WeightStorage::embedded);
  return blueprint;
}

}  // namespace

Result<std::vector<KernelTarget>> compile_targets(const CompileOptions& options,
                                                  const ModelDescription& model) {
  Result<std::vector<KernelTarget>> targets = targets_with_tuned(options.target, options.tuned);
  if (!targets) return targets;
  for (KernelTarget& target : *targets) {
    if (options.compile_budget > 0) target.compile_budget = options.compile_budget;
    target.winograd = target.winograd && options.winograd && model.winograd;
    target.machine.has_threads = !options.single_threaded;
  }
  return targets;
}

Result<Object> compile(const Model& model, const TensorFile& weights,
                       const CompileOptions& options) {
  Result<Prepared> prepared = prepare(model, weights, options);
  if (!prepared) return prepared.diagnostics();
  const Blueprint blueprint = make_blueprint(*prepared, options);
  Result<ObjectCode> code = object_code(blueprint, options.threads, options.use_cache);
  if (!code) return code.diagnostics();
  // Beyond this point there is no compiler, only bytes.
  const Plan& plan = prepared->plans.front();
  HeaderDescription header;
  header.prefix = prepared->prefix;
  header.model = model.name();
  for (const Plan& each : prepared->plans) {
    header.batches.push_back(each.graph.type(each.graph.inputs[0]).shape[0]);
  }
  for (const KernelTarget& target : prepared->targets) header.targets.push_back(target.name);
  header.build_id = blueprint.build_id();
  const Value& input = plan.graph.values[plan.graph.inputs[0]];
  const Value& output = plan.graph.values[plan.outputs[0]];
  header.input = per_image(input.name, input.type);
  header.output = per_image(output.name, output.type);
  header.workspace_bytes = blueprint.workspace_bytes(prepared->prefix + "_run_images");
  header.input.channels_last = options.input_layout == InputLayout::nhwc;
  const bool normalizes = !model.description().mean.empty() || !model.description().std.empty();
  if (options.input_dtype == InputDType::u8) {
    header.input.note = "pixels from 0 to 255";
  } else if (normalizes) {
    header.input.note = "pixels from 0 to 1 (byte / 255)";
  }
  if (normalizes) header.input.note += "; the network normalises them itself";
  if (options.output == OutputForm::probabilities) header.output.note = "probabilities";
  if (options.output == OutputForm::argmax) header.output.note = "the greatest channel, from 0";
  header.stack_bytes = code->stack_bytes;
  header.weights_bytes = blueprint.weights_bytes();
  header.weights_id = blueprint.weights_id();
  return Object{prepared->prefix, std::move(code->bytes), c_header(header), blueprint.weights(),
                blueprint.notes()};
}

Result<Object> compile_training(const Model& model, const CompileOptions& options) {
  Result<std::vector<KernelTarget>> targets = compile_targets(options, model.description());
  if (!targets) return targets.diagnostics();
  const std::string prefix =
      c_identifier(options.prefix.empty() ? model.name() + "_train" : options.prefix);
  Result<TrainingProgram> program = training_program(model.description(), prefix, *targets);
  if (!program) return program.diagnostics();
  if (options.profile) program->blueprint.profile_kernels();
  if (options.unwindable) program->blueprint.make_unwindable();
  program->description.numbers.build_id = program->blueprint.build_id();
  Result<ObjectCode> code = object_code(program->blueprint, options.threads, options.use_cache);
  if (!code) return code.diagnostics();
  program->description.stack_bytes = code->stack_bytes;
  Diagnostics notes = program->blueprint.notes();
  const LrSchedulerDescription& scheduler = model.description().lr_scheduler;
  if (!scheduler.type.empty()) {
    notes.push_back({Severity::note,
                     scheduler.type +
                         " is for cnnc-train: the object keeps the learning rate "
                         "that it is given, until an application calls " +
                         prefix + "_set_learning_rate",
                     scheduler.place.span, scheduler.place.pointer, ""});
  }
  return Object{prefix,
                std::move(code->bytes),
                c_training_header(program->description),
                {},
                std::move(notes)};
}

Result<std::string> inspect(const Model& model, const TensorFile& weights,
                            const CompileOptions& options, Stage stage) {
  Result<Prepared> prepared = prepare(model, weights, options);
  if (!prepared) return prepared.diagnostics();
  if (stage == Stage::graph || stage == Stage::plan) {
    std::string text;
    for (const Plan& plan : prepared->plans) {
      text += stage == Stage::graph ? print(plan.graph) : print(plan);
    }
    return text;
  }
  const Blueprint blueprint = make_blueprint(*prepared, options);
  const Status possible = blueprint.check();
  if (!possible) return possible.diagnostics();
  switch (stage) {
    case Stage::explain:
      return explain(blueprint.calls(prepared->prefix + "_run_images"));
    case Stage::statements:
      return blueprint.statements();
    case Stage::llvm:
      return blueprint.compile(Emit::llvm, thread_count(options.threads));
    default:
      return blueprint.compile(Emit::assembly, thread_count(options.threads));
  }
}

Result<std::string> to_onnx(const Model& model, const TensorFile& weights) {
  const Result<Graph> graph =
      build_graph(model.description(), std::max<int64_t>(1, model.fixed_batch()));
  if (!graph) return graph.diagnostics();
  const Status fit = check_weights(*graph, weights);
  if (!fit) return fit.diagnostics();
  return export_onnx(*graph, [&](const std::string& name) {
    return reinterpret_cast<const float*>(weights.find(name)->bytes.data());
  });
}

Result<TensorFile> initial_weights(const Model& model, uint64_t seed) {
  if (model.has_weights()) {
    const Result<SourcedNetwork> network =
        model.description().network->network(std::max<int64_t>(1, model.fixed_batch()));
    if (!network) return network.diagnostics();
    TensorFile file;
    for (const Value& value : network->graph.values) {
      if (value.kind != ValueKind::parameter) continue;
      file.tensors.push_back(
          f32_tensor(value.name, value.init.shape, network->parameters.at(value.name)->data()));
    }
    return file;
  }
  const Result<Graph> graph = build_graph(model.description(), 1);
  if (!graph) return graph.diagnostics();
  InitGenerator generator(seed);
  TensorFile file;
  for (const Value& value : graph->values) {
    if (value.kind != ValueKind::parameter) continue;
    std::vector<float> elements(static_cast<size_t>(element_count(value.init.shape)));
    const float bound = init_bound(value.init);
    if (bound > 0) {
      uniform_(generator, -bound, bound, elements.data(), static_cast<int64_t>(elements.size()));
    } else {
      std::fill(elements.begin(), elements.end(), value.init.fill);
    }
    file.tensors.push_back(f32_tensor(value.name, value.init.shape, elements.data()));
  }
  return file;
}

Status Object::write(const std::string& path) const {
  const size_t slash = path.find_last_of('/');
  const size_t dot = path.find_last_of('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  const std::string stem = has_ending ? path.substr(0, dot) : path;
  const std::string header_path = stem + ".h", weights_path = stem + ".bin";
  if (header_path == path) return file_error(path, "is the name of the header; name the object");
  if (weights_path == path) return file_error(path, "is the name of the weights; name the object");
  if (!weights.empty()) {
    Status stored = write_file_atomically(weights_path, weights);
    if (!stored) return stored;
  }
  Status written = write_file_atomically(path, bytes);
  if (!written) return written;
  return write_file_atomically(header_path, header);
}

}  // namespace cnnc
