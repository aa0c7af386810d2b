// Gemm. Tested by tests/ops/gemm_test.cpp.
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

struct Extents {
  int64_t m = 1, k = 1, j = 1;
};

Extents extents_of(const Attrs& attrs, const Shape& a, const Shape& b) {
  const bool ta = attrs.boolean("trans_a");
  return {a[ta ? 1 : 0], a[ta ? 0 : 1], b[attrs.boolean("trans_b") ? 0 : 1]};
}

// The extents of C as a matrix.
Shape as_matrix(const Shape& shape) { return shape.size() == 1 ? Shape{1, shape[0]} : shape; }

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "first input", DType::f32, {"[M, K]"});
  if (problems.empty()) problems = expect_input(args, 1, "second input", DType::f32, {"[K, N]"});
  if (!problems.empty()) return problems;
  const Shape& a = args.inputs[0].shape;
  const Shape& b = args.inputs[1].shape;
  const Extents extents = extents_of(args.attrs, a, b);
  const int64_t k = b[args.attrs.boolean("trans_b") ? 1 : 0];
  if (k != extents.k) {
    return error("cannot multiply " + to_string(a) + " by " + to_string(b) + ": rows have " +
                 std::to_string(extents.k) + " elements, columns " + std::to_string(k));
  }
  const Shape out = {extents.m, extents.j};
  if (is_given(args, 2)) {
    problems = expect_input(args, 2, "third input", DType::f32, {"[N]", "[M, N]"});
    if (!problems.empty()) return problems;
    const Shape c = as_matrix(args.inputs[2].shape);
    if ((c[0] != 1 && c[0] != out[0]) || (c[1] != 1 && c[1] != out[1])) {
      return error("cannot add " + to_string(args.inputs[2].shape) + " to " + to_string(out));
    }
  }
  return outputs_of({{DType::f32, out}});
}

// A parameter [out, in] on the right is what Linear multiplies by.
std::vector<ValueId> expand(Graph& graph, const Node& node) {
  const double alpha = node.attrs.real("alpha"), beta = node.attrs.real("beta");
  ValueId c = beta == 0 ? kNoValue : node.inputs[2];
  const bool is_linear = !node.attrs.boolean("trans_a") && node.attrs.boolean("trans_b") &&
                         alpha == 1 && graph.values[node.inputs[1]].kind == ValueKind::parameter;
  ValueId result = kNoValue;
  if (is_linear) {
    const int64_t features = graph.type(node.outputs[0]).shape[1];
    const bool is_bias = c != kNoValue && beta == 1 && graph.type(c).shape == Shape{features};
    Attrs attrs;
    attrs.set("out_features", features);
    attrs.set("bias", is_bias);
    result = graph.add("Linear", node.name, attrs,
                       {node.inputs[0], node.inputs[1], is_bias ? c : kNoValue})[0];
    if (is_bias) c = kNoValue;
  } else {
    Attrs attrs;
    attrs.set("transpose_a", node.attrs.boolean("trans_a"));
    attrs.set("transpose_b", node.attrs.boolean("trans_b"));
    attrs.set("scale", alpha);
    result = graph.add("Product", node.name, attrs, {node.inputs[0], node.inputs[1]})[0];
  }
  if (c == kNoValue) return {result};
  if (beta != 1) {
    Attrs factor;
    factor.set("other", beta);
    c = graph.add("Mul", node.name + ".scaled", factor, {c, kNoValue})[0];
  }
  return graph.add("Add", node.name + ".sum", {}, {result, c});
}

void reference(ReferenceArgs& args) {
  const std::vector<double>& a = args.inputs[0]->data;
  const std::vector<double>& b = args.inputs[1]->data;
  const ReferenceTensor* c = args.inputs.size() > 2 ? args.inputs[2] : nullptr;
  const auto [m, k, j] = extents_of(args.attrs, args.inputs[0]->shape, args.inputs[1]->shape);
  const bool ta = args.attrs.boolean("trans_a"), tb = args.attrs.boolean("trans_b");
  for (int64_t y = 0; y < m; ++y) {
    for (int64_t x = 0; x < j; ++x) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        sum += a[ta ? i * m + y : y * k + i] * b[tb ? x * k + i : i * j + x];
      }
      sum *= args.attrs.real("alpha");
      if (c) {
        const Shape shape = as_matrix(c->shape);
        sum += args.attrs.real("beta") *
               c->data[(shape[0] == 1 ? 0 : y) * shape[1] + (shape[1] == 1 ? 0 : x)];
      }
      args.outputs[0].data[y * j + x] = sum;
    }
  }
}

uint32_t more_traits(const Attrs& attrs, const std::vector<Type>&) {
  return attrs.boolean("trans_a") ? uint32_t{kMixesBatch} : 0u;
}

OpDef make_gemm() noexcept {
  OpDef op;
  op.name = "Gemm";
  op.role = OpRole::layer;
  op.doc = "alpha times the product of two matrices, plus beta times a third tensor (ONNX's)";
  op.attrs = {
      attribute("alpha", AttrKind::real, 1.0, {}, "multiplies the product"),
      attribute("beta", AttrKind::real, 1.0, {}, "multiplies what is added"),
      flag("trans_a", false, "the first matrix lies transposed"),
      flag("trans_b", false, "the second matrix lies transposed"),
  };
  op.inputs = {input("a"), input("b"), optional_input("c")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.expand = expand;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef gemm = make_gemm();

}  // namespace cnnc
