// PadBatch and CropBatch: change the number of rows of a batch. Tested by
// tests/ops/pad_batch_test.cpp.
#include <algorithm>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

std::vector<AttrSpec> row_attrs() {
  return {required(attribute("rows", AttrKind::integer, {}, kCounts, "rows of the output"))};
}

// The input's type with `rows` rows; which way they may differ is `is_padding`.
Result<std::vector<Type>> infer_rows(const InferArgs& args, bool is_padding) {
  if (!is_given(args, 0)) return error("needs an input");
  Type type = args.inputs[0];
  const int64_t rows = args.attrs.integer("rows");
  if (is_padding ? rows < type.shape[0] : rows > type.shape[0]) {
    return error(std::string(is_padding ? "cannot pad " : "cannot crop ") + to_string(type.shape) +
                 " to " + std::to_string(rows) + " rows");
  }
  type.shape[0] = rows;
  return outputs_of({type});
}

Result<std::vector<Type>> infer_pad(InferArgs& args) {
  if (is_given(args, 1)) {
    const Diagnostics problems = expect_type(args, 1, "count", {DType::i32, {1}});
    if (!problems.empty()) return problems;
  }
  return infer_rows(args, true);
}

Result<std::vector<Type>> infer_crop(InferArgs& args) { return infer_rows(args, false); }

void lower_pad(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  const std::vector<Var> vars = variables(type.rank());
  const int64_t given = lowering.input_types[0].shape[0];
  const Func count = input_or_none(lowering, 1);
  std::vector<Expr> source = as_exprs(vars);
  const Expr row = vars.back();
  Expr is_row;
  if (given < type.shape[0]) {
    source.back() = Halide::clamp(row, 0, constant(given - 1));
    is_row = row < constant(given);
  }
  if (count.defined()) is_row = is_row.defined() ? is_row && row < count(0) : row < count(0);
  const Expr value = at(lowering.inputs[0], source);
  Func output("pad_batch");
  output(vars) =
      is_row.defined() ? Halide::select(is_row, value, Halide::cast(value.type(), 0)) : value;
  lowering.outputs = {output};
}

void lower_crop(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  Func output("crop_batch");
  output(vars) = at(lowering.inputs[0], as_exprs(vars));
  lowering.outputs = {output};
}

// Rows that were not read have no gradient.
std::vector<ValueId> gradient_pad(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  Attrs attrs;
  attrs.set("rows", args.graph.type(node.inputs[0]).shape[0]);
  const std::string name = node.name + ".grad_input";
  if (node.inputs.size() < 2 || node.inputs[1] == kNoValue) {
    result[0] = args.graph.add("CropBatch", name, attrs, {upstream})[0];
    return result;
  }
  const ValueId cropped = args.graph.add("CropBatch", name + ".rows", attrs, {upstream})[0];
  result[0] = args.graph.add("PadBatch", name, attrs, {cropped, node.inputs[1]})[0];
  return result;
}

std::vector<ValueId> gradient_crop(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  Attrs attrs;
  attrs.set("rows", args.graph.type(args.node.inputs[0]).shape[0]);
  result[0] =
      args.graph.add("PadBatch", args.node.name + ".grad_input", attrs, {upstream, kNoValue})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  ReferenceTensor& output = args.outputs[0];
  int64_t rows = std::min(input.shape[0], output.shape[0]);
  if (args.inputs.size() > 1 && args.inputs[1]) {
    rows = std::min(rows, static_cast<int64_t>(args.inputs[1]->data[0]));
  }
  const int64_t copied = rows * fibres(input.shape, 0).after;
  for (int64_t i = 0; i < copied; ++i) output.data[i] = input.data[i];
}

OpDef make_pad_batch() noexcept {
  OpDef op;
  op.name = "PadBatch";
  op.doc = "The first `count` rows of a batch (all of them without it), followed by rows of zeros";
  op.attrs = row_attrs();
  op.inputs = {input("input"), optional_input("count")};
  op.outputs = {"output"};
  op.infer = infer_pad;
  op.lower = lower_pad;
  op.gradient = gradient_pad;
  op.reference = reference;
  return op;
}

OpDef make_crop_batch() noexcept {
  OpDef op;
  op.name = "CropBatch";
  op.doc = "The first rows of a batch";
  op.attrs = row_attrs();
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer_crop;
  op.lower = lower_crop;
  op.gradient = gradient_crop;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef pad_batch = make_pad_batch();
extern const OpDef crop_batch = make_crop_batch();

}  // namespace cnnc
