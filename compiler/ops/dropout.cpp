// Dropout. Tested by tests/ops/dropout_test.cpp.
//
// Element i (in row-major order of the logical shape) is kept if hash(seed, stream, i) >= p * 2^32,
// and scaled by 1 / (1 - p). The hash is a function of its arguments alone, so that the gradient
// meets the same mask whatever the layout, the schedule and the number of threads. Without a seed
// it is the identity, as in inference. The attribute `stream` (an integer, 0 where it is not set)
// tells the dropouts of a network apart. Passes set it; a description does not know it.
//
// The hash is a chain of 32-bit finalizers of MurmurHash3 (Austin Appleby, public domain), each a
// bijection in which every input bit reaches every output bit:
//   key = mix(seed + mix(stream + 0x9e3779b9))      hash = mix(mix(i ^ key) + key)
// The second round keeps masks of two seeds from being permutations of each other by i ^ constant.
#include <cmath>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

// For uint32_t in the reference and for Exprs in compiled code.
template <class T>
T mix(T h) {
  h = h ^ (h >> T(16u));
  h = h * T(0x85ebca6bu);
  h = h ^ (h >> T(13u));
  h = h * T(0xc2b2ae35u);
  return h ^ (h >> T(16u));
}

template <class T>
T mask_hash(const T& seed, const T& stream, const T& element) {
  const T key = mix<T>(seed + mix<T>(stream + T(0x9e3779b9u)));
  return mix<T>(mix<T>(element ^ key) + key);
}

uint32_t stream_of(const Attrs& attrs) {
  return attrs.has("stream") ? static_cast<uint32_t>(attrs.integer("stream")) : 0;
}

// p * 2^32, for p < 1.
uint32_t threshold(double p) { return static_cast<uint32_t>(std::floor(p * 4294967296.0)); }

float scale(double p) { return static_cast<float>(1 / (1 - p)); }

Result<std::vector<Type>> infer(InferArgs& args) {
  Diagnostics problems = expect_input(args, 0, "input", DType::f32);
  if (problems.empty() && is_given(args, 1)) {
    problems = expect_type(args, 1, "seed", {DType::i32, {1}});
  }
  if (!problems.empty()) return problems;
  return outputs_of({args.inputs[0]});
}

void lower(Lowering& lowering) {
  const Type& type = lowering.output_types[0];
  const std::vector<Var> vars = variables(type.rank());
  const double p = lowering.attrs().real("p");
  const Expr value = at(lowering.inputs[0], as_exprs(vars));
  const Func seed = input_or_none(lowering, 1);
  Func output("dropout");
  lowering.outputs = {output};
  if (!seed.defined() || p == 0) {
    output(vars) = value;
    return;
  }
  if (p == 1) {
    output(vars) = 0.f;
    return;
  }
  const auto u32 = [](const Expr& e) { return Halide::cast<uint32_t>(e); };
  Expr element = constant(0);
  for (int64_t i = 0; i < type.rank(); ++i) {
    element = element * constant(type.shape[i]) + vars[type.rank() - 1 - i];
  }
  const Expr stream(stream_of(lowering.attrs()));
  const Expr hash = mask_hash<Expr>(u32(seed(0)), stream, u32(element));
  output(vars) = Halide::select(hash >= Expr(threshold(p)), value * scale(p), 0.f);
}

std::vector<ValueId> gradient(GradientArgs& args) {
  std::vector<ValueId> result = no_gradients(args.node);
  const ValueId upstream = args.output_gradients[0];
  if (upstream == kNoValue || !is_wanted(args, 0)) return result;
  const Node node = args.node;  // nodes move as others are added
  const ValueId seed = node.inputs.size() > 1 ? node.inputs[1] : kNoValue;
  result[0] = args.graph.add("Dropout", node.name + ".grad_input", node.attrs, {upstream, seed})[0];
  return result;
}

void reference(ReferenceArgs& args) {
  const double p = args.attrs.real("p");
  const std::vector<double>& in = args.inputs[0]->data;
  const bool is_active = args.inputs.size() > 1 && args.inputs[1];
  for (size_t i = 0; i < in.size(); ++i) {
    double& out = args.outputs[0].data[i];
    if (!is_active || p == 0) {
      out = in[i];
    } else if (p < 1) {
      const uint32_t seed = static_cast<uint32_t>(static_cast<int64_t>(args.inputs[1]->data[0]));
      const uint32_t hash =
          mask_hash<uint32_t>(seed, stream_of(args.attrs), static_cast<uint32_t>(i));
      out = hash >= threshold(p) ? in[i] / (1 - p) : 0;
    }
  }
}

OpDef make_dropout() noexcept {
  OpDef op;
  op.name = "Dropout";
  op.role = OpRole::layer;
  op.doc = "In training, zeroes elements at random and scales the others; else the identity";
  op.attrs = {
      attribute("p", AttrKind::real, 0.5, {0, 1}, "probability with which an element is zeroed")};
  op.inputs = {input("input"), optional_input("seed")};
  op.outputs = {"output"};
  op.traits = kElementwise | kTrainingOnly;
  op.infer = infer;
  op.lower = lower;
  op.gradient = gradient;
  op.reference = reference;
  return op;
}

}  // namespace

extern const OpDef dropout = make_dropout();

}  // namespace cnnc
