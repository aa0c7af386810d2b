// MatMul. Tested by tests/ops/mat_mul_test.cpp.
#include <algorithm>
#include <tuple>

#include "compiler/ops/expansion.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

// As torch.matmul takes operands: a vector on the left is a row, one on the right a column.
Shape as_left(const Shape& shape) { return shape.size() == 1 ? Shape{1, shape[0]} : shape; }
Shape as_right(const Shape& shape) { return shape.size() == 1 ? Shape{shape[0], 1} : shape; }

Shape with_rank(const Shape& shape, size_t rank) {
  Shape result(rank - shape.size(), 1);
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

// Both operands with as many dimensions.
std::pair<Shape, Shape> aligned(const Shape& a, const Shape& b) {
  const Shape left = as_left(a), right = as_right(b);
  const size_t rank = std::max(left.size(), right.size());
  return {with_rank(left, rank), with_rank(right, rank)};
}

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "first input", DType::f32);
  if (problems.empty()) problems = expect_input(args, 1, "second input", DType::f32);
  if (!problems.empty()) return problems;
  const Shape& first = args.inputs[0].shape;
  const Shape& second = args.inputs[1].shape;
  const std::string both = to_string(first) + " by " + to_string(second);
  const auto [a, b] = aligned(first, second);
  const size_t rank = a.size();
  if (a[rank - 1] != b[rank - 2]) {
    return error("cannot multiply " + both + ": rows have " + std::to_string(a[rank - 1]) +
                 " elements, columns " + std::to_string(b[rank - 2]));
  }
  Shape out;
  for (size_t i = 0; i + 2 < rank; ++i) {
    if (a[i] != b[i] && a[i] != 1 && b[i] != 1) {
      return error("cannot multiply " + both + ": batches of " + std::to_string(a[i]) + " and " +
                   std::to_string(b[i]) + " matrices");
    }
    out.push_back(a[i] == 1 ? b[i] : a[i]);
  }
  if (first.size() > 1) out.push_back(a[rank - 2]);
  if (second.size() > 1) out.push_back(b[rank - 1]);
  if (out.empty()) out.push_back(1);
  return outputs_of({{DType::f32, out}});
}

// The batch of images stays where it is if an operand has it where the output has it.
uint32_t more_traits(const Attrs&, const std::vector<Type>& inputs) {
  const size_t first = inputs[0].shape.size(), second = inputs[1].shape.size();
  const size_t rank = std::max({first, second, size_t{2}});
  return first == rank || (second == rank && second > 2) ? 0u : uint32_t{kMixesBatch};
}

int64_t count_of_batch(const Shape& shape) {
  return element_count(Shape(shape.begin(), shape.end() - 2));
}

// Batches of matrices become one dimension where that loses nothing: vectors then run along the
// matrices, which are long, rather than along the batch's second dimension. A single matrix on the
// right multiplies the rows of all matrices on the left.
void join_batch(Shape& a, Shape& b) {
  constexpr int64_t kFewMatrices = 8;
  const size_t rank = a.size();
  if (rank < 3) return;
  if (count_of_batch(b) == 1) {
    a = {count_of_batch(a) * a[rank - 2], a[rank - 1]};
    b = {b[rank - 2], b[rank - 1]};
    return;
  }
  const bool same = std::equal(a.begin(), a.end() - 2, b.begin());
  if (rank == 3 || !same || (rank == 4 && a[1] >= kFewMatrices)) return;
  a = {count_of_batch(a), a[rank - 2], a[rank - 1]};
  b = {count_of_batch(b), b[rank - 2], b[rank - 1]};
}

std::vector<ValueId> expand(Graph& graph, const Node& node) {
  auto [a, b] = aligned(graph.type(node.inputs[0]).shape, graph.type(node.inputs[1]).shape);
  join_batch(a, b);
  const ValueId left = view_of(graph, node.inputs[0], a, node.name + ".left");
  const ValueId right = view_of(graph, node.inputs[1], b, node.name + ".right");
  const ValueId product = graph.add("Product", node.name, {}, {left, right})[0];
  return {view_of(graph, product, graph.type(node.outputs[0]).shape, node.name + ".output")};
}

void reference(ReferenceArgs& args) {
  ReferenceTensor a = *args.inputs[0], b = *args.inputs[1];
  std::tie(a.shape, b.shape) = aligned(a.shape, b.shape);
  const size_t rank = a.shape.size();
  const int64_t m = a.shape[rank - 2], k = a.shape[rank - 1], j = b.shape[rank - 1];
  Shape batch;
  for (size_t i = 0; i + 2 < rank; ++i) batch.push_back(std::max(a.shape[i], b.shape[i]));
  for (int64_t matrix = 0; matrix < element_count(batch); ++matrix) {
    int64_t of_a = 0, of_b = 0, after = element_count(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      after /= batch[i];
      const int64_t index = matrix / after % batch[i];
      of_a = of_a * a.shape[i] + (a.shape[i] == 1 ? 0 : index);
      of_b = of_b * b.shape[i] + (b.shape[i] == 1 ? 0 : index);
    }
    for (int64_t y = 0; y < m; ++y) {
      for (int64_t x = 0; x < j; ++x) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i) {
          sum += a.data[(of_a * m + y) * k + i] * b.data[(of_b * k + i) * j + x];
        }
        args.outputs[0].data[(matrix * m + y) * j + x] = sum;
      }
    }
  }
}

OpDef make_mat_mul() noexcept {
  OpDef op;
  op.name = "MatMul";
  op.role = OpRole::layer;
  op.doc = "Matrix product of two tensors, as torch.matmul has it";
  op.inputs = {input("a"), input("b")};
  op.outputs = {"output"};
  op.more_traits = more_traits;
  op.infer = infer;
  op.expand = expand;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef mat_mul = make_mat_mul();

}  // namespace cnnc
