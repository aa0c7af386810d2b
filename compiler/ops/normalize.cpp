// Normalize: (x - mean[c]) / std[c]. Tested by tests/ops/normalize_test.cpp.
#include <cmath>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32, {kImageForm, kRowForm});
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  for (const char* name : {"mean", "std"}) {
    const int64_t count = static_cast<int64_t>(args.attrs.reals(name).size());
    if (count == 1 || count == in[1]) continue;
    problems.push_back(error(std::string(name) + " has " + std::to_string(count) +
                             " values, but the input " + to_string(in) + " has " +
                             std::to_string(in[1]) + " channels"));
  }
  for (double value : args.attrs.reals("std")) {
    if (static_cast<float>(value) > 0) continue;
    problems.push_back(error("std must be above 0, but is " + to_string(AttrValue(value))));
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

// The value of channel `c`.
Expr per_channel(const std::vector<double>& values, const Expr& c) {
  std::vector<Expr> exprs;
  exprs.reserve(values.size());
  for (double value : values) exprs.emplace_back(static_cast<float>(value));
  return exprs.size() == 1 ? exprs[0] : Halide::mux(c, exprs);
}

// Whether all values are powers of two whose reciprocals are normal: then multiplying by the
// reciprocal gives the same bits as dividing.
bool have_exact_reciprocals(const std::vector<double>& values) {
  for (double value : values) {
    int exponent = 0;
    if (std::frexp(static_cast<float>(value), &exponent) != 0.5F) return false;
    if (exponent < -124 || exponent > 125) return false;
  }
  return true;
}

void lower(Lowering& lowering) {
  const int64_t rank = lowering.output_types[0].rank();
  const std::vector<Var> vars = variables(rank);
  const Expr c = vars[rank - 2];
  const std::vector<double>& std = lowering.attrs().reals("std");
  const Expr centred =
      at(lowering.inputs[0], as_exprs(vars)) - per_channel(lowering.attrs().reals("mean"), c);
  Func output("normalize");
  if (have_exact_reciprocals(std)) {
    std::vector<double> reciprocals;
    reciprocals.reserve(std.size());
    for (double value : std) reciprocals.push_back(1 / value);
    output(vars) = centred * per_channel(reciprocals, c);
  } else {
    output(vars) = Halide::strict_float(centred / per_channel(std, c));
  }
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  Attrs attrs = args.node.attrs;
  attrs.set("mean", std::vector<double>{0});
  result[0] = args.graph.add("Normalize", args.node.name + ".grad_input", attrs, {upstream})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const std::vector<double>& mean = args.attrs.reals("mean");
  const std::vector<double>& std = args.attrs.reals("std");
  const Fibres channels = fibres(args.inputs[0]->shape, 1);
  const std::vector<double>& in = args.inputs[0]->data;
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t c = i / channels.after % channels.extent;
    args.outputs[0].data[i] =
        (in[i] - mean[mean.size() == 1 ? 0 : c]) / std[std.size() == 1 ? 0 : c];
  }
}

OpDef make_normalize() noexcept {
  OpDef op;
  op.name = "Normalize";
  op.doc = "(x - mean) / std, per channel or with one pair for all";
  op.attrs = {
      required(attribute("mean", AttrKind::reals, {}, {}, "one value, or one per channel")),
      required(
          attribute("std", AttrKind::reals, {}, kNotNegative, "one value, or one per channel")),
  };
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.traits = kElementwise;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef normalize = make_normalize();

}  // namespace cnnc
