#include "tests/ops/harness.h"

#include <Halide.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <sstream>

#include "compiler/codegen/description_checks.h"
#include "compiler/ops/lowering.h"
#include "compiler/passes/passes.h"

namespace cnnc {
namespace {

// Adds a node that reads inputs, which have these values.
std::vector<ValueId> add_node(Graph& graph, GivenValues& given, const std::string& op,
                              const Attrs& attrs, const std::vector<Operand>& inputs,
                              const std::string& name) {
  std::vector<ValueId> ids;
  for (const Operand& operand : inputs) {
    if (operand.value.shape.empty()) {
      ids.push_back(kNoValue);
      continue;
    }
    ids.push_back(graph.add_input(name + ".input" + std::to_string(ids.size()),
                                  {operand.dtype, operand.value.shape}));
    given[ids.back()] = operand.value;
  }
  return graph.add(op, name, attrs, ids);
}

// A graph of one node that reads inputs.
GraphCase single_node(const std::string& op, const Attrs& attrs,
                      const std::vector<Operand>& inputs) {
  GraphCase result;
  result.graph.outputs = add_node(result.graph, result.given, op, attrs, inputs, "node");
  return result;
}

std::vector<int> reversed(const Shape& shape) { return {shape.rbegin(), shape.rend()}; }

Halide::Type halide_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return Halide::Float(32);
    case DType::i32:
      return Halide::Int(32);
    case DType::u8:
      return Halide::UInt(8);
  }
  return {};
}

template <class T>
void copy_in(Halide::Buffer<>& buffer, const std::vector<double>& data) {
  T* to = static_cast<T*>(buffer.data());
  for (size_t i = 0; i < data.size(); ++i) to[i] = static_cast<T>(data[i]);
}

template <class T>
void copy_out(const Halide::Buffer<>& buffer, std::vector<double>& data) {
  const T* from = static_cast<const T*>(buffer.data());
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<double>(from[i]);
}

Halide::Buffer<> buffer_of(const Type& type, const ReferenceTensor& tensor) {
  Halide::Buffer<> buffer(halide_type(type.dtype), reversed(type.shape));
  switch (type.dtype) {
    case DType::f32:
      copy_in<float>(buffer, tensor.data);
      break;
    case DType::i32:
      copy_in<int32_t>(buffer, tensor.data);
      break;
    case DType::u8:
      copy_in<uint8_t>(buffer, tensor.data);
      break;
  }
  return buffer;
}

ReferenceTensor tensor_of(const Type& type, const Halide::Buffer<>& buffer) {
  ReferenceTensor result = zeros(type.shape);
  switch (type.dtype) {
    case DType::f32:
      copy_out<float>(buffer, result.data);
      break;
    case DType::i32:
      copy_out<int32_t>(buffer, result.data);
      break;
    case DType::u8:
      copy_out<uint8_t>(buffer, result.data);
      break;
  }
  return result;
}

Halide::Func operand_func(const Type& type, const ReferenceTensor& tensor) {
  Halide::Buffer<> buffer = buffer_of(type, tensor);
  Halide::Func func("operand");
  const std::vector<Halide::Var> vars = variables(type.rank());
  func(vars) = buffer(std::vector<Halide::Expr>(vars.begin(), vars.end()));
  return func;
}

// The graph's outputs; each node is computed as a whole.
std::vector<Halide::Func> lower_graph(const GraphCase& the_case) {
  const Graph& graph = the_case.graph;
  const CompileOptions& options = the_case.options;
  std::map<ValueId, Halide::Func> funcs;
  for (const auto& [id, tensor] : the_case.given) funcs[id] = operand_func(graph.type(id), tensor);
  for (const Node& node : graph.nodes) {
    const std::vector<Type> input_types = graph.types(node.inputs);
    const std::vector<Type> output_types = graph.types(node.outputs);
    Lowering lowering{node, input_types, output_types};
    lowering.lanes = options.lanes;
    lowering.pack_width = options.pack_width;
    lowering.chunk_rows = options.chunk_rows;
    lowering.band_rows = options.band_rows;
    lowering.separates_border = options.separates_border;
    for (ValueId id : node.inputs) {
      lowering.inputs.push_back(id == kNoValue ? Halide::Func() : funcs.at(id));
    }
    node.op->lower(lowering);
    for (auto& [name, stage] : lowering.stages) stage.compute_root();
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      if (graph.nodes.size() > 1) lowering.outputs[k].compute_root();
      funcs[node.outputs[k]] = lowering.outputs[k];
    }
  }
  std::vector<Halide::Func> outputs;
  for (ValueId id : graph.outputs) {
    outputs.push_back(funcs.at(id));
    const std::vector<int> extents = reversed(graph.type(id).shape);
    int stride = 1;
    for (int d = 0; d < static_cast<int>(extents.size()); ++d) {
      outputs.back().output_buffer().dim(d).set_bounds(0, extents[d]).set_stride(stride);
      stride *= extents[d];
    }
    if (options.vector == 0) continue;
    outputs.back().vectorize(variables(graph.type(id).rank())[0], options.vector,
                             Halide::TailStrategy::GuardWithIf);
  }
  return outputs;
}

// The outputs of all graphs, one after another, computed by one pipeline.
std::vector<ReferenceTensor> compile_and_run(const std::vector<GraphCase>& cases) {
  std::vector<Type> types;
  std::vector<Halide::Buffer<>> buffers;
  std::vector<Halide::Func> outputs;
  for (const GraphCase& one : cases) {
    for (const Halide::Func& output : lower_graph(one)) {
      outputs.push_back(output);
    }
    for (ValueId id : one.graph.outputs) {
      types.push_back(one.graph.type(id));
      buffers.emplace_back(halide_type(types.back().dtype), reversed(types.back().shape));
    }
  }
  Halide::Pipeline pipeline(outputs);
  pipeline.add_custom_lowering_pass(new DescriptionChecksRemover);
  pipeline.realize(Halide::Realization(buffers),
                   Halide::get_jit_target_from_environment()
                       .with_feature(Halide::Target::CheckUnsafePromises)
                       .with_feature(Halide::Target::NoBoundsQuery));
  std::vector<ReferenceTensor> results;
  results.reserve(buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) results.push_back(tensor_of(types[i], buffers[i]));
  return results;
}

std::vector<ReferenceTensor> compiled_or_failed(const std::vector<GraphCase>& cases) {
  try {
    return compile_and_run(cases);
  } catch (const Halide::Error& e) {  // which Catch cannot print
    FAIL(e.what());
  }
  return {};
}

// The gradients of the inputs of a node that other ops compute, which take its place.
std::vector<ValueId> gradients_of_expanded(Graph& graph, ValueId upstream,
                                           const std::vector<bool>& wanted) {
  const std::vector<ValueId> inputs = graph.nodes[0].inputs;
  graph = expand_layers(std::move(graph));
  std::vector<ValueId> asked;
  for (size_t k = 0; k < inputs.size(); ++k) {
    if (wanted[k]) asked.push_back(inputs[k]);
  }
  const ValueId output = graph.outputs[0];
  Result<Gradients> result = differentiate(std::move(graph), {output}, {upstream}, asked);
  REQUIRE(result.ok());
  graph = std::move(result->graph);
  std::vector<ValueId> gradients(inputs.size(), kNoValue);
  for (size_t k = 0, next = 0; k < inputs.size(); ++k) {
    if (wanted[k]) gradients[k] = result->of[next++];
  }
  return gradients;
}

// Checks that compiled code computes what the references compute.
void check_compiled(Graph graph, const std::vector<ValueId>& outputs, const GivenValues& given,
                    const std::vector<ReferenceTensor>& wanted) {
  graph.outputs.clear();
  for (ValueId id : outputs) {
    if (id != kNoValue) graph.outputs.push_back(id);
  }
  graph = eliminate_dead(std::move(graph));
  GivenValues used;
  for (const Node& node : graph.nodes) {
    for (ValueId id : node.inputs) {
      if (given.count(id) != 0) used[id] = given.at(id);
    }
  }
  const std::vector<ReferenceTensor> found = compiled_or_failed({{graph, used, {}}});
  for (size_t i = 0; i < found.size(); ++i) check_equal(found[i], wanted[graph.outputs[i]], 1e-4);
}

double weighted_sum(const ReferenceTensor& tensor, const ReferenceTensor& weights) {
  double sum = 0;
  for (size_t i = 0; i < tensor.data.size(); ++i) sum += tensor.data[i] * weights.data[i];
  return sum;
}

}  // namespace

Attrs attrs_of(const std::vector<std::pair<std::string, AttrValue>>& values) {
  Attrs attrs;
  for (const auto& [name, value] : values) attrs.set(name, value);
  return attrs;
}

std::string outcome_of(const std::string& op, Attrs attrs, const std::vector<Type>& inputs) {
  const OpDef* def = find_op(op);
  REQUIRE(def != nullptr);
  set_defaults(attrs, def->attrs);
  InferArgs args{attrs, inputs};
  const Result<std::vector<Type>> result = def->infer(args);
  std::string text;
  if (result) {
    for (const Type& type : *result) text += (text.empty() ? "" : ", ") + to_string(type);
  }
  for (const Diagnostic& diagnostic : result.diagnostics()) {
    text += (text.empty() ? "" : "; ") + diagnostic.message;
  }
  return text;
}

Attrs inferred(const std::string& op, Attrs attrs, const std::vector<Type>& inputs) {
  const OpDef* def = find_op(op);
  REQUIRE(def != nullptr);
  set_defaults(attrs, def->attrs);
  InferArgs args{attrs, inputs};
  REQUIRE(def->infer(args).ok());
  return attrs;
}

ReferenceTensor random_tensor(const Shape& shape, std::mt19937& random) {
  ReferenceTensor result = zeros(shape);
  for (double& value : result.data) {
    value = static_cast<double>(random() >> 8) / (1 << 23) - 1;  // 24 bits: exact in float
  }
  return result;
}

ReferenceTensor spread_tensor(const Shape& shape, std::mt19937& random) {
  ReferenceTensor result = zeros(shape);
  const int64_t count = element_count(shape);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t centred = i - count / 2;
    result.data[i] = (static_cast<double>(centred) + 0.5) / 32;
  }
  for (int64_t i = count - 1; i > 0; --i) {
    std::swap(result.data[i], result.data[std::uniform_int_distribution<int64_t>(0, i)(random)]);
  }
  return result;
}

ReferenceTensor random_integers(const Shape& shape, int64_t bound, std::mt19937& random) {
  ReferenceTensor result = zeros(shape);
  for (double& value : result.data) value = random() % static_cast<uint32_t>(bound);
  return result;
}

ReferenceTensor tensor(Shape shape, std::vector<double> data) {
  REQUIRE(element_count(shape) == static_cast<int64_t>(data.size()));
  return {std::move(shape), std::move(data)};
}

std::vector<ReferenceTensor> run_reference(const std::string& op, const Attrs& attrs,
                                           const std::vector<Operand>& inputs) {
  const GraphCase single = single_node(op, attrs, inputs);
  const std::vector<ReferenceTensor> values = interpret(single.graph, single.given);
  std::vector<ReferenceTensor> results;
  results.reserve(single.graph.outputs.size());
  for (ValueId id : single.graph.outputs) results.push_back(values[id]);
  return results;
}

std::vector<ReferenceTensor> run_compiled(const std::string& op, const Attrs& attrs,
                                          const std::vector<Operand>& inputs,
                                          const CompileOptions& options) {
  INFO(op);
  GraphCase single = single_node(op, attrs, inputs);
  single.graph = expand_layers(std::move(single.graph));
  single.options = options;
  return compiled_or_failed({single});
}

void check_equal(const ReferenceTensor& found, const ReferenceTensor& wanted, double tolerance) {
  REQUIRE(found.shape == wanted.shape);
  for (size_t i = 0; i < wanted.data.size(); ++i) {
    const double a = found.data[i], b = wanted.data[i];
    const bool same = a == b || (std::isnan(a) && std::isnan(b)) ||
                      std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
    if (same) continue;
    INFO("element " << i << " of " << to_string(wanted.shape));
    REQUIRE(a == b);
  }
}

void check_lowering(const std::string& op, const Attrs& attrs, const std::vector<Operand>& inputs,
                    const CompileOptions& options, double tolerance) {
  Lowerings one;
  one.add(op, attrs, inputs, options);
  one.check(tolerance);
}

void Lowerings::add(const std::string& op, const Attrs& attrs, const std::vector<Operand>& inputs,
                    const CompileOptions& options) {
  std::ostringstream text;
  text << op;
  for (const Operand& operand : inputs) text << " " << to_string(operand.value.shape);
  for (const auto& [name, value] : attrs.all()) text << ", " << name << " = " << to_string(value);
  text << " with " << options.lanes << " lanes, panels of " << options.pack_width << ", chunks of "
       << options.chunk_rows << " rows, bands of " << options.band_rows << ", vectors of "
       << options.vector << (options.separates_border ? ", border apart" : "");
  cases_.push_back(single_node(op, attrs, inputs));
  cases_.back().options = options;
  texts_.push_back(text.str());
}

void Lowerings::check(double tolerance) const {
  // The time that a pipeline takes to compile grows faster than the number of its outputs.
  constexpr size_t kCasesOfPipeline = 4;
  for (size_t first = 0; first < cases_.size(); first += kCasesOfPipeline) {
    const size_t end = std::min(cases_.size(), first + kCasesOfPipeline);
    std::string all;
    std::vector<GraphCase> expanded(cases_.begin() + static_cast<std::ptrdiff_t>(first),
                                    cases_.begin() + static_cast<std::ptrdiff_t>(end));
    for (size_t i = first; i < end; ++i) {
      GraphCase& one = expanded[i - first];
      one.graph = expand_layers(std::move(one.graph));
      all += texts_[i] + "\n";
    }
    INFO(all);
    const std::vector<ReferenceTensor> found = compiled_or_failed(expanded);
    size_t next = 0;
    for (size_t i = first; i < end; ++i) {
      INFO("of these: " << texts_[i]);
      const std::vector<ReferenceTensor> wanted = interpret(cases_[i].graph, cases_[i].given);
      for (ValueId id : cases_[i].graph.outputs) {
        REQUIRE(next < found.size());
        check_equal(found[next++], wanted[id], tolerance);
      }
    }
    REQUIRE(next == found.size());
  }
}

void check_gradient(const std::string& op, const Attrs& attrs, const std::vector<Operand>& inputs,
                    bool is_loss) {
  constexpr double kStep = 1e-5;
  constexpr double kTolerance = 1e-6;
  INFO("gradient of " << op);
  GraphCase single = single_node(op, attrs, inputs);
  Graph& graph = single.graph;
  std::mt19937 random(1);
  ReferenceTensor weights = random_tensor(graph.type(graph.outputs[0]).shape, random);
  if (is_loss) std::fill(weights.data.begin(), weights.data.end(), 1.0);

  const Graph forward = graph;
  const ValueId upstream = graph.add_input("upstream", graph.type(graph.outputs[0]));
  std::vector<ValueId> output_gradients(graph.outputs.size(), kNoValue);
  output_gradients[0] = upstream;
  std::vector<bool> wanted;
  wanted.reserve(inputs.size());
  for (const Operand& operand : inputs) {
    wanted.push_back(!operand.value.shape.empty() && operand.dtype == DType::f32);
  }
  const Node node = graph.nodes[0];
  const bool expands = expand_layers(forward).nodes[0].op != node.op;
  std::vector<ValueId> gradients;
  if (expands) {
    gradients = gradients_of_expanded(graph, upstream, wanted);
  } else {
    REQUIRE(node.op->gradient != nullptr);
    GradientArgs args{graph, graph.nodes[0], output_gradients, wanted};
    gradients = node.op->gradient(args);
  }
  REQUIRE(gradients.size() == inputs.size());
  REQUIRE(verify(graph).empty());
  GivenValues given = single.given;
  given[upstream] = weights;
  const std::vector<ReferenceTensor> values = interpret(graph, given);

  for (size_t k = 0; k < inputs.size(); ++k) {
    INFO("input " << k);
    if (!wanted[k]) {
      REQUIRE(gradients[k] == kNoValue);
      continue;
    }
    REQUIRE(gradients[k] != kNoValue);
    const ReferenceTensor& gradient = values[gradients[k]];
    REQUIRE(gradient.shape == inputs[k].value.shape);
    for (size_t i = 0; i < gradient.data.size(); ++i) {
      double sums[2];
      for (int side : {0, 1}) {
        GivenValues moved = single.given;
        moved[node.inputs[k]].data[i] += side == 0 ? -kStep : kStep;
        sums[side] = weighted_sum(interpret(forward, moved)[node.outputs[0]], weights);
      }
      const double slope = (sums[1] - sums[0]) / (2 * kStep);
      INFO("element " << i);
      if (std::abs(gradient.data[i] - slope) > kTolerance * std::max(1.0, std::abs(slope))) {
        REQUIRE(gradient.data[i] == slope);
      }
    }
  }
  if (expands) {
    check_compiled(graph, gradients, given, values);
    return;
  }
  // Nobody asks, or nothing flows back: no nodes.
  const size_t before = graph.nodes.size();
  const std::vector<bool> none(inputs.size(), false);
  GradientArgs unasked{graph, graph.nodes[0], output_gradients, none};
  for (ValueId id : node.op->gradient(unasked)) REQUIRE(id == kNoValue);
  if (!is_loss) {
    output_gradients[0] = kNoValue;
    GradientArgs unfed{graph, graph.nodes[0], output_gradients, wanted};
    for (ValueId id : node.op->gradient(unfed)) REQUIRE(id == kNoValue);
  }
  REQUIRE(graph.nodes.size() == before);
}

}  // namespace cnnc
