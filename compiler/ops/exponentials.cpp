// Tested by tests/ops/softmax_test.cpp and tests/ops/cross_entropy_loss_test.cpp.
#include "compiler/ops/exponentials.h"

#include <limits>

namespace cnnc {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

std::vector<Expr> without(std::vector<Expr> arguments, int64_t argument) {
  arguments.erase(arguments.begin() + argument);
  return arguments;
}

Expr exp_or_nan(const Expr& value) {
  const Expr x = Halide::strict_float(value);
  return Halide::select(Halide::strict_float(x != x), x, Halide::exp(x));
}

Expr log_or_nan(const Expr& value) {
  const Expr x = Halide::strict_float(value);
  return Halide::select(Halide::strict_float(x != x), x, Halide::log(x));
}

AttrSpec dim_attr(const char* doc) {
  return attribute("dim", AttrKind::integer, int64_t{1}, {}, doc);
}

Diagnostics settle_dim(InferArgs& args) {
  const int64_t rank = args.inputs[0].rank();
  const int64_t given = args.attrs.integer("dim");
  const int64_t dim = given < 0 ? given + rank : given;
  if (dim < 0 || dim >= rank) {
    return {error("dim is " + std::to_string(given) + ", but the input " +
                  to_string(args.inputs[0].shape) + " has " + std::to_string(rank) +
                  " dimensions")};
  }
  args.attrs.set("dim", dim);
  return {};
}

int64_t dim_argument(const Lowering& lowering) {
  return lowering.input_types[0].rank() - 1 - lowering.attrs().integer("dim");
}

Exponentials add_exponentials(Lowering& lowering, int64_t argument) {
  const Type& type = lowering.input_types[0];
  std::vector<Var> vars = variables(type.rank());
  const int64_t extent = type.shape[type.rank() - 1 - argument];
  RDom r(0, constant(extent), "r");
  std::vector<Expr> source = as_exprs(vars);
  source[argument] = r;
  const Expr value = at(lowering.inputs[0], source);
  vars.erase(vars.begin() + argument);

  Exponentials result = {Func("maximum"), Func("sum")};
  result.maximum(vars) = -std::numeric_limits<float>::infinity();
  result.maximum(vars) = Halide::max(result.maximum(vars), value);
  result.sum(vars) = 0.f;
  result.sum(vars) =
      Halide::strict_float(result.sum(vars) + exp_or_nan(value - result.maximum(vars)));
  lowering.stages["maximum"] = result.maximum;
  lowering.stages["sum"] = result.sum;
  return result;
}

}  // namespace cnnc
