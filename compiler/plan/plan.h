// The plan: which kernels run in which order, and where every value lives.
//
// Made by arithmetic on plain numbers; prints; a verifier proves that live buffers never overlap.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/plan/machine.h"

namespace cnnc {

// How the elements of a value lie in memory: a permutation of its dimensions.
enum class Layout {
  row_major,        // as PyTorch: [N][C][H][W], [N][F]; parameters and everything a caller sees
  batch_innermost,  // [C][H][W][N], [F][N]: training
  channels_last,    // [N][H][W][C]: inference
};

[[nodiscard]] const char* to_string(Layout layout);

// Element strides of each logical dimension (in the order of the shape). Dense, but for channels of
// images that would all start in the same few sets of a first-level cache, which have one pixel
// more between them, and for pixels that would start in the same set, which have a line more.
[[nodiscard]] std::vector<int64_t> strides(const Shape& shape, Layout layout);
// Of the memory that a value of that type fills in that layout.
[[nodiscard]] int64_t storage_bytes(const Type& type, Layout layout);

enum class Region {
  inside,     // computed and used inside one kernel: no memory
  input,      // the caller's, at Placement::index of Graph::inputs
  output,     // the caller's, at Placement::index of Plan::outputs
  state,      // parameters, then optimizer state, in one block of the caller's
  workspace,  // scratch memory of the caller's
  constant,   // parameters known at compile time; where and how packed is the code generator's
};

struct Placement {
  Region region = Region::inside;
  int32_t index = 0;
  int64_t offset = 0;  // bytes from the start of the region; a multiple of kAlignment
  int64_t bytes = 0;
  Layout layout = Layout::row_major;
};

constexpr int64_t kAlignment = 64;

// Nodes that one function computes. Each node but the free views belongs to exactly one kernel.
struct Kernel {
  std::string name;              // of its nodes: "conv1_relu_pool1"
  std::vector<int32_t> nodes;    // in order
  int32_t anchor = -1;           // the node whose schedule family computes it, or -1
  std::vector<ValueId> inputs;   // read from memory, each once, in order of first use; as the nodes
                                 // name them: of a free view, the view's output
  std::vector<ValueId> outputs;  // written to memory; of one shape where nodes joined
  int64_t flops = 0;
  int64_t bytes = 0;  // of inputs and outputs
};

struct Plan {
  Graph graph;
  std::vector<Kernel> kernels;        // in the order of execution
  std::vector<ValueId> outputs;       // the caller's: Graph::outputs without in-place updates
  std::vector<Placement> placements;  // per value; a free view lies where its input lies
  int64_t state_bytes = 0;
  int64_t workspace_bytes = 0;
};

enum class ParameterStorage {
  state,     // in the state block: training and evaluation between steps
  constant,  // in the object: inference
};

struct PlanOptions {
  Layout layout = Layout::channels_last;  // of intermediate values
  ParameterStorage parameters = ParameterStorage::constant;
};
inline constexpr PlanOptions kInferencePlan = {Layout::channels_last, ParameterStorage::constant};
inline constexpr PlanOptions kTrainingPlan = {Layout::batch_innermost, ParameterStorage::state};

// Lets the caller pass inputs and outputs in these layouts, as they lie inside a
// network: for kernels that are looked at alone. The graph has no views.
void set_border_layouts(Plan& plan, Layout inputs, Layout outputs);

// Orders, groups and places. Each output of the caller gets memory of its own: where the graph
// names an input or parameter as output, or one value twice, a copy is added. In-place nodes may
// update parameters and states only, which then must be in the state block; their results stay
// there.
[[nodiscard]] Plan make_plan(Graph graph, const PlanOptions& options);

// Partitions the nodes, except free views, into kernels by traits; the order is that of the graph.
//  - An anchor begins a kernel; a kCheapGather node that only computes its input 0 joins before it
//    if the anchor is kStagesInput0. Any node that no anchor took begins a kernel, too.
//  - While the last value has one consumer and is no output of the graph, that consumer joins if it
//    is kElementwise of the same shape, or kWindow (once, after an anchor, rank 4), and needs
//    nothing that runs after this kernel. Further outputs of joined nodes (a pool's index) are
//    outputs of the kernel if anybody else reads them.
[[nodiscard]] std::vector<Kernel> group_kernels(const Graph& graph, Layout layout);

// Reorders kernels so that each runs right after the one with which it shares most memory, as far
// as data flow and in-place updates allow.
[[nodiscard]] std::vector<Kernel> order_kernels(const Graph& graph, std::vector<Kernel> kernels);

// The value in whose memory `id` lives: itself, or what a view or an in-place node leads back to.
// In-place nodes lead from output k to input k.
[[nodiscard]] ValueId storage_of(const Graph& graph, ValueId id, Layout layout);

// Whether a kView node is free in that layout (else it is computed as a copy): its output is no
// output of the graph, and the elements of both lie in the same order.
[[nodiscard]] bool is_free_view(const Graph& graph, const Node& node, Layout layout);

// A block of memory that is needed from step `first` to step `last`, both inclusive.
struct Lifetime {
  int64_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
};
struct Packing {
  std::vector<int64_t> offsets;  // one per block
  int64_t bytes = 0;
};
// Offsets, multiples of kAlignment, such that blocks that live at the same time never overlap.
[[nodiscard]] Packing pack(const std::vector<Lifetime>& blocks);
// The least memory any packing needs: the most that lives at one time.
[[nodiscard]] int64_t packing_lower_bound(const std::vector<Lifetime>& blocks);

// Names what is wrong with a plan: overlapping live buffers, a kernel that reads what no earlier
// one wrote, an in-place update before a reader. Empty if nothing is.
[[nodiscard]] std::string verify(const Plan& plan);
[[nodiscard]] std::string print(const Plan& plan);

}  // namespace cnnc
