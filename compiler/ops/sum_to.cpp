// SumTo: the gradient of what was broadcast. Tested by tests/ops/sum_to_test.cpp.
//
// The attribute `shape` is the shape before the broadcast; passes set it. With a second input,
// which may itself be broadcast, products are summed.
#include <algorithm>

#include "compiler/ops/broadcast.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

// Whether dimension `d` of the input is summed.
bool is_summed(const Shape& in, const Shape& out, size_t d) {
  const size_t skipped = in.size() - out.size();
  return d < skipped || (out[d - skipped] == 1 && in[d] != 1);
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32);
  if (problems.empty() && is_given(args, 1)) {
    problems = expect_input(args, 1, "factor", DType::f32);
  }
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const Shape& shape = args.attrs.integers("shape");
  if (broadcast_shape(shape, in) != in) {
    return error("cannot sum " + to_string(in) + " to " + to_string(shape));
  }
  if (is_given(args, 1) && broadcast_shape(args.inputs[1].shape, in) != in) {
    return error("the factor is " + to_string(args.inputs[1].shape) + ", but the gradient is " +
                 to_string(in));
  }
  return outputs_of({{DType::f32, shape}});
}

Expr term(const Lowering& lowering, const std::vector<Expr>& place) {
  const Expr value = at(lowering.inputs[0], place);
  const Func factor = input_or_none(lowering, 1);
  if (!factor.defined()) return value;
  return value * broadcast_at(factor, lowering.input_types[1].shape, place);
}

// "sum" has an element for each of the result. Where the batch is summed and divides into lanes,
// "part" sums what is one lane's and "accumulator" the lanes.
void lower(Lowering& lowering) {
  const Shape& in = lowering.input_types[0].shape;
  const Shape& out = lowering.output_types[0].shape;
  const std::vector<Var> vars = variables(static_cast<int64_t>(out.size()));
  const int64_t lanes = is_summed(in, out, 0) && in[0] % lowering.lanes == 0 ? lowering.lanes : 1;
  std::vector<Expr> place(in.size());
  Halide::Region bounds;
  std::vector<size_t> summed;
  for (size_t k = 0; k < in.size(); ++k) {  // the batch innermost, then from the last dimension on
    const size_t d = k == 0 ? 0 : in.size() - k;
    if (is_summed(in, out, d)) {
      bounds.emplace_back(0, constant(d == 0 ? in[d] / lanes : in[d]));
      summed.push_back(d);
    } else {
      place[in.size() - 1 - d] = vars[in.size() - 1 - d];
    }
  }
  Func output("sum_to");
  lowering.outputs = {output};
  if (summed.empty()) {
    output(vars) = term(lowering, place);
    return;
  }
  const RDom r(bounds, "r");
  for (size_t k = 0; k < summed.size(); ++k) {
    place[in.size() - 1 - summed[k]] = r[static_cast<int>(k)];
  }
  if (lanes == 1) {
    Func sum("sum");
    sum(vars) = 0.f;
    sum(vars) += term(lowering, place);
    output(vars) = sum(vars);
    lowering.stages["sum"] = sum;
    return;
  }
  const Var l("l");
  std::vector<Var> of_lane = vars;
  of_lane.insert(of_lane.begin(), l);
  place.back() = l + constant(lanes) * place.back();
  Func part("part"), accumulator("accumulator");
  part(of_lane) = 0.f;
  part(of_lane) += term(lowering, place);
  const RDom rl(0, constant(lanes), "rl");
  std::vector<Expr> lane = as_exprs(vars);
  lane.insert(lane.begin(), rl);
  accumulator(vars) = 0.f;
  accumulator(vars) += at(part, lane);
  output(vars) = accumulator(vars);
  lowering.stages["part"] = part;
  lowering.stages["accumulator"] = accumulator;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& in = *args.inputs[0];
  const ReferenceTensor* factor = args.inputs.size() > 1 ? args.inputs[1] : nullptr;
  ReferenceTensor& out = args.outputs[0];
  for (size_t i = 0; i < in.data.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const double scale = factor ? factor->data[broadcast_index(factor->shape, in.shape, index)] : 1;
    out.data[broadcast_index(out.shape, in.shape, index)] += in.data[i] * scale;
  }
}

OpDef make_sum_to() noexcept {
  OpDef op;
  op.name = "SumTo";
  op.doc = "Sum over everything that a tensor was broadcast to";
  op.inputs = {input("gradient"), optional_input("factor")};
  op.outputs = {"output"};
  op.schedule = "channel_sum";
  op.infer = infer;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef sum_to = make_sum_to();

}  // namespace cnnc
