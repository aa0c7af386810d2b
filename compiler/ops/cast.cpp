// Cast: the same numbers as floats. Tested by tests/ops/cast_test.cpp.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

Result<std::vector<Type>> infer(InferArgs& args) {
  if (!is_given(args, 0)) return error("needs an input");
  return outputs_of({{DType::f32, args.inputs[0].shape}});
}

void lower(Lowering& lowering) {
  const std::vector<Halide::Var> vars = variables(lowering.output_types[0].rank());
  Halide::Func output("cast");
  output(vars) = Halide::cast<float>(at(lowering.inputs[0], as_exprs(vars)));
  lowering.outputs = {output};
}

void reference(ReferenceArgs& args) { args.outputs[0].data = args.inputs[0]->data; }

OpDef make_cast() noexcept {
  OpDef op;
  op.name = "Cast";
  op.doc = "The numbers of a tensor of any type as floats";
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef cast = make_cast();

}  // namespace cnnc
