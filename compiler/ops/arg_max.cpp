// ArgMax: which class is the greatest. Tested by tests/ops/arg_max_test.cpp.
//
//   output[n, ...] = the least c for which input[n, c, ...] is greatest; a NaN is greater than any
//   number, as in PyTorch.
// With another `dim` than 1, c counts along that one.
#include <cmath>

#include "compiler/ops/exponentials.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty()) problems = settle_dim(args);
  if (!problems.empty()) return problems;
  Shape shape = args.inputs[0].shape;
  const auto dim = shape.begin() + args.attrs.integer("dim");
  if (args.attrs.boolean("keepdim") || shape.size() == 1) {
    *dim = 1;
  } else {
    shape.erase(dim);
  }
  return outputs_of({{DType::i32, shape}});
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>& /*inputs*/) {
  return attrs.integer("dim") == 0 ? uint32_t{kMixesBatch} : 0u;
}

// Stage "best": the class and its value, for every element of the output.
void lower(Lowering& lowering) {
  const std::vector<Var> vars = variables(lowering.output_types[0].rank());
  const Type& in = lowering.input_types[0];
  const int64_t argument = dim_argument(lowering);
  const int64_t classes = in.shape[lowering.attrs().integer("dim")];
  const bool keeps = in.rank() == lowering.output_types[0].rank();
  const auto value_of = [&](const Expr& c) {
    std::vector<Expr> place = as_exprs(vars);
    if (keeps) {
      place[argument] = c;
    } else {
      place.insert(place.begin() + argument, c);
    }
    return at(lowering.inputs[0], place);
  };
  Func best("best"), output("arg_max");
  best(vars) = Halide::Tuple(Expr(0), value_of(0));
  if (classes > 1) {
    const Halide::RDom r(1, constant(classes - 1), "r");
    const Expr value = value_of(r), most = best(vars)[1];
    const Expr is_better =
        Halide::strict_float(value > most) || (Halide::strict_float(Halide::is_nan(value)) &&
                                               !Halide::strict_float(Halide::is_nan(most)));
    best(vars) = Halide::Tuple(Halide::select(is_better, r.x, best(vars)[0]),
                               Halide::select(is_better, value, most));
    lowering.stages["best"] = best;
  }
  output(vars) = best(vars)[0];
  lowering.outputs = {output};
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& in = *args.inputs[0];
  const Fibres f = fibres(in.shape, args.attrs.integer("dim"));
  for (int64_t n = 0; n < f.before; ++n) {
    for (int64_t k = 0; k < f.after; ++k) {
      const double* first = in.data.data() + n * f.extent * f.after + k;
      int64_t best = 0;
      for (int64_t c = 1; c < f.extent; ++c) {
        const double value = first[c * f.after], most = first[best * f.after];
        if (value > most || (std::isnan(value) && !std::isnan(most))) best = c;
      }
      args.outputs[0].data[n * f.after + k] = static_cast<double>(best);
    }
  }
}

OpDef make_arg_max() noexcept {
  OpDef op;
  op.name = "ArgMax";
  op.doc = "The first of the greatest channels";
  op.attrs = {dim_attr("dimension that is searched"),
              flag("keepdim", false, "keeps it, with an extent of 1")};
  op.inputs = {input("input")};
  op.outputs = {"output"};
  op.infer = infer;
  op.more_traits = more_traits;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef arg_max = make_arg_max();

}  // namespace cnnc
