// Product: what MatMul, Linear on more than rows, and Gemm make of two values. Tested by
// tests/ops/product_test.cpp.
//
//   output(batch, m, j) = scale * sum over k, and over dimensions of the batch that the output
//   lacks,
//                         of a(batch, m, k) * b(batch, k, j)
// where dimensions of the batch that are 1 in an operand are repeated, and an operand may lie
// transposed: a(batch, k, m), b(batch, j, k). Both gradients are products again.
#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

// The extents of the matrices, and the dimensions of the batch before them.
struct Extents {
  int64_t m = 1, k = 1, j = 1;
  size_t batch = 0;
};

Extents extents_of(const Attrs& attrs, const Shape& a, const Shape& b) {
  const size_t last = a.size() - 1;
  const bool ta = attrs.boolean("transpose_a"), tb = attrs.boolean("transpose_b");
  return {a[ta ? last : last - 1], a[ta ? last - 1 : last], b[tb ? last - 1 : last], a.size() - 2};
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "first operand", DType::f32);
  if (problems.empty()) problems = expect_input(args, 1, "second operand", DType::f32);
  if (!problems.empty()) return problems;
  const Shape& a = args.inputs[0].shape;
  const Shape& b = args.inputs[1].shape;
  if (a.size() != b.size() || a.size() < 2) {
    return error("cannot multiply " + to_string(a) + " by " + to_string(b));
  }
  const Extents extents = extents_of(args.attrs, a, b);
  const int64_t k = b[args.attrs.boolean("transpose_b") ? b.size() - 1 : b.size() - 2];
  if (k != extents.k) {
    return error("cannot multiply " + to_string(a) + " by " + to_string(b) + ": " +
                 std::to_string(extents.k) + " and " + std::to_string(k) + " terms to sum");
  }
  Shape batch;
  for (size_t i = 0; i < extents.batch; ++i) {
    if (a[i] != b[i] && a[i] != 1 && b[i] != 1) {
      return error("cannot multiply " + to_string(a) + " by " + to_string(b) + ": dimension " +
                   std::to_string(i) + " is neither the same nor 1");
    }
    batch.push_back(a[i] == 1 ? b[i] : a[i]);
  }
  if (!args.attrs.has("batch")) args.attrs.set("batch", batch);
  Shape out = args.attrs.integers("batch");
  bool fits = out.size() == batch.size();
  for (size_t i = 0; fits && i < out.size(); ++i) fits = out[i] == batch[i] || out[i] == 1;
  if (!fits) {
    return error("cannot sum a batch of " + to_string(batch) + " to " + to_string(out));
  }
  out.insert(out.end(), {extents.m, extents.j});
  return outputs_of({{DType::f32, out}});
}

void lower(Lowering& lowering) {
  const Shape& a = lowering.input_types[0].shape;
  const Shape& b = lowering.input_types[1].shape;
  const Shape& out = lowering.output_types[0].shape;
  const Extents extents = extents_of(lowering.attrs(), a, b);
  const size_t rank = out.size();
  const std::vector<Var> v = variables(static_cast<int64_t>(rank));
  // Arguments are the dimensions last first.
  std::vector<Expr> at_a(rank), at_b(rank);
  Halide::Region bounds = {{0, constant(extents.k)}};
  for (size_t i = 0; i < extents.batch; ++i) {
    const int64_t both = a[i] == 1 ? b[i] : a[i];
    if (out[i] != both) bounds.emplace_back(0, constant(both));
  }
  RDom r(bounds, "r");
  int next = 1;
  for (size_t i = 0; i < extents.batch; ++i) {
    const size_t argument = rank - 1 - i;
    const int64_t both = a[i] == 1 ? b[i] : a[i];
    const Expr index = out[i] != both ? Expr(r[next++]) : Expr(v[argument]);
    at_a[argument] = a[i] == 1 ? Expr(0) : index;
    at_b[argument] = b[i] == 1 ? Expr(0) : index;
  }
  const bool ta = lowering.attrs().boolean("transpose_a");
  const bool tb = lowering.attrs().boolean("transpose_b");
  at_a[ta ? 1 : 0] = r[0];
  at_a[ta ? 0 : 1] = v[1];
  at_b[tb ? 0 : 1] = r[0];
  at_b[tb ? 1 : 0] = v[0];
  Func accumulator("accumulator"), output("product");
  accumulator(v) = 0.f;
  accumulator(v) += at(lowering.inputs[0], at_a) * at(lowering.inputs[1], at_b);
  const double scale = lowering.attrs().real("scale");
  output(v) = scale == 1 ? accumulator(v) : accumulator(v) * static_cast<float>(scale);
  lowering.stages["accumulator"] = accumulator;
  lowering.outputs = {output};
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue) return result;
  const std::vector<bool> wanted = {is_wanted(args, 0), is_wanted(args, 1)};
  const Node node = args.node;  // nodes move as others are added
  const bool ta = node.attrs.boolean("transpose_a"), tb = node.attrs.boolean("transpose_b");
  const ValueId a = node.inputs[0], b = node.inputs[1];
  const auto multiply = [&](const char* what, size_t of, ValueId first, bool transpose_first,
                            ValueId second, bool transpose_second) {
    const Shape& shape = args.graph.type(node.inputs[of]).shape;
    Attrs attrs;
    attrs.set("scale", node.attrs.real("scale"));
    attrs.set("batch", Shape(shape.begin(), shape.end() - 2));
    attrs.set("transpose_a", transpose_first);
    attrs.set("transpose_b", transpose_second);
    return args.graph.add("Product", node.name + what, attrs, {first, second})[0];
  };
  if (wanted[0]) {
    result[0] = ta ? multiply(".grad_a", 0, b, tb, upstream, true)
                   : multiply(".grad_a", 0, upstream, false, b, !tb);
  }
  if (wanted[1]) {
    result[1] = tb ? multiply(".grad_b", 1, upstream, true, a, ta)
                   : multiply(".grad_b", 1, a, !ta, upstream, false);
  }
  return result;
}

// The row-major number of the matrix of an operand, which repeats where it has one.
int64_t matrix_of(const Shape& shape, const Shape& batch) {
  int64_t index = 0;
  for (size_t i = 0; i + 2 < shape.size(); ++i) {
    index = index * shape[i] + (shape[i] == 1 ? 0 : batch[i]);
  }
  return index;
}

void reference(ReferenceArgs& args) {
  const ReferenceTensor& a = *args.inputs[0];
  const ReferenceTensor& b = *args.inputs[1];
  ReferenceTensor& output = args.outputs[0];
  const Extents e = extents_of(args.attrs, a.shape, b.shape);
  const bool ta = args.attrs.boolean("transpose_a"), tb = args.attrs.boolean("transpose_b");
  int64_t matrices = 1;
  Shape both;
  for (size_t i = 0; i < e.batch; ++i) {
    both.push_back(a.shape[i] == 1 ? b.shape[i] : a.shape[i]);
    matrices *= both[i];
  }
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    Shape batch(both.size());
    int64_t rest = matrix;
    for (size_t i = both.size(); i-- > 0; rest /= both[i]) batch[i] = rest % both[i];
    const int64_t of_a = matrix_of(a.shape, batch) * e.m * e.k;
    const int64_t of_b = matrix_of(b.shape, batch) * e.k * e.j;
    const int64_t of_output = matrix_of(output.shape, batch) * e.m * e.j;
    for (int64_t m = 0; m < e.m; ++m) {
      for (int64_t j = 0; j < e.j; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < e.k; ++k) {
          sum += a.data[of_a + (ta ? k * e.m + m : m * e.k + k)] *
                 b.data[of_b + (tb ? j * e.k + k : k * e.j + j)];
        }
        output.data[of_output + m * e.j + j] += args.attrs.real("scale") * sum;
      }
    }
  }
}

int64_t flops(const Attrs& attrs, const std::vector<Type>& inputs, const std::vector<Type>&) {
  const Shape& a = inputs[0].shape;
  const Shape& b = inputs[1].shape;
  const Extents extents = extents_of(attrs, a, b);
  int64_t count = 2 * extents.m * extents.k * extents.j;
  for (size_t i = 0; i < extents.batch; ++i) count *= a[i] == 1 ? b[i] : a[i];
  return count;
}

OpDef make_product() noexcept {
  OpDef op;
  op.name = "Product";
  op.doc = "Matrix product of two tensors";
  AttrSpec batch = attribute("batch", AttrKind::integers, {}, kCounts,
                             "dimensions before the matrices of the output; others are summed");
  op.attrs = {
      flag("transpose_a", false, "the first operand's matrices lie transposed"),
      flag("transpose_b", false, "the second operand's matrices lie transposed"),
      attribute("scale", AttrKind::real, 1.0, {}, "multiplies the product"),
      batch,
  };
  op.inputs = {input("a"), input("b")};
  op.outputs = {"output"};
  op.traits = kAnchor;
  op.schedule = "product";
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  op.flops = flops;
  return op;
}

}  // namespace

extern const OpDef product = make_product();

}  // namespace cnnc
