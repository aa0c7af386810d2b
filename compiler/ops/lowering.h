// Lowering: an op's algorithm as Halide Funcs, without a schedule.
//
// The arguments of a Func are the dimensions of the logical shape, last first: (x, y, c, n) for
// [N, C, H, W], (c, n) for [N, F], (c) for [C], (x, c, n) and (x, y, z, c, n) for ranks 3 and 5,
// (x, y, z, w, c, n) for rank 6; convolution weights [Cout, Cin/groups, KH, KW] are (x, y, c, n)
// too, with n the output channel; linear weights [out, in] are (c, n). Memory layout
// is no part of it: strides of buffers and the order of storage belong to plan and schedule.
#pragma once
#include <Halide.h>

#include <map>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace cnnc {

struct Lowering {
  const Node& node;
  const std::vector<Type>& input_types;
  const std::vector<Type>& output_types;
  std::vector<Halide::Func> inputs = {};  // undefined where the input is absent

  // Sums over the batch may be made of this many interleaved partial sums, one per SIMD lane, that
  // are added at the end. It divides the batch; 1 means one sum in order.
  int lanes = 1;

  // Rows of the image that Conv2dWeightGrad sums in chunks, 0: all, and in the bands of a chunk, 0:
  // one. Where a band is the whole image, outputs with taps outside may be summed apart.
  int64_t chunk_rows = 0;
  int64_t band_rows = 0;
  bool separates_border = false;

  // Conv2d by Winograd's algorithm, or with the batch innermost Conv2dInputGrad, too. See
  // compiler/ops/winograd.h.
  enum class Winograd { none, channels_innermost, batch_innermost } winograd = Winograd::none;
  int64_t winograd_tile = 4;

  // Elements of a block of features that LinearWeightGrad packs its input into, columns of a panel
  // of Winograd's algorithm; and output channels that it computes at a time.
  int pack_width = 32;
  int tile_channels = 1;
  // Panels of columns that Winograd's weight gradient sums in registers, along a row of tiles and
  // along the batch; of chunk_rows rows of tiles. And whether each such chunk of rows has sums of
  // its own.
  int64_t block_columns = 0;
  int64_t block_images = 0;
  bool separates_rows = false;

  // To be defined, one per output of the node, over variables(rank).
  std::vector<Halide::Func> outputs = {};

  // Intermediate Funcs that a schedule may place, under the names that the family documents.
  // Those without arguments are computed once, before everything else. All other intermediate Funcs
  // must be pure, and are computed inline.
  std::map<std::string, Halide::Func> stages = {};

  // Where output 0 has other formulas in other ranges of one argument, which: where each range
  // begins, the first at 0. A kernel that begins with the node may have loops for each.
  size_t range_argument = 0;
  std::vector<int64_t> range_begins = {};

  [[nodiscard]] const Attrs& attrs() const { return node.attrs; }
};

// The arguments of a Func of that rank, which is at most kMostRank.
[[nodiscard]] std::vector<Halide::Var> variables(int64_t rank);

// Calls of `f` at `arguments`.
[[nodiscard]] Halide::Expr at(const Halide::Func& f, const std::vector<Halide::Expr>& arguments);

}  // namespace cnnc
