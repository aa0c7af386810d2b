// Tested by tests/onnx.
#include "compiler/onnx/node.h"

#include <onnx.pb.h>

#include <algorithm>

#include "compiler/support/check.h"

namespace cnnc {
namespace {

using ::onnx::AttributeProto;

std::vector<std::string> messages(const Diagnostics& diagnostics) {
  std::vector<std::string> result;
  for (const Diagnostic& each : diagnostics) result.push_back(each.message);
  return result;
}

ReferenceTensor reference_of(const KnownTensor& constant) {
  const Shape shape = constant.shape().empty() ? Shape{1} : constant.shape();
  ReferenceTensor tensor{shape, std::vector<double>(constant.count())};
  for (int64_t i = 0; i < constant.count(); ++i) {
    tensor.data[i] = static_cast<double>(constant.at(i));
  }
  return tensor;
}

std::vector<double> numbers_of(const AttrValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return {static_cast<double>(*integer)};
  if (const auto* real = std::get_if<double>(&value)) return {*real};
  if (const auto* list = std::get_if<std::vector<double>>(&value)) return *list;
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    return {list->begin(), list->end()};
  }
  return {};
}

void check_declared(const OpDef& op, const Attrs& attrs) {
  for (const auto& each : attrs.all()) {
    const std::string& name = each.first;
    const bool is_declared = std::any_of(op.attrs.begin(), op.attrs.end(),
                                         [&](const AttrSpec& spec) { return spec.name == name; });
    CNNC_CHECK(is_declared, op.name + " has no attribute " + name);
  }
}

// What a description's reader checks of the attributes of a layer.
void check_ranges(const OpDef& op, const Attrs& attrs) {
  for (const AttrSpec& spec : op.attrs) {
    if (!attrs.has(spec.name)) continue;
    const AttrValue& value = attrs.all().at(spec.name);
    for (const double number : numbers_of(value)) {
      if (number >= spec.least && number <= spec.most) continue;
      refuse(op.name + " takes no " + spec.name + " of " + to_string(value));
    }
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr || spec.choices.empty()) continue;
    if (std::find(spec.choices.begin(), spec.choices.end(), *text) == spec.choices.end()) {
      refuse(op.name + " takes no " + spec.name + " of " + to_string(value));
    }
  }
}

}  // namespace

void refuse(const std::string& reason) { throw Refusal{{reason}}; }

OnnxNode::OnnxNode(ImportedGraph& into, const ::onnx::NodeProto& node, int64_t opset)
    : into_(into), node_(node), opset_(opset) {}

const std::string& OnnxNode::type() const { return node_.op_type(); }

int64_t OnnxNode::input_count() const { return node_.input_size(); }

bool OnnxNode::has_input(int64_t i) const {
  return i < node_.input_size() && !node_.input(static_cast<int>(i)).empty();
}

Operand OnnxNode::input(int64_t i) const {
  if (!has_input(i)) refuse("has no input " + std::to_string(i));
  return into_.operands.at(node_.input(static_cast<int>(i)));
}

Operand OnnxNode::input_or_none(int64_t i) const { return has_input(i) ? input(i) : Operand{}; }

KnownTensorPtr OnnxNode::known_input(int64_t i) const {
  const Operand operand = input(i);
  if (operand.is_constant()) return operand.constant;
  if (into_.graph.values[operand.id].kind == ValueKind::input) {
    into_.inputs_to_know.insert(operand.name);
  }
  refuse("its input \"" + operand.name + "\" (number " + std::to_string(i) +
         ") is not known when the network is compiled");
}

std::vector<int64_t> OnnxNode::known_integers(int64_t i) const {
  return known_input(i)->as_integers();
}

Number OnnxNode::known_scalar(int64_t i) const {
  const KnownTensorPtr constant = known_input(i);
  if (constant->count() != 1) {
    refuse("its input number " + std::to_string(i) + " has the shape " +
           to_string(constant->shape()) + ", not one element");
  }
  return constant->at(0);
}

bool OnnxNode::all_known() const {
  for (int64_t i = 0; i < input_count(); ++i) {
    if (has_input(i) && !input(i).is_constant()) return false;
  }
  return true;
}

Shape OnnxNode::shape(const Operand& operand) const {
  CNNC_CHECK(!operand.is_absent(), "the shape of nothing");
  if (operand.is_constant()) return operand.constant->shape();
  return operand.is_scalar ? Shape{} : into_.graph.type(operand.id).shape;
}

Shape OnnxNode::shape_in_graph(const Operand& operand) const {
  const Shape result = shape(operand);
  return result.empty() ? Shape{1} : result;
}

int64_t OnnxNode::rank(const Operand& operand) const {
  return static_cast<int64_t>(shape(operand).size());
}

bool OnnxNode::is_f32(const Operand& operand) const {
  return operand.is_constant() ? operand.constant->type() == ElementType::f32
                               : into_.graph.type(operand.id).dtype == DType::f32;
}

// ---- Attributes ---------------------------------------------------------------------------------

const AttributeProto* OnnxNode::find(const std::string& name, int32_t type) {
  asked_.insert(name);
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    if (attribute.type() != type) {
      refuse("its attribute " + name + " is of type " +
             AttributeProto::AttributeType_Name(attribute.type()) + ", not " +
             AttributeProto::AttributeType_Name(static_cast<AttributeProto::AttributeType>(type)));
    }
    return &attribute;
  }
  return nullptr;
}

bool OnnxNode::has(const std::string& name) {
  return std::any_of(node_.attribute().begin(), node_.attribute().end(),
                     [&](const AttributeProto& each) { return each.name() == name; });
}

int64_t OnnxNode::integer(const std::string& name, int64_t fallback) {
  const AttributeProto* found = find(name, AttributeProto::INT);
  return found ? found->i() : fallback;
}

int64_t OnnxNode::required_integer(const std::string& name) {
  const AttributeProto* found = find(name, AttributeProto::INT);
  if (found == nullptr) refuse("lacks the attribute " + name);
  return found->i();
}

double OnnxNode::real(const std::string& name, double fallback) {
  const AttributeProto* found = find(name, AttributeProto::FLOAT);
  return found ? found->f() : fallback;
}

std::string OnnxNode::text(const std::string& name, const std::string& fallback) {
  const AttributeProto* found = find(name, AttributeProto::STRING);
  return found ? found->s() : fallback;
}

std::vector<int64_t> OnnxNode::integers(const std::string& name, std::vector<int64_t> fallback) {
  const AttributeProto* found = find(name, AttributeProto::INTS);
  if (found == nullptr) return fallback;
  return {found->ints().begin(), found->ints().end()};
}

std::vector<double> OnnxNode::reals(const std::string& name) {
  const AttributeProto* found = find(name, AttributeProto::FLOATS);
  if (found == nullptr) return {};
  return {found->floats().begin(), found->floats().end()};
}

KnownTensorPtr OnnxNode::tensor(const std::string& name) {
  const AttributeProto* found = find(name, AttributeProto::TENSOR);
  if (found == nullptr) return nullptr;
  Result<KnownTensor> constant = read_tensor(found->t(), into_.folder);
  if (!constant) refuse("its attribute " + name + " " + constant.diagnostics().front().message);
  return std::make_shared<const KnownTensor>(*std::move(constant));
}

std::vector<std::string> OnnxNode::attributes_not_asked_for() const {
  std::vector<std::string> result;
  for (const AttributeProto& attribute : node_.attribute()) {
    if (asked_.count(attribute.name()) == 0) result.push_back(attribute.name());
  }
  return result;
}

int64_t OnnxNode::axis_within(int64_t axis, int64_t extent) {
  if (axis < -extent || axis >= extent) {
    refuse("the axis " + std::to_string(axis) + " is outside of " + std::to_string(extent) +
           " dimensions");
  }
  return axis < 0 ? axis + extent : axis;
}

std::vector<int64_t> OnnxNode::axes_within(std::vector<int64_t> axes, int64_t rank) {
  for (int64_t& axis : axes) axis = axis_within(axis, rank);
  std::vector<int64_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    refuse("an axis is given twice");
  }
  return axes;
}

// ---- Outputs ------------------------------------------------------------------------------------

int64_t OnnxNode::output_count() const { return node_.output_size(); }

bool OnnxNode::has_output(int64_t i) const {
  return i < node_.output_size() && !node_.output(static_cast<int>(i)).empty();
}

void OnnxNode::set_output(int64_t i, Operand operand) {
  if (!has_output(i)) return;
  const std::string& name = node_.output(static_cast<int>(i));
  // What was computed is called after the node; what was only passed on keeps its name.
  if (operand.is_constant()) operand.name = name;
  into_.operands[name] = std::move(operand);
}

void OnnxNode::set_output(int64_t i, KnownTensor constant) {
  set_output(
      i, Operand{kNoValue, std::make_shared<const KnownTensor>(std::move(constant)), "", false});
}

void OnnxNode::refuse_output(int64_t i, const std::string& what) const {
  if (!has_output(i)) return;
  refuse("its output \"" + node_.output(static_cast<int>(i)) + "\", " + what +
         ", is not supported");
}

// ---- Nodes of the graph -------------------------------------------------------------------------

bool OnnxNode::exists(const std::string& op) { return find_op(op) != nullptr; }

std::string OnnxNode::next_name() {
  const std::string base = node_.output_size() > 0 ? node_.output(0) : node_.name();
  const int64_t number = emitted_++;
  return number == 0 ? base : base + "." + std::to_string(number);
}

// A constant becomes a parameter of the graph.
ValueId OnnxNode::value_of(const Operand& operand, const ParameterSpec* slot) {
  if (!operand.is_constant()) return operand.id;
  if (operand.constant->type() != ElementType::f32) {
    refuse("computes with \"" + operand.name + "\" of type " + to_string(operand.constant->type()) +
           "; cnnc computes with float");
  }
  const auto [place, is_new] =
      into_.parameters.emplace(operand.name, ImportedGraph::Parameter{operand.constant, kNoValue});
  CNNC_CHECK(is_new || place->second.constant->shape() == operand.constant->shape(),
             "two parameters called " + operand.name);
  if (is_new) {
    ParameterSpec spec;
    // What is no initializer is not trained.
    spec.is_buffer = !operand.is_trained;
    if (slot != nullptr) spec = *slot;
    spec.shape = shape_in_graph(operand);
    place->second.id = into_.graph.add_parameter(operand.name, std::move(spec));
  }
  return place->second.id;
}

std::vector<Operand> OnnxNode::compute(const OpDef& op, Attrs attrs,
                                       const std::vector<Operand>& inputs,
                                       const std::vector<Type>& argument_types) {
  InferArgs args{attrs, argument_types};
  const Result<std::vector<Type>> types = op.infer(args);
  if (!types) throw Refusal{messages(types.diagnostics())};
  std::vector<ReferenceTensor> tensors;
  tensors.reserve(inputs.size());
  std::vector<const ReferenceTensor*> pointers;
  for (const Operand& each : inputs) {
    tensors.push_back(each.is_absent() ? ReferenceTensor{} : reference_of(*each.constant));
    pointers.push_back(each.is_absent() ? nullptr : &tensors.back());
  }
  std::vector<ReferenceTensor> results;
  for (const Type& type : *types) {
    results.push_back({type.shape, std::vector<double>(element_count(type.shape))});
  }
  ReferenceArgs reference{attrs, pointers, results};
  op.reference(reference);
  const std::string name = next_name();
  std::vector<Operand> outputs;
  for (size_t k = 0; k < results.size(); ++k) {
    const bool is_real = (*types)[k].dtype == DType::f32;
    KnownTensor constant(is_real ? ElementType::f32 : ElementType::i32, results[k].shape);
    for (int64_t i = 0; i < constant.count(); ++i) constant.set(i, results[k].data[i]);
    outputs.push_back({kNoValue, std::make_shared<const KnownTensor>(std::move(constant)),
                       k == 0 ? name : name + "." + op.outputs[k], false});
  }
  return outputs;
}

std::vector<Operand> OnnxNode::emit_all(const std::string& op_name, Attrs attrs,
                                        const std::vector<Operand>& arguments,
                                        const Parameters& parameters) {
  const OpDef* op = find_op(op_name);
  if (op == nullptr) refuse("needs " + op_name + ", which cnnc does not have");
  std::vector<Type> types;
  for (const Operand& each : arguments) {
    if (each.is_absent()) {
      types.emplace_back();
      continue;
    }
    if (!is_f32(each)) {
      refuse("computes with \"" + each.name + "\" of type " +
             (each.is_constant() ? to_string(each.constant->type()) : "int32") +
             "; cnnc computes with float");
    }
    types.push_back({DType::f32, shape_in_graph(each)});
  }
  const bool is_scalar = std::all_of(arguments.begin(), arguments.end(), [&](const Operand& each) {
    return !each.is_absent() && shape(each).empty();
  });
  check_declared(*op, attrs);
  check_ranges(*op, attrs);
  set_defaults(attrs, op->attrs);
  {
    InferArgs args{attrs, types};
    const Result<std::vector<Type>> outputs = op->infer(args);
    if (!outputs) throw Refusal{messages(outputs.diagnostics())};
    for (const Type& type : *outputs) {
      constexpr int64_t kMost = (int64_t{1} << 31) - 1;
      if (element_count(type.shape) > kMost) {
        refuse("its output would be " + to_string(type.shape) +
               ": a tensor has fewer than 2^31 elements");
      }
    }
  }
  // The inputs in the op's order.
  std::vector<ParameterSpec> specs;
  if (op->parameters) specs = op->parameters(attrs, types);
  std::vector<Operand> inputs;
  std::vector<const ParameterSpec*> slots;
  size_t argument = 0;
  for (const OpInput& input : op->inputs) {
    if (!input.parameter) {
      if (input.variadic) {
        while (argument < arguments.size()) inputs.push_back(arguments[argument++]);
      } else {
        inputs.push_back(argument < arguments.size() ? arguments[argument++] : Operand{});
      }
      continue;
    }
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const ParameterSpec& each) {
      return each.name == input.name;
    });
    const auto given = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const auto& each) { return each.first == input.name; });
    if (spec == specs.end()) {
      inputs.emplace_back();
      continue;
    }
    CNNC_CHECK(given != parameters.end() && given->second.is_constant(),
               op_name + ": no values for " + spec->name);
    if (given->second.constant->shape() != spec->shape) {
      refuse("\"" + given->second.name + "\" has the shape " +
             to_string(given->second.constant->shape()) + ", but must be " +
             to_string(spec->shape));
    }
    slots.resize(inputs.size());
    slots.push_back(&*spec);
    inputs.push_back(given->second);
  }
  slots.resize(inputs.size());
  while (!inputs.empty() && inputs.back().is_absent()) inputs.pop_back();
  const bool all_known = std::all_of(inputs.begin(), inputs.end(), [](const Operand& each) {
    return each.is_absent() || each.is_constant();
  });
  if (all_known && op->reference != nullptr) {
    std::vector<Operand> results = compute(*op, attrs, inputs, types);
    for (Operand& each : results) {
      if (!is_scalar || each.constant->count() != 1) continue;
      each.constant = std::make_shared<const KnownTensor>(each.constant->reshaped({}));
    }
    return results;
  }
  std::vector<ValueId> ids;
  ids.reserve(op->inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    ids.push_back(inputs[i].is_absent() ? kNoValue : value_of(inputs[i], slots[i]));
  }
  while (ids.size() < op->inputs.size()) ids.push_back(kNoValue);
  std::vector<Operand> outputs;
  for (ValueId id : into_.graph.add(op_name, next_name(), std::move(attrs), ids)) {
    outputs.push_back({id, nullptr, into_.graph.values[id].name, false,
                       is_scalar && into_.graph.type(id).shape == Shape{1}});
  }
  return outputs;
}

Operand OnnxNode::emit(const std::string& op, Attrs attrs, const std::vector<Operand>& arguments,
                       const Parameters& parameters) {
  return emit_all(op, std::move(attrs), arguments, parameters)[0];
}

Operand OnnxNode::derived(const Operand& from, const std::string& suffix, KnownTensor constant) {
  return {kNoValue, std::make_shared<const KnownTensor>(std::move(constant)),
          from.name + "." + suffix, from.is_trained};
}

Operand OnnxNode::own(const std::string& suffix, KnownTensor constant) const {
  const std::string base = node_.output_size() > 0 ? node_.output(0) : node_.name();
  return {kNoValue, std::make_shared<const KnownTensor>(std::move(constant)), base + "." + suffix,
          false};
}

Operand OnnxNode::own_scalar(const std::string& suffix, double value) const {
  return own(suffix, KnownTensor::scalar(ElementType::f32, value));
}

}  // namespace cnnc
