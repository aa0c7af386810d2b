// Layers that combine two tensors element by element, and broadcasting: shapes are aligned at their
// last dimensions, and where one has an extent of 1, or no dimension, it counts for every place of
// the other. The second operand may be a number, the attribute `other`.
#pragma once
#include "compiler/ops/exprs.h"
#include "compiler/ops/math_exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

using BinaryExpr = Halide::Expr (*)(const Halide::Expr&, const Halide::Expr&);
using BinaryDouble = double (*)(double, double);

// Element of `f`, a tensor of that shape, at a place of the shape that it is broadcast to.
[[nodiscard]] Halide::Expr broadcast_at(const Halide::Func& f, const Shape& shape,
                                        const std::vector<Halide::Expr>& place);
// The row-major index of the element of a tensor of shape `from` that counts for element `index` of
// a tensor of shape `to`.
[[nodiscard]] int64_t broadcast_index(const Shape& from, const Shape& to, int64_t index);

// A record with the inputs "input" and "other" or the attribute of that name, but no functions of
// numbers.
[[nodiscard]] OpDef binary_op(std::string name, std::string doc,
                              const std::string& other = "other");
// Its parts. `other` is the name of the second operand.
[[nodiscard]] Result<std::vector<Type>> infer_binary(InferArgs& args, const std::string& other);
// Elementwise where an input has the shape of the output.
[[nodiscard]] uint32_t broadcast_traits(const Attrs& attrs, const std::vector<Type>& inputs);
void lower_binary(Lowering& lowering, BinaryExpr value, const std::string& other = "other");
void reference_binary(ReferenceArgs& args, BinaryDouble value, const std::string& other = "other");

// For gradients: input 0 has the shape of the output, the others are broadcast to it, and the last
// may be the number `other`. Their elements at that place, and at that row-major index.
[[nodiscard]] Result<std::vector<Type>> infer_operands(InferArgs& args, const std::string& other);
[[nodiscard]] std::vector<Halide::Expr> operands_at(const Lowering& lowering,
                                                    const std::vector<Halide::Expr>& place,
                                                    const std::string& other);
[[nodiscard]] std::vector<double> operands_at(const ReferenceArgs& args, int64_t index,
                                              const std::string& other);

// What gradients are made of. Each sum or product has a name of its own in the graph.
class BinaryGradient {
 public:
  explicit BinaryGradient(GradientArgs& args)
      : args_(args), node_(args.node), result_(no_gradients(node_)) {}

  [[nodiscard]] bool wants(size_t index) const {
    return upstream() != kNoValue && index < node_.inputs.size() &&
           node_.inputs[index] != kNoValue && args_.wanted[index];
  }
  [[nodiscard]] ValueId upstream() const { return args_.output_gradients[0]; }
  [[nodiscard]] ValueId input(size_t index) const { return node_.inputs[index]; }
  [[nodiscard]] ValueId output() const { return node_.outputs[0]; }
  // The attribute `other`, where the second operand is a number.
  [[nodiscard]] Attrs number() const { return select(node_.attrs, node_.op->attrs); }

  // Adds a node.
  ValueId add(const std::string& op, const std::string& name, const std::vector<ValueId>& inputs,
              Attrs attrs = {});
  // Sets the gradient of an input: the sum of `gradient`, times `factor` where it is given, over
  // everything that the input was broadcast to.
  void set(size_t index, ValueId gradient, ValueId factor = kNoValue);

  [[nodiscard]] std::vector<ValueId> result() const { return result_; }

 private:
  GradientArgs& args_;
  const Node node_;  // a copy: nodes move as others are added
  std::vector<ValueId> result_;
};

}  // namespace cnnc
