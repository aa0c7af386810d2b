#include "compiler/driver/graphs.h"

#include <algorithm>

namespace cnnc {
namespace {

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// What a description lacks, said of the description as a whole.
Diagnostic missing(const ModelDescription& model, const std::string& key, const std::string& use) {
  Diagnostic diagnostic =
      error("the description has no \"" + key + "\", so the network cannot be " + use);
  if (model.source) diagnostic.span = {model.source, 0, 1};
  return diagnostic;
}

// Attributes of the optimizer that do not go together.
Status check_optimizer(const LayerDescription& optimizer) {
  Attrs attrs = optimizer.attrs;
  set_defaults(attrs, optimizer.op->attrs);
  const std::vector<Type> none;
  InferArgs args{attrs, none};
  const Result<std::vector<Type>> types = optimizer.op->infer(args);
  if (types) return success();
  Diagnostics problems = types.diagnostics();
  for (Diagnostic& problem : problems) {
    problem.message = optimizer.op->name + ": " + problem.message;
    problem.span = optimizer.place.span;
    problem.pointer = optimizer.place.pointer;
  }
  return problems;
}

// The type of the targets that the loss takes for that output: classes or, where it does not take
// these, values. What else is wrong, the loss itself says.
Type target_type(const LayerDescription& loss, const Type& output) {
  Type classes{DType::i32, {output.shape[0]}};
  if (output.rank() > 2) {
    classes.shape = output.shape;
    classes.shape[1] = 1;
  }
  const auto takes = [&](const Type& target) {
    Attrs attrs = loss.attrs;
    set_defaults(attrs, loss.op->attrs);
    const std::vector<Type> types = {output, target};
    InferArgs args{attrs, types};
    return loss.op->infer(args).ok();
  };
  return !takes(classes) && takes(output) ? output : classes;
}

// The inputs that training and evaluation share.
struct Ends {
  ValueId target = kNoValue;
  ValueId count = kNoValue;
  ValueId output = kNoValue;  // of the network, with the padded batch
  ValueId loss = kNoValue;
};

// Elementwise nodes next to what they read, and as few views as may be.
Graph with_few_views(Graph graph) {
  graph = move_elementwise_above_views(join_views(std::move(graph)));
  return eliminate_dead(join_views(std::move(graph)));
}

// Other ops in place of the layers that they compute.
Graph with_layers_expanded(Graph graph) {
  const size_t layers = graph.nodes.size();
  graph = expand_layers(std::move(graph));
  return graph.nodes.size() == layers ? graph : with_few_views(std::move(graph));
}

// The network on a padded batch, from images to the loss.
Result<Graph> graph_with_loss(const ModelDescription& model, int64_t lanes, Ends& ends) {
  if (model.loss.op == nullptr) {
    return missing(model, "loss", "trained or evaluated");
  }
  const int64_t rows = round_up(model.batch_size, lanes);
  Result<Graph> built = build_graph(model, rows);
  if (!built) return built.diagnostics();
  // Of the layers: what computes them may move images about, as long as it puts them back.
  const Diagnostics mixing = mixes_of_batch(*built);
  if (!mixing.empty()) return mixing;
  Graph graph = with_layers_expanded(std::move(*built));
  ends.output = graph.outputs[0];
  graph = pad_batch(std::move(graph), model.batch_size, rows, kImages, kCount);
  ends.count = graph.inputs.back();
  Type of_target = target_type(model.loss, graph.type(ends.output));
  of_target.shape[0] = model.batch_size;
  const ValueId target = graph.add_input(kTarget, of_target);
  std::swap(graph.inputs[1], graph.inputs[2]);  // images, target, count
  Attrs attrs;
  attrs.set("rows", rows);
  ends.target = graph.add("PadBatch", "target.padded", attrs, {target, ends.count})[0];
  Result<std::vector<ValueId>> loss = graph.try_add(
      *model.loss.op, "loss", model.loss.attrs, {ends.output, ends.target, ends.count},
      model.loss.place.span, model.loss.place.pointer);
  if (!loss) return loss.diagnostics();
  ends.loss = (*loss)[0];
  graph.outputs = {ends.loss};
  return graph;
}

std::vector<ValueId> parameters_of(const Graph& graph) {
  std::vector<ValueId> result;
  for (size_t id = 0; id < graph.values.size(); ++id) {
    const Value& value = graph.values[id];
    if (value.kind != ValueKind::parameter || value.init.is_buffer) continue;
    result.push_back(static_cast<ValueId>(id));
  }
  return result;
}

// The parameters without weight decay; patterns that name none are errors.
Result<std::vector<bool>> undecayed(const ModelDescription& model, const Graph& graph,
                                    const std::vector<ValueId>& parameters) {
  for (const std::string& pattern : model.weight_decay_exclude) {
    if (pattern == "bias" || pattern == "norm") continue;
    const std::vector<bool> named = parameters_named(graph, parameters, {pattern});
    if (std::find(named.begin(), named.end(), true) != named.end()) continue;
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const ValueId id : parameters) names.push_back(graph.values[id].name);
    Diagnostic diagnostic =
        error("weight_decay_exclude: no parameter is called \"" + pattern + "\"");
    diagnostic.suggestion = nearest(pattern, names);
    diagnostic.span = model.weight_decay_exclude_place.span;
    diagnostic.pointer = model.weight_decay_exclude_place.pointer;
    return diagnostic;
  }
  return parameters_named(graph, parameters, model.weight_decay_exclude);
}

// Statistics of a batch would make the result for an image depend on the images beside it.
Status check_statistics(const Graph& graph) {
  Diagnostics problems;
  for (const Node& node : graph.nodes) {
    if (!node.has(kBatchStatistics) || node.attrs.boolean("track_running_stats")) continue;
    problems.push_back(error(node.op->name + " \"" + node.name +
                             "\": without track_running_stats there are no averages for "
                             "inference, only the statistics of a batch in training"));
    problems.back().span = node.span;
    problems.back().pointer = node.pointer;
  }
  if (!problems.empty()) return problems;
  return success();
}

}  // namespace

Graph simplify_inference(Graph graph, ConstantTable* constants) {
  // Beyond this point every value has a type.
  graph = drop_training_only(with_layers_expanded(std::move(graph)));
  if (constants != nullptr) graph = fold_affine(std::move(graph), *constants);
  graph = decompose_nodes(std::move(graph));
  graph = fold_flatten(std::move(graph));
  graph = move_elementwise_above_views(std::move(graph));
  graph = move_monotone_below_maximum(std::move(graph));
  return eliminate_dead(std::move(graph));
}

Result<Graph> inference_graph(const ModelDescription& model, int64_t batch,
                              const TensorFile* weights, ConstantTable* constants) {
  Result<Graph> built = build_graph(model, batch);
  if (!built) return built.diagnostics();
  const Status known = check_statistics(*built);
  if (!known) return known.diagnostics();
  if (weights != nullptr) {
    const Status fit = check_weights(*built, *weights);
    if (!fit) return fit.diagnostics();
  }
  return simplify_inference(std::move(*built), constants);
}

Result<Graph> training_graph(const ModelDescription& model, int64_t lanes) {
  if (model.optimizer.op == nullptr) {
    return missing(model, "optimizer", "trained");
  }
  const Status optimizer = check_optimizer(model.optimizer);
  if (!optimizer) return optimizer.diagnostics();
  Ends ends;
  Result<Graph> built = graph_with_loss(model, lanes, ends);
  if (!built) return built.diagnostics();
  Graph graph = std::move(*built);
  const ValueId lr = graph.add_input(kLearningRate, {DType::f32, {1}});
  const ValueId step = graph.add_input(kStep, {DType::i32, {1}});
  const ValueId seed = graph.add_input(kSeed, {DType::i32, {1}});
  graph = seed_training_only(std::move(graph), seed);
  graph = use_batch_statistics(std::move(graph), ends.count, step);
  // Beyond this point every value has a type.
  graph = move_monotone_below_maximum(std::move(graph));
  const std::vector<ValueId> parameters = parameters_of(graph);
  const Result<std::vector<bool>> without_decay = undecayed(model, graph, parameters);
  if (!without_decay) return without_decay.diagnostics();
  Result<Gradients> differentiated = differentiate(std::move(graph), ends.loss, parameters);
  if (!differentiated) return differentiated.diagnostics();
  graph = clip_gradients(std::move(differentiated->graph), differentiated->of,
                         model.clip_grad_value, model.clip_grad_norm);
  graph = add_optimizer(std::move(graph), *model.optimizer.op, model.optimizer.attrs, parameters,
                        differentiated->of, lr, step, *without_decay);
  graph = decompose_nodes(std::move(graph));
  // Beyond this point the set of operations is final.
  graph = with_few_views(std::move(graph));
  graph = sum_before_spreading(std::move(graph));
  graph = clone_cheap_gathers(std::move(graph));
  return eliminate_dead(std::move(graph));
}

Result<Graph> evaluation_graph(const ModelDescription& model, int64_t lanes) {
  Ends ends;
  Result<Graph> built = graph_with_loss(model, lanes, ends);
  if (!built) return built.diagnostics();
  Graph graph = std::move(*built);
  Attrs attrs;
  attrs.set("rows", model.batch_size);
  const ValueId output = graph.add("CropBatch", "output", attrs, {ends.output})[0];
  graph.outputs = {output, ends.loss};
  graph = drop_training_only(std::move(graph));
  graph = decompose_nodes(use_batch_statistics(std::move(graph), ends.count));
  graph = move_elementwise_above_views(std::move(graph));
  graph = move_monotone_below_maximum(std::move(graph));
  return eliminate_dead(std::move(graph));
}

}  // namespace cnnc
