// SGD: one update of a parameter. Tested by tests/ops/sgd_test.cpp.
//
// PyTorch's rule, with v the momentum buffer, which starts at zero:
//   d = gradient + weight_decay * parameter      (-gradient where it maximizes)
//   v = momentum * v + (1 - dampening) * d       (on the first step v = d)
//   parameter -= lr * (d + momentum * v if nesterov, else v; d where momentum is 0)
#include "compiler/ops/update.h"

namespace cnnc {
namespace {

using Halide::Expr;

constexpr size_t kSlots = 1;
constexpr size_t kStep = kSlots + 3;

std::vector<std::string> states(const Attrs& attrs) {
  if (attrs.real("momentum") == 0) return {};
  return {"momentum_buffer"};
}

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>& inputs) {
  return update_states(states(attrs), inputs);
}

Result<std::vector<Type>> infer(InferArgs& args) {
  const double momentum = args.attrs.real("momentum");
  const double dampening = args.attrs.real("dampening");
  if (args.attrs.boolean("nesterov") && (momentum <= 0 || dampening != 0)) {
    return error("nesterov needs momentum above 0 and dampening 0, but momentum is " +
                 to_string(AttrValue(momentum)) + " and dampening is " +
                 to_string(AttrValue(dampening)));
  }
  if (!args.inputs.empty() && momentum != 0 && dampening != 0) {
    const Diagnostics problems = expect_type(args, kStep, "step", {DType::i32, {1}});
    if (!problems.empty()) return problems;
  }
  return infer_update(args, states(args.attrs), kSlots);
}

void lower(Lowering& lowering) {
  const Attrs& attrs = lowering.attrs();
  const float momentum = static_cast<float>(attrs.real("momentum"));
  const float undamped = static_cast<float>(1 - attrs.real("dampening"));
  const UpdateExprs update = update_exprs(lowering, kSlots, WeightDecay::in_gradient);
  Expr change = update.gradient;
  std::vector<Expr> values = {Expr()};
  if (momentum != 0) {
    Expr buffer = momentum * update.states[0] + undamped * change;
    if (undamped != 1) buffer = Halide::select(update.step == 0, change, buffer);
    values.push_back(buffer);
    change = attrs.boolean("nesterov") ? change + momentum * buffer : buffer;
  }
  values[0] = update.parameter - update.lr * change;
  define_update(lowering, update.vars, values);
}

void reference(ReferenceArgs& args) {
  const double momentum = args.attrs.real("momentum");
  const double dampening = args.attrs.real("dampening");
  const bool nesterov = args.attrs.boolean("nesterov");
  for_each_parameter(
      args, kSlots, WeightDecay::in_gradient,
      [&](double& parameter, std::vector<double>& kept, double gradient, double lr, double step) {
        double change = gradient;
        if (momentum != 0) {
          const bool is_first = dampening != 0 && step == 0;
          kept[0] = is_first ? gradient : momentum * kept[0] + (1 - dampening) * gradient;
          change = nesterov ? gradient + momentum * kept[0] : kept[0];
        }
        parameter -= lr * change;
      });
}

OpDef make_sgd() noexcept {
  OpDef op;
  op.name = "SGD";
  op.role = OpRole::optimizer;
  op.doc = "Stochastic gradient descent, with momentum if wanted";
  op.attrs = {
      lr_attr(0.001),
      attribute("momentum", AttrKind::real, 0.0, kNotNegative,
                "share of the last update that stays"),
      attribute("dampening", AttrKind::real, 0.0, {}, "share of the gradient that is left out"),
      weight_decay_attr(0.0),
      flag("nesterov", false, "looks one update ahead"),
      maximize_attr(),
  };
  set_update_inputs(op, {"momentum_buffer"});
  op.infer = infer;
  op.parameters = parameters;
  op.lower = lower;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef sgd = make_sgd();

}  // namespace cnnc
