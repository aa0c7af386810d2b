// Tested by tests/e2e/compare_test.cpp.
#include "compiler/driver/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "compiler/codegen/jit.h"
#include "compiler/driver/blueprint.h"
#include "compiler/driver/graphs.h"
#include "compiler/driver/object_source.h"
#include "compiler/frontend/model.h"
#include "compiler/reference/interpreter.h"
#include "compiler/support/aligned_memory.h"

namespace cnnc {
namespace {

constexpr const char* kEntry = "compare";

// What an interpreter is given: parameters by name, and the images.
GivenValues given_values(const Graph& graph, const TensorFile& weights,
                         const std::vector<float>& images) {
  GivenValues given;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    ReferenceTensor tensor;
    tensor.shape = value.type.shape;
    if (value.kind == ValueKind::parameter) {
      const std::vector<float> elements = f32_values(*weights.find(value.name));
      tensor.data.assign(elements.begin(), elements.end());
    } else if (value.kind == ValueKind::input) {
      tensor.data.assign(images.begin(), images.end());
    } else {
      continue;
    }
    given[static_cast<ValueId>(i)] = std::move(tensor);
  }
  return given;
}

// Calls visit(index) for every index of the shape, in row-major order.
template <class Visit>
void for_each_index(const Shape& shape, const Visit& visit) {
  std::vector<int64_t> index(shape.size());
  for (int64_t left = element_count(shape); left > 0; --left) {
    visit(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

double element(const uint8_t* memory, DType dtype, int64_t offset) {
  const uint8_t* at = memory + offset * byte_width(dtype);
  float real = 0;
  int32_t integer = 0;
  switch (dtype) {
    case DType::f32:
      std::memcpy(&real, at, sizeof real);
      return real;
    case DType::i32:
      std::memcpy(&integer, at, sizeof integer);
      return integer;
    case DType::u8:
      return *at;
  }
  return 0;
}

// A network in this process that stops after each kernel, with the memory that it works in.
class SteppedNetwork {
 public:
  static Result<SteppedNetwork> create(Plan plan, const KernelTarget& target,
                                       const TensorFile& weights, const CompareOptions& options) {
    Blueprint blueprint(kEntry, target);
    blueprint.add_entry(kEntry, plan, Layout::channels_last, [&](const std::string& name) {
      return reinterpret_cast<const float*>(weights.find(name)->bytes.data());
    });
    blueprint.add_entry_per_call(kEntry);
    Result<std::string> bytes = object_bytes(blueprint, options.threads, options.use_cache);
    if (!bytes) return bytes.diagnostics();
    Result<LoadedObject> object = load_object(kEntry, *bytes);
    if (!object) return object.diagnostics();
    return SteppedNetwork(std::move(plan), std::move(*object), blueprint.workspace_bytes(kEntry));
  }

  [[nodiscard]] const Plan& plan() const { return plan_; }

  void run_kernel(size_t step, const std::vector<float>& images) {
    void* entry = object_.find(std::string(kEntry) + "_" + std::to_string(step));
    std::vector<void*> arguments = {const_cast<float*>(images.data())};
    for (std::vector<uint8_t>& output : outputs_) arguments.push_back(output.data());
    arguments.push_back(workspace_.data());
    const int status = call_entry(entry, nullptr, arguments);
    CNNC_CHECK(status == CNNC_OK, "kernel " + plan_.kernels[step].name + " failed: " +
                                      cnnc_status_string(static_cast<cnnc_status>(status)));
  }

  // The elements of a value in row-major order, as they lie in memory now.
  [[nodiscard]] std::vector<double> elements(ValueId id) {
    const Placement& placement = plan_.placements[id];
    const Type& type = plan_.graph.type(id);
    const bool is_output = placement.region == Region::output;
    CNNC_CHECK(is_output || placement.region == Region::workspace,
               "%" + plan_.graph.values[id].name + " has no memory of its own");
    const uint8_t* memory =
        is_output ? outputs_[placement.index].data() : workspace_.data() + placement.offset;
    const std::vector<int64_t> steps = strides(type.shape, placement.layout);
    std::vector<double> result;
    result.reserve(static_cast<size_t>(element_count(type.shape)));
    for_each_index(type.shape, [&](const std::vector<int64_t>& index) {
      int64_t offset = 0;
      for (size_t d = 0; d < index.size(); ++d) offset += index[d] * steps[d];
      result.push_back(element(memory, type.dtype, offset));
    });
    return result;
  }

 private:
  SteppedNetwork(Plan plan, LoadedObject object, int64_t workspace_bytes)
      : plan_(std::move(plan)), object_(std::move(object)), workspace_(workspace_bytes) {
    for (ValueId id : plan_.outputs) {
      outputs_.emplace_back(static_cast<size_t>(plan_.placements[id].bytes));
    }
  }

  Plan plan_;
  LoadedObject object_;
  AlignedMemory workspace_;
  std::vector<std::vector<uint8_t>> outputs_;
};

std::vector<int64_t> index_of(const Shape& shape, int64_t position) {
  std::vector<int64_t> index(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    index[d] = position % shape[d];
    position /= shape[d];
  }
  return index;
}

ComparedValue compared(const Graph& graph, const Kernel& kernel, ValueId id,
                       const std::vector<double>& found, const std::vector<double>& expected,
                       double tolerance) {
  ComparedValue result;
  result.kernel = kernel.name;
  for (int32_t node : kernel.nodes) result.layers.push_back(graph.nodes[node].name);
  result.name = graph.values[id].name;
  result.shape = graph.type(id).shape;
  const Distance distance = distance_of(found, expected);
  result.magnitude = distance.magnitude;
  result.error = distance.error;
  result.where = index_of(result.shape, distance.index);
  result.found = found[distance.index];
  result.expected = expected[distance.index];
  result.differs = !(distance.error <= tolerance * distance.magnitude);
  return result;
}

}  // namespace

Distance distance_of(const std::vector<double>& found, const std::vector<double>& expected) {
  CNNC_CHECK(found.size() == expected.size(), "lists of different lengths");
  Distance result;
  for (size_t i = 0; i < found.size(); ++i) {
    const double a = found[i], b = expected[i];
    double error = std::abs(a - b);
    if (a == b || (std::isnan(a) && std::isnan(b))) error = 0;  // infinities, too
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    if (std::isfinite(b)) result.magnitude = std::max(result.magnitude, std::abs(b));
    if (error > result.error) {
      result.error = error;
      result.index = static_cast<int64_t>(i);
    }
  }
  return result;
}

const ComparedValue* Comparison::first_difference() const {
  for (const ComparedValue& value : values) {
    if (value.differs) return &value;
  }
  return nullptr;
}

Result<Comparison> compare(const Model& model, const TensorFile& weights,
                           const TensorFile& reference_weights, const std::vector<float>& images,
                           const CompareOptions& options) {
  Result<KernelTarget> target = parse_target(options.target);
  if (!target) return target.diagnostics();
  target->winograd = options.winograd && model.description().winograd;
  const auto size = static_cast<size_t>(element_count(model.input_shape()));
  if (images.empty() || images.size() % size != 0) {
    return error("the input has " + std::to_string(images.size()) +
                 " elements, but an image of the network has " + std::to_string(size));
  }
  const auto batch = static_cast<int64_t>(images.size() / size);
  const Result<Graph> written = build_graph(model.description(), batch);
  if (!written) return written.diagnostics();
  for (const TensorFile* file : {&weights, &reference_weights}) {
    const Status fit = check_weights(*written, *file);
    if (!fit) return fit.diagnostics();
  }
  Result<Graph> graph = inference_graph(model.description(), batch);
  if (!graph) return graph.diagnostics();
  Result<SteppedNetwork> network = SteppedNetwork::create(
      make_plan(std::move(*graph), kInferencePlan), *target, weights, options);
  if (!network) return network.diagnostics();

  const Plan& plan = network->plan();
  const std::vector<ReferenceTensor> expected =
      interpret(plan.graph, given_values(plan.graph, reference_weights, images));
  Comparison result;
  for (size_t step = 0; step < plan.kernels.size(); ++step) {
    network->run_kernel(step, images);
    for (ValueId id : plan.kernels[step].outputs) {
      result.values.push_back(compared(plan.graph, plan.kernels[step], id, network->elements(id),
                                       expected[id].data, options.tolerance));
    }
  }
  result.output = network->elements(plan.outputs[0]);
  result.output_shape = plan.graph.type(plan.outputs[0]).shape;
  result.expected =
      interpret(*written, given_values(*written, reference_weights, images))[written->outputs[0]]
          .data;
  return result;
}

}  // namespace cnnc
