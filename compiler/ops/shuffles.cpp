// ChannelShuffle, PixelShuffle and PixelUnshuffle. Tested by tests/ops/shuffles_test.cpp.
#include "compiler/ops/dims.h"

namespace cnnc {
namespace {

using Halide::Expr;

Diagnostics must_divide(const std::string& name, int64_t number, const std::string& what,
                        int64_t extent) {
  if (extent % number == 0) return {};
  return {error(name + " is " + std::to_string(number) + ", which does not divide the " + what +
                ", " + std::to_string(extent))};
}

OpDef make_op() noexcept {
  OpDef op;
  op.role = OpRole::layer;
  op.inputs = {input("input")};
  op.outputs = {"output"};
  return op;
}

// ---- ChannelShuffle: channel k of group g becomes channel k * groups + g.

Result<std::vector<Type>> infer_channels(InferArgs& args) {
  Diagnostics problems = expect_any(args, 0, "input");
  if (!problems.empty()) return problems;
  const Type& in = args.inputs[0];
  if (in.rank() < 2) return error("the input must have channels, but is " + to_string(in.shape));
  problems = must_divide("groups", args.attrs.integer("groups"), "channels", in.shape[1]);
  if (!problems.empty()) return problems;
  return outputs_of({in});
}

void lower_channels(Lowering& lowering) {
  const int64_t groups = lowering.attrs().integer("groups");
  const int64_t size = lowering.input_types[0].shape[1] / groups;
  lower_move(lowering, "channel_shuffle", [&](std::vector<Expr> at) {
    at[1] = at[1] % constant(groups) * constant(size) + at[1] / constant(groups);
    return at;
  });
}

std::vector<ValueId> gradient_channels(GradientArgs& args) {
  Attrs attrs;
  attrs.set("groups",
            args.graph.type(args.node.inputs[0]).shape[1] / args.node.attrs.integer("groups"));
  return gradient_by(args, "ChannelShuffle", attrs);
}

void reference_channels(ReferenceArgs& args) {
  const ReferenceTensor& in = *args.inputs[0];
  const int64_t groups = args.attrs.integer("groups"), size = in.shape[1] / groups;
  for (int64_t i = 0; i < element_count(in.shape); ++i) {
    Shape to = coordinates_of(in.shape, i);
    const int64_t group = to[1] / size, k = to[1] % size;
    to[1] = k * groups + group;
    args.outputs[0].data[position_of(in.shape, to)] = in.data[i];
  }
}

OpDef make_channel_shuffle() noexcept {
  OpDef op = make_op();
  op.name = "ChannelShuffle";
  op.doc = "Takes channels from each group in turn";
  op.attrs = {required(attribute("groups", AttrKind::integer, {}, kCounts, "groups of channels"))};
  op.infer = infer_channels;
  op.lower = lower_channels;
  op.gradient = gradient_channels;
  op.reference = reference_channels;
  return op;
}

// ---- PixelShuffle: [N, C * r * r, H, W] to [N, C, H * r, W * r], and back.

Result<std::vector<Type>> infer_shuffle(InferArgs& args) {
  if (!is_given(args, 0)) return error("needs an input \"input\" " + std::string(kImageForm));
  Diagnostics problems = expect_input(args, 0, "input", args.inputs[0].dtype, {kImageForm});
  if (!problems.empty()) return problems;
  const int64_t r = args.attrs.integer("upscale_factor");
  const auto& [dtype, in] = args.inputs[0];
  if (in[1] % (r * r) != 0) {
    return error("upscale_factor is " + std::to_string(r) + ", whose square does not divide the " +
                 "channels, " + std::to_string(in[1]));
  }
  return outputs_of({{dtype, {in[0], in[1] / (r * r), in[2] * r, in[3] * r}}});
}

Result<std::vector<Type>> infer_unshuffle(InferArgs& args) {
  if (!is_given(args, 0)) return error("needs an input \"input\" " + std::string(kImageForm));
  Diagnostics problems = expect_input(args, 0, "input", args.inputs[0].dtype, {kImageForm});
  if (!problems.empty()) return problems;
  const int64_t r = args.attrs.integer("downscale_factor");
  const auto& [dtype, in] = args.inputs[0];
  for (const auto& [what, dim] : {std::pair{"height", 2}, {"width", 3}}) {
    problems = must_divide("downscale_factor", r, what, in[dim]);
    if (!problems.empty()) return problems;
  }
  return outputs_of({{dtype, {in[0], in[1] * r * r, in[2] / r, in[3] / r}}});
}

void lower_shuffle(Lowering& lowering) {
  const Expr r = constant(lowering.attrs().integer("upscale_factor"));
  lower_move(lowering, "pixel_shuffle", [&](const std::vector<Expr>& at) {
    return std::vector<Expr>{at[0], (at[1] * r + at[2] % r) * r + at[3] % r, at[2] / r, at[3] / r};
  });
}

void lower_unshuffle(Lowering& lowering) {
  const Expr r = constant(lowering.attrs().integer("downscale_factor"));
  lower_move(lowering, "pixel_unshuffle", [&](const std::vector<Expr>& at) {
    return std::vector<Expr>{at[0], at[1] / (r * r), at[2] * r + at[1] / r % r,
                             at[3] * r + at[1] % r};
  });
}

std::vector<ValueId> gradient_shuffle(GradientArgs& args) {
  Attrs attrs;
  attrs.set("downscale_factor", args.node.attrs.integer("upscale_factor"));
  return gradient_by(args, "PixelUnshuffle", attrs);
}

std::vector<ValueId> gradient_unshuffle(GradientArgs& args) {
  Attrs attrs;
  attrs.set("upscale_factor", args.node.attrs.integer("downscale_factor"));
  return gradient_by(args, "PixelShuffle", attrs);
}

// Calls visit(element with blocks as channels, element with blocks as pixels).
template <class Visit>
void for_each_pixel(const Shape& large, int64_t r, Visit visit) {
  const Shape deep = {large[0], large[1] * r * r, large[2] / r, large[3] / r};
  for (int64_t i = 0; i < element_count(large); ++i) {
    const Shape at = coordinates_of(large, i);
    const int64_t row = at[2] % r, column = at[3] % r;
    visit(index_of(deep, at[0], at[1] * r * r + row * r + column, at[2] / r, at[3] / r), i);
  }
}

void reference_shuffle(ReferenceArgs& args) {
  for_each_pixel(args.outputs[0].shape, args.attrs.integer("upscale_factor"),
                 [&](int64_t deep, int64_t large) {
                   args.outputs[0].data[large] = args.inputs[0]->data[deep];
                 });
}

void reference_unshuffle(ReferenceArgs& args) {
  for_each_pixel(args.inputs[0]->shape, args.attrs.integer("downscale_factor"),
                 [&](int64_t deep, int64_t large) {
                   args.outputs[0].data[deep] = args.inputs[0]->data[large];
                 });
}

OpDef make_pixel_shuffle() noexcept {
  OpDef op = make_op();
  op.name = "PixelShuffle";
  op.doc = "[N, C * r * r, H, W] to [N, C, H * r, W * r]";
  op.attrs = {required(attribute("upscale_factor", AttrKind::integer, {}, {1, 32767}, "r"))};
  op.infer = infer_shuffle;
  op.lower = lower_shuffle;
  op.gradient = gradient_shuffle;
  op.reference = reference_shuffle;
  return op;
}

OpDef make_pixel_unshuffle() noexcept {
  OpDef op = make_op();
  op.name = "PixelUnshuffle";
  op.doc = "[N, C, H * r, W * r] to [N, C * r * r, H, W]";
  op.attrs = {required(attribute("downscale_factor", AttrKind::integer, {}, {1, 32767}, "r"))};
  op.infer = infer_unshuffle;
  op.lower = lower_unshuffle;
  op.gradient = gradient_unshuffle;
  op.reference = reference_unshuffle;
  return op;
}

}  // namespace

extern const OpDef channel_shuffle = make_channel_shuffle();
extern const OpDef pixel_shuffle = make_pixel_shuffle();
extern const OpDef pixel_unshuffle = make_pixel_unshuffle();

}  // namespace cnnc
