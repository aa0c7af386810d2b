// What convolutions, transposed or not, and their gradients share.
#pragma once
#include <Halide.h>

#include <vector>

#include "compiler/ops/lowering.h"
#include "compiler/ops/rules.h"
#include "compiler/ops/window.h"

namespace cnnc {

// The attributes of the window and groups.
[[nodiscard]] std::vector<AttrSpec> conv_window_attrs();
// The windows over an input of that height and width; padding in numbers.
[[nodiscard]] Window conv_window(const Attrs& attrs, int64_t height, int64_t width);

// output(n, c, iy, ix) = bias(c) + sum over ky, kx, co of weight(co, c, ky, kx) *
// input(n, co, oy, ox): the node computes a convolution's input from its output. inputs[0] and [1]
// are that output and the weight, `bias` may be undefined. Stage: "accumulator".
void lower_transposed(Lowering& lowering, const Window& window, const Halide::Func& bias);

// Calls visit(n, co, ci, ci within its group, oy, ox, ky, kx, iy, ix) for every product of the
// convolution of `in` to `out` channels.
template <class Visit>
void for_each_product(const Window& window, int64_t batch, int64_t in, int64_t out, int64_t groups,
                      Visit visit) {
  const int64_t depth = in / groups;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t co = 0; co < out; ++co) {
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t ci = co / (out / groups) * depth + k;
        for (int64_t oy = 0; oy < window.y.out; ++oy) {
          for (int64_t ox = 0; ox < window.x.out; ++ox) {
            for (int64_t ky = 0; ky < window.y.kernel; ++ky) {
              for (int64_t kx = 0; kx < window.x.kernel; ++kx) {
                const int64_t iy = window.y.position(oy, ky);
                const int64_t ix = window.x.position(ox, kx);
                if (!window.y.is_inside(iy) || !window.x.is_inside(ix)) continue;
                visit(n, co, ci, k, oy, ox, ky, kx, iy, ix);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace cnnc
