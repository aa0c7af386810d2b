// Constants, shapes, and operators that are computed when the network is compiled or never.
#include <algorithm>

#include "compiler/onnx/fold.h"
#include "compiler/onnx/operators.h"

namespace cnnc {
namespace {

void import_constant(OnnxNode& node) {
  if (KnownTensorPtr value = node.tensor("value")) {
    node.set_output(0, Operand{kNoValue, std::move(value), "", false});
    return;
  }
  if (node.has("value_float")) {
    return node.set_output(0, KnownTensor::scalar(ElementType::f32, node.real("value_float", 0)));
  }
  if (node.has("value_int")) {
    return node.set_output(0, KnownTensor::scalar(ElementType::i64, node.integer("value_int", 0)));
  }
  if (node.has("value_ints")) {
    return node.set_output(0, KnownTensor::integers(node.integers("value_ints")));
  }
  if (node.has("value_floats")) {
    const std::vector<double> elements = node.reals("value_floats");
    KnownTensor constant(ElementType::f32, {static_cast<int64_t>(elements.size())});
    for (size_t i = 0; i < elements.size(); ++i) constant.set(static_cast<int64_t>(i), elements[i]);
    return node.set_output(0, std::move(constant));
  }
  refuse("its value is neither a dense tensor nor numbers");
}

void import_identity(OnnxNode& node) { node.set_output(0, node.input(0)); }

void import_shape(OnnxNode& node) {
  const Shape shape = node.shape(node.input(0));
  const auto rank = static_cast<int64_t>(shape.size());
  const auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t begin = place(node.integer("start", 0));
  const int64_t end = std::max(begin, place(node.integer("end", rank)));
  node.set_output(0, KnownTensor::integers({shape.begin() + begin, shape.begin() + end}));
}

void import_size(OnnxNode& node) {
  node.set_output(0,
                  KnownTensor::scalar(ElementType::i64, element_count(node.shape(node.input(0)))));
}

// To the type that it has, the only one that is computed with.
void import_cast(OnnxNode& node) {
  node.ignore("saturate");
  const auto to = static_cast<int32_t>(node.required_integer("to"));
  if (to != data_type(ElementType::f32) || !node.is_f32(node.input(0))) {
    refuse("casts to " + data_type_name(to) + "; cnnc computes with float");
  }
  node.set_output(0, node.input(0));
}

void import_cast_like(OnnxNode& node) {
  node.ignore("saturate");
  if (!node.is_f32(node.input(0)) || !node.is_f32(node.input(1))) {
    refuse("casts to another type; cnnc computes with float");
  }
  node.set_output(0, node.input(0));
}

// Operators that only shape arithmetic needs: the folder has computed them where it can.
void import_known_only(OnnxNode& node) {
  for (int64_t i = 0; i < node.input_count(); ++i) {
    if (node.has_input(i)) (void)node.known_input(i);
  }
  refuse("cnnc computes it only where its inputs are known when the network is compiled");
}

}  // namespace

OnnxOperators constant_operators() {
  OnnxOperators operators = {{"Cast", import_cast},         {"CastLike", import_cast_like},
                             {"Constant", import_constant}, {"Identity", import_identity},
                             {"Shape", import_shape},       {"Size", import_size}};
  for (const char* name : {"And", "ConstantOfShape", "Equal", "Greater", "GreaterOrEqual", "Less",
                           "LessOrEqual", "Mod", "NonZero", "Not", "Or", "Range", "Where", "Xor"}) {
    operators.push_back({name, import_known_only});
  }
  return operators;
}

}  // namespace cnnc
