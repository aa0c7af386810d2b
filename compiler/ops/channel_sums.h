// Sums per channel over everything but the channel.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/ops/exprs.h"

namespace cnnc {

// The sums of `terms(place)` over all places of an image of that shape, [N, C, ...], that have the
// channel c: a Func of (c) per term. "part" (l, u, c) sums the images of one lane, of columns that
// lie so many apart: over the batch innermost, then the columns, the rows and so on; "accumulator"
// (c) adds its elements. Their stages' names end in `suffix`.
[[nodiscard]] std::vector<Halide::Func> channel_sums(
    Lowering& lowering, const Shape& shape,
    const std::function<std::vector<Halide::Expr>(const std::vector<Halide::Expr>& place)>& terms,
    const std::string& suffix = "");

}  // namespace cnnc
