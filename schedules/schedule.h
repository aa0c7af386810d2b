// Schedules: how a kernel is computed. A schedule places and orders the Funcs of a kernel. It never
// changes what is computed; where Params say how a sum is split, or that a convolution is
// Winograd's, lowering follows them, and results round differently.
//
// A Problem says in numbers what is to be computed and for which machine. choose() maps it to a
// family and its Params by rule; apply() schedules the Funcs. Both are pure.
#pragma once
#include <Halide.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/machine.h"

namespace cnnc {

// Which dimension is innermost in memory, and so fills the vectors.
enum class VectorDimension { batch, channel };

// The anchor of a kernel as a contraction, and what follows it in the same kernel.
struct Problem {
  std::string family;  // OpDef::schedule of the anchor, or of a first node without one; or empty
  VectorDimension vectors = VectorDimension::batch;
  Machine machine;

  // The anchor's result: [n, c, h, w] for activations, [n, c, h, w] = [Cout, Cin, KH, KW] for
  // weight gradients; rank 2 has h = w = 1. Of products of matrices, its dimensions in order.
  // Without a family, c is of the kernel's result.
  int64_t rank = 4;
  int64_t n = 1, c = 1, h = 1, w = 1;
  // What is summed per element of it: channels of a group, taps (of adaptive pooling, the most of a
  // window); for weight gradients batch, rows and columns of the output gradient.
  int64_t reduce_c = 1, reduce_h = 1, reduce_w = 1;
  int64_t groups = 1;
  bool padded = false;    // some taps may be out of range
  bool winograd = false;  // Winograd's algorithm may be chosen
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  bool transposed = false;  // the gradient of a convolution's input: strides lie in the input
  int64_t input_h = 1, input_w = 1;    // of what is multiplied by weights; of weight gradients, of
                                       // the convolution's input
  int64_t window_h = 0, window_w = 0;  // of a pooling that ends the kernel; 0: none
  int64_t result_h = 1, result_w = 1;  // of the kernel's outputs
  // A producer of the anchor's input that is computed in this kernel: bytes of one row of it, per
  // element of the batch; 0: none.
  int64_t staged_row_bytes = 0;
  int64_t flops = 0;
  int64_t bytes = 0;
};

// Memory of an intermediate Func that the plan provides.
struct Scratch {
  std::vector<int64_t> extents;
  std::vector<int64_t> strides;  // in elements

  [[nodiscard]] int64_t elements() const;
  bool operator==(const Scratch& other) const {
    return extents == other.extents && strides == other.strides;
  }
};
// Without gaps, the first dimension innermost.
[[nodiscard]] Scratch dense_scratch(std::vector<int64_t> extents);

// The numbers of a schedule. Each family documents which it uses.
struct Params {
  std::string schedule;           // "conv_batch", "conv_channel", ...
  int64_t a = 1;                  // register tile: broadcast operands ...
  int64_t b = 1;                  // ... times vectors
  int64_t rows = 0;               // rows of a chunk ...
  int64_t columns = 0;            // ... and its columns
  int64_t band_rows = 0;          // rows of a band of a chunk
  bool separates_border = false;  // outputs at the border have loops of their own
  int64_t block_c = 0;            // channels of a block: of the result ...
  int64_t block_n = 0;            // ... and, of weight gradients, of outputs
  int64_t tile = 0;               // outputs of a tile of Winograd's algorithm, on each axis
  bool stages_input = false;      // keeps a block of the anchor's input on the stack
  bool packs_weights = false;     // first copies weights in the order in which tiles read them
  int64_t tasks = 1;              // iterations of the parallel loop; 1: serial
  std::vector<Scratch> scratch;   // of the Funcs in KernelFuncs::scratch
  double predicted = 0;           // share of the FMA peak that a rule's model expects; 0: no model
  std::string why;                // for people

  [[nodiscard]] int64_t vector_channels(const Machine& machine) const { return b * machine.lanes; }
};

// "conv_channel 14x2", for people.
[[nodiscard]] std::string to_string(const Params& params);
// The shape in benchdnn's notation, "mb64ic32ih14oc64oh14kh3" with the direction of a gradient
// before it and what follows the anchor behind it; for people. Empty without an anchor.
[[nodiscard]] std::string to_string(const Problem& problem);

// The Funcs of a kernel.
struct KernelFuncs {
  Halide::Func result;            // writes the outputs, as a tuple if there are several
  Halide::Func anchor;            // the anchor's result: a pure wrapper of its accumulation
  bool anchor_is_result = false;  // nothing follows the anchor that would change its loops
  Halide::Func staged;            // the anchor's input, which may be computed in this kernel
  std::map<std::string, Halide::Func> stages;  // of the anchor, or of all nodes
  // Funcs that are computed before everything else, into scratch memory that the plan provides; set
  // by apply(), as many as Params::scratch has.
  std::vector<Halide::Func> scratch;
};

// The rule's choice.
[[nodiscard]] Params choose(const Problem& problem);
// Simpler schedules than that of `params`, which compile faster and run slower: the last is the
// generic one, which computes anything. Empty for the generic schedule.
[[nodiscard]] std::vector<Params> simpler(const Problem& problem, const Params& params);
// Params near those given that may be faster: other numbers, another schedule. All of them are
// possible, and their register tiles fit the registers.
[[nodiscard]] std::vector<Params> neighbours(const Problem& problem, const Params& params);
// Why the Params cannot compute the problem; empty if they can.
[[nodiscard]] std::string obstacle(const Problem& problem, const Params& params);
// Params that are possible, with the numbers that follow from the others: tasks, scratch and what
// is predicted.
[[nodiscard]] Params completed(const Problem& problem, Params params);
// Vector multiply-adds in the largest loop body that the schedule unrolls. The time that a kernel
// takes to compile grows with it.
[[nodiscard]] int64_t unrolled(const Problem& problem, const Params& params);
// Places and orders the Funcs.
void apply(const Problem& problem, const Params& params, KernelFuncs& funcs);

// Cycles that a register tile of a broadcasts x b vectors costs per step of the reduction, and the
// best tile for `columns` broadcasts and `vectors` vectors; see schedules/tile.cpp.
struct Tile {
  int64_t a = 1;
  int64_t b = 1;
  double efficiency = 0;  // predicted share of the FMA peak
};
[[nodiscard]] double tile_cycles(int64_t a, int64_t b);
// The share of the FMA peak that tiles of a x b reach on `columns` x `vectors`. A panel of b
// vectors that the first-level cache does not hold streams from the second.
[[nodiscard]] double tile_efficiency(int64_t a, int64_t b, int64_t columns, int64_t vectors,
                                     const Machine& machine, int64_t panel_bytes_per_vector);
enum class VectorTail { allowed, none };  // none: b divides `vectors`
[[nodiscard]] Tile choose_tile(int64_t columns, int64_t vectors, const Machine& machine,
                               int64_t panel_bytes_per_vector, VectorTail tail);

// The arguments of a Func by name; see variables() in compiler/ops/lowering.h.
struct Dimensions {
  Halide::Var x{"x"}, y{"y"}, c{"c"}, n{"n"};
};

// Stores a Func with the dimension that fills the vectors innermost.
void store_vectors_innermost(Halide::Func& func, VectorDimension vectors);

// Intermediate Funcs of a task live on its stack, with constant extents. Halide's word for that is
// MemoryType::Register: with MemoryType::Stack, blocks above 16 KiB come from the heap.

// Whether work of that size is worth a parallel loop.
[[nodiscard]] bool worth_parallel(int64_t flops, int64_t bytes, const Machine& machine);

// A way to compute kernels. Its numbers and limits are described in its file.
struct Schedule {
  const char* name;
  std::string (*obstacle)(const Problem&, const Params&);
  void (*complete)(const Problem&, Params&);
  int64_t (*unrolled)(const Problem&, const Params&);
  // Of this schedule. Not all of them need be possible.
  std::vector<Params> (*neighbours)(const Problem&, const Params&);
  void (*apply)(const Problem&, const Params&, KernelFuncs&);
};
namespace schedules {
extern const Schedule conv_batch, conv_channel, winograd, winograd_batch, winograd_weight_grad,
    conv_weight_grad, linear_weight_grad, channel_sum, channel_statistics, window, product, generic;
}  // namespace schedules
[[nodiscard]] const Schedule* find_schedule(const std::string& name);  // null: none

// The rules.
[[nodiscard]] Params choose_conv_batch(const Problem&);
[[nodiscard]] Params choose_conv_channel(const Problem&);
// Whether Winograd's algorithm applies and pays; its Params if it does. With the channels innermost
// weights are transformed before, for tiles of `tile` outputs on each axis, 0: the rule's choice;
// with the batch innermost the kernel does it.
[[nodiscard]] std::optional<Params> choose_winograd(const Problem&, int64_t tile = 0);
[[nodiscard]] std::optional<Params> choose_winograd_batch(const Problem&);
[[nodiscard]] std::optional<Params> choose_winograd_weight_grad(const Problem&);
[[nodiscard]] Params choose_conv_weight_grad(const Problem&);
[[nodiscard]] Params choose_linear_weight_grad(const Problem&);
[[nodiscard]] Params choose_channel_sum(const Problem&);
[[nodiscard]] Params choose_channel_statistics(const Problem&);
[[nodiscard]] Params choose_window(const Problem&);
[[nodiscard]] Params choose_product(const Problem&);
[[nodiscard]] Params choose_generic(const Problem&);

// For neighbours: Params with other values of one number, and with a larger, smaller, longer or
// wider register tile.
void vary(std::vector<Params>& list, const Params& from, int64_t Params::* number,
          const std::vector<int64_t>& values);
[[nodiscard]] std::vector<Params> other_tiles(const Params& from);
// Keeps those whose accumulators, as counted, fit the registers beside what a step loads.
void keep_fitting(std::vector<Params>& list, const Machine& machine,
                  const std::function<int64_t(const Params&)>& accumulators);

}  // namespace cnnc
