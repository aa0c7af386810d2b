// Folds what is computed element by element.
#include <algorithm>
#include <cmath>
#include <map>

#include "compiler/onnx/fold.h"

namespace cnnc {
namespace {

Number sign(Number x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

Number round_to_even(Number x) { return std::nearbyint(x); }

using Unary = Number (*)(Number);

const std::map<std::string, Unary>& unaries() {
  static const std::map<std::string, Unary> kUnaries = {
      {"Abs", [](Number x) { return std::fabs(x); }},
      {"Ceil", [](Number x) { return std::ceil(x); }},
      {"Cos", [](Number x) { return std::cos(x); }},
      {"Erf", [](Number x) { return std::erf(x); }},
      {"Exp", [](Number x) { return std::exp(x); }},
      {"Floor", [](Number x) { return std::floor(x); }},
      {"Log", [](Number x) { return std::log(x); }},
      {"Neg", [](Number x) { return -x; }},
      {"Not", [](Number x) -> Number { return x == 0 ? 1 : 0; }},
      {"Reciprocal", [](Number x) { return 1 / x; }},
      {"Round", round_to_even},
      {"Sign", sign},
      {"Sin", [](Number x) { return std::sin(x); }},
      {"Sqrt", [](Number x) { return std::sqrt(x); }},
      {"Tanh", [](Number x) { return std::tanh(x); }},
  };
  return kUnaries;
}

void fold_unary(OnnxNode& node) {
  const Operand input = node.input(0);
  const Unary function = unaries().at(node.type());
  KnownTensor result(input.constant->type(), input.constant->shape());
  for (int64_t i = 0; i < result.count(); ++i) result.set(i, function(input.constant->at(i)));
  node.set_output(0, std::move(result));
}

// ONNX divides integers as C++ does, and its Mod has the sign of the divisor unless fmod is set.
Number divided(Number a, Number b, bool is_real) {
  if (is_real) return a / b;
  if (b == 0) refuse("divides by 0");
  return std::trunc(a / b);
}

Number modulo(Number a, Number b, bool is_real, bool truncates) {
  if (b == 0 && !is_real) refuse("divides by 0");
  const Number rest = std::fmod(a, b);
  return truncates || rest == 0 || (rest < 0) == (b < 0) ? rest : rest + b;
}

using Binary = std::function<Number(Number, Number)>;

// Empty for an operator that is none.
Binary binary(const std::string& type, bool is_real, bool truncates) {
  if (type == "Add" || type == "Sum") return [](Number a, Number b) { return a + b; };
  if (type == "Sub") return [](Number a, Number b) { return a - b; };
  if (type == "Mul") return [](Number a, Number b) { return a * b; };
  if (type == "Div") return [=](Number a, Number b) { return divided(a, b, is_real); };
  if (type == "Mod") return [=](Number a, Number b) { return modulo(a, b, is_real, truncates); };
  if (type == "Pow") return [](Number a, Number b) { return std::pow(a, b); };
  if (type == "Max") return [](Number a, Number b) { return std::isnan(a) || a > b ? a : b; };
  if (type == "Min") return [](Number a, Number b) { return std::isnan(a) || a < b ? a : b; };
  if (type == "Equal") return [](Number a, Number b) -> Number { return a == b ? 1 : 0; };
  if (type == "Less") return [](Number a, Number b) -> Number { return a < b ? 1 : 0; };
  if (type == "LessOrEqual") return [](Number a, Number b) -> Number { return a <= b ? 1 : 0; };
  if (type == "Greater") return [](Number a, Number b) -> Number { return a > b ? 1 : 0; };
  if (type == "GreaterOrEqual") return [](Number a, Number b) -> Number { return a >= b ? 1 : 0; };
  const auto is_true = [](Number x) { return x != 0; };
  if (type == "And") {
    return [=](Number a, Number b) -> Number { return is_true(a) && is_true(b) ? 1 : 0; };
  }
  if (type == "Or") {
    return [=](Number a, Number b) -> Number { return is_true(a) || is_true(b) ? 1 : 0; };
  }
  return [=](Number a, Number b) -> Number { return is_true(a) != is_true(b) ? 1 : 0; };  // Xor
}

bool gives_boolean(const std::string& type) {
  for (const char* each :
       {"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor"}) {
    if (type == each) return true;
  }
  return false;
}

KnownTensor combined(const KnownTensor& a, const KnownTensor& b, ElementType type,
                     const Binary& function) {
  KnownTensor result(type, common_shape(a.shape(), b.shape()));
  const Shape shape = result.shape();
  for_each_index(shape, [&](int64_t i, const std::vector<int64_t>& index) {
    result.set(i, function(a.at(broadcast_position(a.shape(), index)),
                           b.at(broadcast_position(b.shape(), index))));
  });
  return result;
}

// The second operand of an operator of opset 6, whose first dimension lies at the attribute axis.
KnownTensor aligned_as_of_old(OnnxNode& node, const KnownTensor& a, const KnownTensor& b) {
  if (node.opset() >= 7) return b;
  (void)node.integer("broadcast", 0);
  const int64_t axis = node.integer("axis", a.rank() - b.rank());
  Shape shape = b.shape();
  while (axis >= 0 && static_cast<int64_t>(shape.size()) + axis < a.rank()) shape.push_back(1);
  return b.reshaped(shape);
}

// With two inputs or, for some, any number.
void fold_binary(OnnxNode& node) {
  const bool truncates = node.type() == "Mod" && node.integer("fmod", 0) != 0;
  KnownTensor result = *node.input(0).constant;
  const ElementType type = gives_boolean(node.type()) ? ElementType::boolean : result.type();
  const Binary function = binary(node.type(), result.is_real(), truncates);
  for (int64_t i = 1; i < node.input_count(); ++i) {
    const KnownTensor other = aligned_as_of_old(node, result, *node.input(i).constant);
    result = combined(result, other, type, function);
  }
  node.set_output(0, std::move(result));
}

void fold_where(OnnxNode& node) {
  const KnownTensor& condition = *node.input(0).constant;
  const KnownTensor& a = *node.input(1).constant;
  const KnownTensor& b = *node.input(2).constant;
  const Shape shape = common_shape(condition.shape(), common_shape(a.shape(), b.shape()));
  KnownTensor result(a.type(), shape);
  for_each_index(shape, [&](int64_t i, const std::vector<int64_t>& index) {
    const bool is_first = condition.at(broadcast_position(condition.shape(), index)) != 0;
    const KnownTensor& from = is_first ? a : b;
    result.set(i, from.at(broadcast_position(from.shape(), index)));
  });
  node.set_output(0, std::move(result));
}

KnownTensor cast(const KnownTensor& from, ElementType type) {
  KnownTensor result(type, from.shape());
  for (int64_t i = 0; i < result.count(); ++i) result.set(i, from.at(i));
  return result;
}

void fold_cast(OnnxNode& node) {
  const int64_t to = node.required_integer("to");
  node.ignore("saturate");
  ElementType type = ElementType::f32;
  if (!element_type(static_cast<int32_t>(to), type)) {
    refuse("casts to " + data_type_name(static_cast<int32_t>(to)) +
           ", which cnnc does not compute with");
  }
  node.set_output(0, cast(*node.input(0).constant, type));
}

void fold_cast_like(OnnxNode& node) {
  node.ignore("saturate");
  node.set_output(0, cast(*node.input(0).constant, node.input(1).constant->type()));
}

}  // namespace

std::vector<Folding> elementwise_foldings() {
  std::vector<Folding> result = {
      {"Cast", fold_cast}, {"CastLike", fold_cast_like}, {"Where", fold_where}};
  for (const auto& [name, function] : unaries()) result.push_back({name.c_str(), fold_unary});
  for (const char* name :
       {"Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
        "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Xor"}) {
    result.push_back({name, fold_binary});
  }
  return result;
}

}  // namespace cnnc
