// What the losses of classes share: targets, their weights, and by what sums are divided.
//
// A target counts where its image does and it is not ignore_index. Its weight is that of its class.
// A target outside [0, C) is taken as the nearest class: callers check their targets. The mean is
// the sum divided by the weights of the targets that count; as in PyTorch it is NaN if there are
// none.
#pragma once
#include "compiler/ops/losses.h"

namespace cnnc {

[[nodiscard]] std::vector<AttrSpec> class_loss_attrs();
[[nodiscard]] Diagnostics check_class_loss(const InferArgs& args);

struct ClassTarget {
  Halide::Expr index;   // of the class
  Halide::Expr weight;  // 0 where the target does not count
  Halide::Expr counts;
};
// The target of the output at `place`.
[[nodiscard]] ClassTarget class_target(const Lowering& lowering, const Place& place);

// By what a sum is divided, 1 for the sum. Adds the stage "divisor". Divisions by it are strict, so
// that numbers known at compile time and others give the same bits.
[[nodiscard]] Halide::Expr class_loss_divisor(Lowering& lowering);

// Calls visit(index of channel 0, distance of channels, target's class, weight) for each pixel
// whose target counts.
void for_each_target(
    const ReferenceArgs& args,
    const std::function<void(int64_t first, int64_t stride, int64_t target, double weight)>& visit);
// 1 / the divisor.
[[nodiscard]] double class_loss_scale(const ReferenceArgs& args);

}  // namespace cnnc
