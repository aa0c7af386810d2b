// What the losses share.
//
// Their inputs are the network's output [N, C] or [N, C, ...], the target, and count, i32[1]: how
// many images count (all of them where it is absent). Others have gradient 0; they must be finite.
// Losses of classes have targets i32[N] or i32[N, 1, ...], losses of values targets of the output's
// type. A loss is the end of a graph: its own gradient is 1, whatever is said to flow into
// it.
#pragma once
#include <functional>

#include "compiler/ops/exprs.h"
#include "compiler/ops/rules.h"

namespace cnnc {

[[nodiscard]] AttrSpec reduction_attr(std::string doc);

// Empty if input 0 has channels.
[[nodiscard]] Diagnostics check_loss_input(const InferArgs& args);

// Empty if the list of numbers `name` is absent, or has one for each channel (or one for all of
// them, where that is allowed).
enum class ChannelNumbers { each, one_or_each };
[[nodiscard]] Diagnostics check_channel_numbers(const InferArgs& args, const std::string& name,
                                                ChannelNumbers allowed);
// The number of a channel; 1 where the attribute is absent.
[[nodiscard]] Halide::Expr channel_number(const Attrs& attrs, const std::string& name,
                                          const Halide::Expr& channel);
[[nodiscard]] double channel_number(const Attrs& attrs, const std::string& name, int64_t channel);

// The place of the channel among the arguments of the output: x, y, c, n or c, n.
[[nodiscard]] inline size_t channel_argument(size_t rank) { return rank - 2; }

// Whether image n counts; undefined where all do.
[[nodiscard]] Halide::Expr is_counted(const Lowering& lowering, const Halide::Expr& n);
// `value` where `condition` holds or is undefined, else 0.
[[nodiscard]] Halide::Expr where(const Halide::Expr& condition, const Halide::Expr& value);

// The sum of term(place) over images, pixels and the first `channels` channels. Adds the stages
// "total" and, where more is summed than images, "partial": the sums of rows of images.
using Place = std::vector<Halide::Expr>;
[[nodiscard]] Halide::Expr sum_of_terms(Lowering& lowering, int64_t channels,
                                        const std::function<Halide::Expr(const Place&)>& term);

// The images that count, in references.
[[nodiscard]] int64_t counted_images(const ReferenceArgs& args);

// A rule for a loss whose gradient is an op of the same inputs and attributes.
[[nodiscard]] std::vector<ValueId> loss_gradient(GradientArgs& args, const std::string& op);

}  // namespace cnnc
