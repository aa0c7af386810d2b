// The record of an op: everything the compiler knows about one kind of layer.
//
// Each file in compiler/ops exports such records as constants; ops.def lists them. Passes ask
// traits, never names. A record is data and plain function pointers; there is no registration.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/attributes.h"
#include "compiler/graph/types.h"
#include "compiler/support/result.h"

namespace cnnc {

struct Graph;
struct Node;
struct Lowering;  // compiler/ops/lowering.h: the only part that speaks Halide
using ValueId = int32_t;
constexpr ValueId kNoValue = -1;

enum class OpRole {
  layer,      // may stand in "layers" of a description
  loss,       // may stand as "loss"
  optimizer,  // may stand as "optimizer"
  internal,   // made by passes only
};

// What passes may assume. Each says which rewrite it allows.
enum Trait : uint32_t {
  kElementwise = 1u << 0,  // output[i] depends on input[i] alone: joins the kernel of a producer
  kAnchor = 1u << 1,       // a reduction worth a kernel of its own; elementwise ops join it
  kWindow = 1u << 2,   // reduces small windows of input 0: may end a kernel that an anchor began
  kView = 1u << 3,     // the same elements in the same row-major order: no code where layout allows
  kInPlace = 1u << 4,  // output i overwrites the memory of input i
  kMonotone = 1u << 5,        // elementwise and non-decreasing: commutes with kSelectsMaximum
  kSelectsMaximum = 1u << 6,  // each output is the greatest of some elements of input 0
  kSumPreserving =
      1u << 7,             // the sum of the output over space and batch, per channel, is input 0's
  kChannelSum = 1u << 8,   // sums input 0 over everything but the channel
  kCheapGather = 1u << 9,  // each output element reads O(1) elements: recomputed in every consumer
  kTrainingOnly = 1u << 10,   // the identity in inference (Dropout)
  kStagesInput0 = 1u << 11,   // an anchor whose schedule stages a kCheapGather producer of input 0
  kProbabilities = 1u << 12,  // not negative, with a sum of 1 over the channels
  kMixesBatch = 1u << 13,     // elements go from one image of the batch, dimension 0, to another
  kBatchStatistics = 1u << 14,  // in training it reads the mean and variance of the batch
};

// A tensor that a layer owns, such as a weight.
struct ParameterSpec {
  std::string name;  // "weight": the last part of its PyTorch name
  Shape shape;
  double bound = 0;      // initial values are uniform in [-bound, bound) ...
  bool kaiming = false;  // ... drawn with PyTorch's weight or bias rule; fan_in is given:
  int64_t fan_in = 0;
  float fill = 0;          // without fan_in: the value of all elements
  bool is_buffer = false;  // belongs to the network, but is no parameter that an optimizer updates
};

// What a layer does to each channel in inference: output = scale * input + shift.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

struct OpInput {
  std::string name;
  bool optional = false;
  bool parameter = false;  // filled by OpDef::parameters, not by the description
  bool variadic = false;   // one or more; only as the last input
};

struct InferArgs {
  Attrs& attrs;  // infer may fill in attributes that follow from the inputs
  const std::vector<Type>& inputs;
};

// Plain loops in double over row-major tensors: the oracle of the tests.
struct ReferenceTensor {
  Shape shape;
  std::vector<double> data;
};
struct ReferenceArgs {
  const Attrs& attrs;
  const std::vector<const ReferenceTensor*>& inputs;  // null where optional and absent
  std::vector<ReferenceTensor>& outputs;              // shapes are set, data sized and zero
};

// Gradients are built from other ops. Returns the gradient of each input, or kNoValue where it has
// none or `wanted` says that nobody asks.
struct GradientArgs {
  Graph& graph;
  const Node& node;
  const std::vector<ValueId>& output_gradients;  // kNoValue where nothing flows back
  const std::vector<bool>& wanted;               // per input
};

struct OpDef {
  std::string name;  // PyTorch's word: "Conv2d"
  OpRole role = OpRole::internal;
  std::string doc;  // one line
  std::vector<AttrSpec> attrs;
  std::vector<OpInput> inputs;
  std::vector<std::string> outputs;
  uint32_t traits = 0;
  std::string schedule;  // kernel family (schedules/); empty: the generic one

  // The types of the outputs, or what is wrong with the inputs or attributes.
  Result<std::vector<Type>> (*infer)(InferArgs&) = nullptr;
  // Parameters in PyTorch's order, after infer. Null: none.
  std::vector<ParameterSpec> (*parameters)(const Attrs&, const std::vector<Type>& inputs) = nullptr;
  // Traits that depend on attributes and shapes. Null: none.
  uint32_t (*more_traits)(const Attrs&, const std::vector<Type>& inputs) = nullptr;
  void (*lower)(Lowering&) = nullptr;
  // Of ops without `lower` whose gradient is a rule of their own: once a graph is differentiated,
  // appends nodes that compute the same and returns their values, one for each output.
  std::vector<ValueId> (*decompose)(Graph&, const Node&) = nullptr;
  // Null: not differentiable.
  std::vector<ValueId> (*gradient)(GradientArgs&) = nullptr;
  void (*reference)(ReferenceArgs&) = nullptr;
  // A layer that other ops compute, gradients and all: appends them and returns what stands for
  // each output, before anything else; nothing where the op computes this node. Null: it does.
  std::vector<ValueId> (*expand)(Graph&, const Node&) = nullptr;
  // From the elements of its parameters, null where absent, in the order of `inputs`. Null: the
  // layer is something else.
  ChannelAffine (*channel_affine)(const Attrs&, const std::vector<Type>& inputs,
                                  const std::vector<const float*>& elements) = nullptr;
  // For layers with the parameters "weight", in which they are linear, and "bias": the channel of
  // the output to which alone the elements [i, j, ...] of the weight contribute; -1: to several.
  // Null: none such.
  int64_t (*output_channel)(const Attrs&, const Shape& weight, const Shape& output, int64_t i,
                            int64_t j) = nullptr;
  // Multiplications and additions, counted as the field does (padding taps included). Null: 0.
  int64_t (*flops)(const Attrs&, const std::vector<Type>& inputs,
                   const std::vector<Type>& outputs) = nullptr;
};

// All ops, in the order of ops.def.
[[nodiscard]] const std::vector<const OpDef*>& all_ops();
// The op of that name, or null.
[[nodiscard]] const OpDef* find_op(const std::string& name);

}  // namespace cnnc
