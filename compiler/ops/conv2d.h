// How images are convolved: what convolutions, transposed or not, and their gradients share.
#pragma once
#include <Halide.h>

#include "compiler/ops/convolution.h"
#include "compiler/ops/lowering.h"
#include "compiler/ops/window.h"

namespace cnnc {

// The windows over an input of that height and width; padding in numbers.
[[nodiscard]] Window conv_window(const Attrs& attrs, int64_t height, int64_t width);

// output(n, c, iy, ix) = bias(c) + sum over ky, kx, co of weight(co, c, ky, kx) *
// input(n, co, oy, ox): the node computes a convolution's input from its output. inputs[0] and [1]
// are that output and the weight, `bias` may be undefined. Stage: "accumulator".
void lower_transposed(Lowering& lowering, const Window& window, const Halide::Func& bias);

}  // namespace cnnc
