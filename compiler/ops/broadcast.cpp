// Tested by tests/ops/arithmetic_test.cpp.
#include "compiler/ops/broadcast.h"

#include <algorithm>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Expr broadcast_at(const Func& f, const Shape& shape, const std::vector<Expr>& place) {
  std::vector<Expr> own;
  for (size_t i = 0; i < shape.size(); ++i) {
    own.push_back(shape[shape.size() - 1 - i] == 1 ? constant(0) : place[i]);
  }
  return at(f, own);
}

int64_t broadcast_index(const Shape& from, const Shape& to, int64_t index) {
  int64_t result = 0, stride = 1;
  for (size_t i = 0; i < to.size(); ++i) {
    const int64_t extent = to[to.size() - 1 - i];
    if (i < from.size()) {
      const int64_t own = from[from.size() - 1 - i];
      if (own != 1) result += index % extent * stride;
      stride *= own;
    }
    index /= extent;
  }
  return result;
}

Result<std::vector<Type>> infer_binary(InferArgs& args, const std::string& other) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  if (args.attrs.has(other)) {
    if (is_given(args, 1)) return error("has two inputs, and " + other + " besides");
    return outputs_of({args.inputs[0]});
  }
  if (!is_given(args, 1)) {
    return error("needs a second input, or a number as " + other);
  }
  problems = expect_input(args, 1, other, DType::f32);
  if (!problems.empty()) return problems;
  const Shape shape = broadcast_shape(args.inputs[0].shape, args.inputs[1].shape);
  if (shape.empty()) {
    return error("the inputs are " + to_string(args.inputs[0].shape) + " and " +
                 to_string(args.inputs[1].shape) +
                 ": counted from the last, their dimensions must be equal or 1");
  }
  return outputs_of({{DType::f32, shape}});
}

uint32_t broadcast_traits(const Attrs&, const std::vector<Type>& inputs) {
  if (inputs.size() < 2 || inputs[1].rank() == 0) return kElementwise;
  const Shape shape = broadcast_shape(inputs[0].shape, inputs[1].shape);
  return inputs[0].shape == shape || inputs[1].shape == shape ? uint32_t{kElementwise} : 0u;
}

void lower_binary(Lowering& lowering, BinaryExpr value, const std::string& other) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const std::vector<Expr> place = as_exprs(vars);
  const auto operand = [&](size_t index) {
    return broadcast_at(lowering.inputs[index], lowering.input_types[index].shape, place);
  };
  const Func second = input_or_none(lowering, 1);
  Func output("binary");
  output(vars) =
      value(operand(0),
            second.defined() ? operand(1) : Expr(static_cast<float>(lowering.attrs().real(other))));
  lowering.outputs = {output};
}

void reference_binary(ReferenceArgs& args, BinaryDouble value, const std::string& other) {
  ReferenceTensor& out = args.outputs[0];
  const ReferenceTensor& a = *args.inputs[0];
  const ReferenceTensor* b = args.inputs.size() > 1 ? args.inputs[1] : nullptr;
  for (size_t i = 0; i < out.data.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const double second =
        b ? b->data[broadcast_index(b->shape, out.shape, index)] : args.attrs.real(other);
    out.data[i] = value(a.data[broadcast_index(a.shape, out.shape, index)], second);
  }
}

OpDef binary_op(std::string name, std::string doc, const std::string& other) {
  OpDef op;
  op.name = std::move(name);
  op.role = OpRole::layer;
  op.doc = std::move(doc);
  op.attrs = {attribute(other, AttrKind::real, {}, {}, "a number instead of the second input")};
  op.inputs = {input("input"), optional_input(other)};
  op.outputs = {"output"};
  op.more_traits = broadcast_traits;
  op.infer = [](InferArgs& args) { return infer_binary(args, "other"); };
  return op;
}

Result<std::vector<Type>> infer_operands(InferArgs& args, const std::string& other) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  for (size_t i = 1; problems.empty() && i < args.inputs.size(); ++i) {
    const std::string name = "input " + std::to_string(i);
    if (i + 1 == args.inputs.size() && !is_given(args, i) && args.attrs.has(other)) continue;
    problems = expect_input(args, i, name, DType::f32);
    const Shape& shape = args.inputs[0].shape;
    if (problems.empty() && broadcast_shape(args.inputs[i].shape, shape) != shape) {
      problems = {error(name + " is " + to_string(args.inputs[i].shape) + ", but the gradient is " +
                        to_string(shape))};
    }
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

std::vector<Expr> operands_at(const Lowering& lowering, const std::vector<Expr>& place,
                              const std::string& other) {
  std::vector<Expr> result;
  for (size_t i = 0; i < lowering.inputs.size(); ++i) {
    const Func& f = lowering.inputs[i];
    result.push_back(f.defined() ? broadcast_at(f, lowering.input_types[i].shape, place)
                                 : Expr(static_cast<float>(lowering.attrs().real(other))));
  }
  return result;
}

std::vector<double> operands_at(const ReferenceArgs& args, int64_t index,
                                const std::string& other) {
  std::vector<double> result;
  for (const ReferenceTensor* each : args.inputs) {
    result.push_back(each ? each->data[broadcast_index(each->shape, args.outputs[0].shape, index)]
                          : args.attrs.real(other));
  }
  return result;
}

ValueId BinaryGradient::add(const std::string& op, const std::string& name,
                            const std::vector<ValueId>& inputs, Attrs attrs) {
  return args_.graph.add(op, node_.name + "." + name, std::move(attrs), inputs)[0];
}

void BinaryGradient::set(size_t index, ValueId gradient, ValueId factor) {
  const std::string name = index == 0 ? "grad_input" : "grad_other";
  const Shape shape = args_.graph.type(input(index)).shape;
  if (shape != args_.graph.type(gradient).shape) {
    Attrs attrs;
    attrs.set("shape", shape);
    result_[index] = add("SumTo", name, {gradient, factor}, attrs);
  } else {
    result_[index] = factor == kNoValue ? gradient : add("Mul", name, {gradient, factor});
  }
}

}  // namespace cnnc
