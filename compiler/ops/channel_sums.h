// Sums per channel over everything but the channel.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/ops/exprs.h"

namespace cnnc {

// The sums of `terms(place)` over all places of an image of that shape, [N, C, ...], that have the
// channel c: a Func of (c) per term. "part" (l, c) sums the images of one lane: over the batch
// innermost, then the columns, the rows and so on; "accumulator" (c) adds the lanes. Their stages'
// names end in `suffix`.
[[nodiscard]] std::vector<Halide::Func> channel_sums(
    Lowering& lowering, const Shape& shape,
    const std::function<std::vector<Halide::Expr>(const std::vector<Halide::Expr>& place)>& terms,
    const std::string& suffix = "");

}  // namespace cnnc
