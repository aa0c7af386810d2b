// What the tests of ops share.
//
//   infer     outcome_of(...): the types of the outputs, or the messages
//   lower     check_lowering(...): compiled code against the reference, over row-major buffers
//   gradient  check_gradient(...): the gradient rule against central differences, all in double
//   expand    the same functions, for the ops that take the place of such a node
#pragma once
#include <random>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/reference/interpreter.h"

namespace cnnc {

// Attributes from pairs: attrs_of({{"stride", pair(2, 2)}, {"groups", int64_t{4}}}).
[[nodiscard]] Attrs attrs_of(const std::vector<std::pair<std::string, AttrValue>>& values);
[[nodiscard]] inline AttrValue pair(int64_t vertical, int64_t horizontal) {
  return std::vector<int64_t>{vertical, horizontal};
}
[[nodiscard]] inline AttrValue number(int64_t value) { return value; }

[[nodiscard]] inline Type f32(Shape shape) { return {DType::f32, std::move(shape)}; }
[[nodiscard]] inline Type i32(Shape shape) { return {DType::i32, std::move(shape)}; }

// "f32[1, 2], u8[1, 2]", or the messages of the diagnostics, joined by "; ".
[[nodiscard]] std::string outcome_of(const std::string& op, Attrs attrs,
                                     const std::vector<Type>& inputs);
// The attributes as infer leaves them.
[[nodiscard]] Attrs inferred(const std::string& op, Attrs attrs, const std::vector<Type>& inputs);

// Floats, uniform in [-1, 1).
[[nodiscard]] ReferenceTensor random_tensor(const Shape& shape, std::mt19937& random);
// Different floats with a distance of at least 1 / 64, none of them nearer to zero than that.
[[nodiscard]] ReferenceTensor spread_tensor(const Shape& shape, std::mt19937& random);
// Integers, uniform in [0, bound).
[[nodiscard]] ReferenceTensor random_integers(const Shape& shape, int64_t bound,
                                              std::mt19937& random);
[[nodiscard]] ReferenceTensor tensor(Shape shape, std::vector<double> data);
// No tensor: an optional input that is absent.
[[nodiscard]] inline ReferenceTensor absent() { return {}; }

// An input of an op with its data.
struct Operand {
  ReferenceTensor value;
  DType dtype = DType::f32;

  Operand(ReferenceTensor tensor_value, DType dtype_value = DType::f32)  // NOLINT: implicit
      : value(std::move(tensor_value)), dtype(dtype_value) {}
};

struct CompileOptions {
  int lanes = 1;
  int pack_width = 32;
  int64_t chunk_rows = 0;
  int64_t band_rows = 0;
  bool separates_border = false;
  int vector = 0;  // outputs are computed in vectors of that many elements; 0: one by one
};

// The outputs of one node by its reference, and by compiled code with every stage at root.
[[nodiscard]] std::vector<ReferenceTensor> run_reference(const std::string& op, const Attrs& attrs,
                                                         const std::vector<Operand>& inputs);
[[nodiscard]] std::vector<ReferenceTensor> run_compiled(const std::string& op, const Attrs& attrs,
                                                        const std::vector<Operand>& inputs,
                                                        const CompileOptions& options = {});

// Checks that both agree within `tolerance` times the larger of 1 and the value's magnitude.
void check_lowering(const std::string& op, const Attrs& attrs, const std::vector<Operand>& inputs,
                    const CompileOptions& options = {}, double tolerance = 1e-5);

// A graph, what it reads, and how it is compiled.
struct GraphCase {
  Graph graph;
  GivenValues given;
  CompileOptions options;
};

// The same for many nodes, which few pipelines compute: compilation takes most of a test's time.
class Lowerings {
 public:
  void add(const std::string& op, const Attrs& attrs, const std::vector<Operand>& inputs,
           const CompileOptions& options = {});
  void check(double tolerance = 1e-5) const;

 private:
  std::vector<GraphCase> cases_;
  std::vector<std::string> texts_;
};
void check_equal(const ReferenceTensor& found, const ReferenceTensor& wanted, double tolerance);

// Checks the gradient of sum(output 0 * random numbers) with respect to every f32 input that is
// given. Where `is_loss`, the gradient of output 0 itself.
void check_gradient(const std::string& op, const Attrs& attrs, const std::vector<Operand>& inputs,
                    bool is_loss = false);

}  // namespace cnnc
