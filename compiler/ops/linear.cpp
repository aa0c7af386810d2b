// Linear and its two gradients. Tested by tests/ops/linear_test.cpp.
//
//   Linear            output(n, m) = bias(m) + sum over k of weight(m, k) * input(n, k)
//   LinearInputGrad   output(n, k) = sum over m of weight(m, k) * gradient(n, m)
//   LinearWeightGrad  output(m, k) = sum over n of gradient(n, m) * input(n, k)
#include "compiler/ops/expansion.h"
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

Result<std::vector<Type>> infer(InferArgs& args) {
  if (is_given(args, 0) && args.inputs[0].rank() < 2) {
    return error("the input must be [N, ..., in_features], but is " +
                 to_string(args.inputs[0].shape));
  }
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (!problems.empty()) return problems;
  const Shape& in = args.inputs[0].shape;
  const std::string flat = in.size() == 4 ? "; a Flatten before it joins all but the batch" : "";
  problems = settle(
      args.attrs, "in_features", in.back(),
      "the input " + to_string(in) + " has " + std::to_string(in.back()) + " features" + flat);
  if (!problems.empty()) return problems;
  const int64_t features = args.attrs.integer("out_features");
  if (is_too_large({features, in.back()})) {
    return error("the weight " + to_string(Shape{features, in.back()}) + " is too large");
  }
  Shape out = in;
  out.back() = features;
  return outputs_of({{DType::f32, out}});
}

// [N, ..., in_features] as rows.
std::vector<ValueId> expand(Graph& graph, const Node& node) {
  const Shape in = graph.type(node.inputs[0]).shape;
  const Shape out = graph.type(node.outputs[0]).shape;
  if (in.size() == 2) return {};
  const ValueId rows = view_of(graph, node.inputs[0], {element_count(in) / in.back(), in.back()},
                               node.name + ".rows");
  const ValueId result =
      graph.add("Linear", node.name, node.attrs, {rows, node.inputs[1], node.inputs[2]})[0];
  return {view_of(graph, result, out, node.name + ".output")};
}

std::vector<ParameterSpec> parameters(const Attrs& attrs, const std::vector<Type>&) {
  const int64_t in = attrs.integer("in_features");
  const int64_t out = attrs.integer("out_features");
  std::vector<ParameterSpec> specs = {weight_parameter({out, in}, in)};
  if (attrs.boolean("bias")) specs.push_back(bias_parameter({out}, in));
  return specs;
}

void lower(Lowering& lowering) {
  const Var c("c"), n("n");
  const Func input = lowering.inputs[0], weight = lowering.inputs[1];
  const Func bias = input_or_none(lowering, 2);
  RDom r(0, constant(lowering.input_types[0].shape[1]), "r");
  Func accumulator("accumulator"), output("linear");
  accumulator(c, n) = bias.defined() ? Expr(bias(c)) : Expr(0.f);
  accumulator(c, n) += weight(r, c) * input(r, n);
  output(c, n) = accumulator(c, n);
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const std::vector<bool> wanted = {is_wanted(args, 0), is_wanted(args, 1), is_wanted(args, 2)};
  const Node node = args.node;  // nodes move as others are added
  Graph& graph = args.graph;
  if (wanted[0]) {
    result[0] =
        graph.add("LinearInputGrad", node.name + ".grad_input", {}, {upstream, node.inputs[1]})[0];
  }
  if (wanted[1]) {
    result[1] = graph.add("LinearWeightGrad", node.name + ".grad_weight", {},
                          {upstream, node.inputs[0]})[0];
  }
  if (wanted[2]) {
    result[2] = graph.add("ChannelSum", node.name + ".grad_bias", {}, {upstream})[0];
  }
  return result;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& input = *args.inputs[0];
  const ReferenceTensor& weight = *args.inputs[1];
  const int64_t in = input.shape.back(), out = weight.shape[0];
  const int64_t batch = element_count(input.shape) / in;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t m = 0; m < out; ++m) {
      double sum = args.inputs.size() > 2 && args.inputs[2] ? args.inputs[2]->data[m] : 0;
      for (int64_t k = 0; k < in; ++k) sum += weight.data[m * in + k] * input.data[n * in + k];
      args.outputs[0].data[n * out + m] = sum;
    }
  }
}

// Two operations for each element of the weight and each row of the batch, in all three ops.
int64_t flops(const Attrs&, const std::vector<Type>& inputs, const std::vector<Type>&) {
  return 2 * inputs[0].shape[0] * element_count(inputs[1].shape);
}

Result<std::vector<Type>> infer_input_grad(InferArgs& args) {
  Diagnostics problems =
      expect_input(args, 1, "weight", DType::f32, {"[out_features, in_features]"});
  if (problems.empty()) {
    problems = expect_input(args, 0, "gradient", DType::f32, {"[N, out_features]"});
  }
  if (!problems.empty()) return problems;
  const Shape& weight = args.inputs[1].shape;
  const int64_t batch = args.inputs[0].shape[0];
  problems = expect_type(args, 0, "gradient", {DType::f32, {batch, weight[0]}});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {batch, weight[1]}}});
}

void lower_input_grad(Lowering& lowering) {
  const Var c("c"), n("n");
  const Func upstream = lowering.inputs[0], weight = lowering.inputs[1];
  RDom r(0, constant(lowering.input_types[0].shape[1]), "r");
  Func accumulator("accumulator"), output("linear_input_grad");
  accumulator(c, n) = 0.f;
  accumulator(c, n) += weight(c, r) * upstream(r, n);
  output(c, n) = accumulator(c, n);
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

void reference_input_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const ReferenceTensor& weight = *args.inputs[1];
  const int64_t batch = upstream.shape[0], out = weight.shape[0], in = weight.shape[1];
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t m = 0; m < out; ++m) {
      for (int64_t k = 0; k < in; ++k) {
        args.outputs[0].data[n * in + k] += weight.data[m * in + k] * upstream.data[n * out + m];
      }
    }
  }
}

Result<std::vector<Type>> infer_weight_grad(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "gradient", DType::f32, {"[N, out_features]"});
  if (problems.empty()) {
    problems = expect_input(args, 1, "input", DType::f32, {"[N, in_features]"});
  }
  if (!problems.empty()) return problems;
  const int64_t out = args.inputs[0].shape[1];
  const Shape& in = args.inputs[1].shape;
  problems = expect_type(args, 0, "gradient", {DType::f32, {in[0], out}});
  if (!problems.empty()) return problems;
  return outputs_of({{DType::f32, {out, in[1]}}});
}

// "packed" is the input in panels of pack_width features, [panel][n][feature in the panel], the
// order in which a schedule that sums several rows of the weight at once reads it. The last panel
// repeats the last feature.
void lower_weight_grad(Lowering& lowering) {
  const Var c("c"), n("n"), k("k"), b("b"), panel("panel");
  const Func upstream = lowering.inputs[0], input = lowering.inputs[1];
  const int64_t batch = lowering.input_types[1].shape[0];
  const int64_t in = lowering.input_types[1].shape[1];
  const int64_t width = lowering.pack_width;
  Expr feature = panel * constant(width) + k;
  if (in % width != 0) feature = Halide::clamp(feature, 0, constant(in - 1));
  RDom r(0, constant(batch), "r");
  Func packed("packed"), accumulator("accumulator"), output("linear_weight_grad");
  packed(k, b, panel) = input(feature, b);
  accumulator(c, n) = 0.f;
  accumulator(c, n) += upstream(n, r) * packed(c % constant(width), r, c / constant(width));
  output(c, n) = accumulator(c, n);
  lowering.stages["packed"] = packed;
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

void reference_weight_grad(ReferenceArgs& args) {
  const ReferenceTensor& upstream = *args.inputs[0];
  const ReferenceTensor& input = *args.inputs[1];
  const int64_t batch = input.shape[0], in = input.shape[1], out = upstream.shape[1];
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t m = 0; m < out; ++m) {
      for (int64_t k = 0; k < in; ++k) {
        args.outputs[0].data[m * in + k] += upstream.data[n * out + m] * input.data[n * in + k];
      }
    }
  }
}

int64_t flops_weight_grad(const Attrs&, const std::vector<Type>& inputs,
                          const std::vector<Type>& outputs) {
  return 2 * inputs[0].shape[0] * element_count(outputs[0].shape);
}

// Features are channels where there are no other dimensions.
int64_t output_channel(const Attrs&, const Shape&, const Shape& output, int64_t i, int64_t) {
  return output.size() == 2 ? i : -1;
}

OpDef make_linear() noexcept {
  OpDef op;
  op.name = "Linear";
  op.role = OpRole::layer;
  op.doc = "Fully connected layer: rows of the input times the transposed weight, plus bias";
  op.attrs = {
      attribute("in_features", AttrKind::integer, {}, kCounts, "features of the input"),
      required(attribute("out_features", AttrKind::integer, {}, kCounts, "features of the output")),
      flag("bias", true, "adds a trained number to each output feature"),
  };
  op.inputs = {input("input"), parameter_input("weight"), optional_parameter_input("bias")};
  op.outputs = {"output"};
  op.traits = kAnchor;
  op.schedule = "linear";
  op.infer = infer;
  op.parameters = parameters;
  op.expand = expand;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  op.output_channel = output_channel;
  op.flops = flops;
  return op;
}

OpDef make_linear_input_grad() noexcept {
  OpDef op;
  op.name = "LinearInputGrad";
  op.doc = "Gradient of Linear with respect to its input";
  op.inputs = {input("gradient"), input("weight")};
  op.outputs = {"output"};
  op.traits = kAnchor;
  op.schedule = "linear";
  op.infer = infer_input_grad;
  op.lower = lower_input_grad;
  op.reference = reference_input_grad;
  op.flops = flops;
  return op;
}

OpDef make_linear_weight_grad() noexcept {
  OpDef op;
  op.name = "LinearWeightGrad";
  op.doc = "Gradient of Linear with respect to its weight";
  op.inputs = {input("gradient"), input("input")};
  op.outputs = {"output"};
  op.traits = kAnchor;
  op.schedule = "linear_weight_grad";
  op.infer = infer_weight_grad;
  op.lower = lower_weight_grad;
  op.reference = reference_weight_grad;
  op.flops = flops_weight_grad;
  return op;
}

}  // namespace

extern const OpDef linear = make_linear();
extern const OpDef linear_input_grad = make_linear_input_grad();
extern const OpDef linear_weight_grad = make_linear_weight_grad();

}  // namespace cnnc
