// Conv1d and ConvTranspose1d: those of images of one row. Tested by tests/ops/conv1d_test.cpp.
#include "compiler/ops/convolution.h"
#include "compiler/ops/expansion.h"

namespace cnnc {
namespace {

OpDef make_conv1d() noexcept {
  OpDef op = conv_record(1, "Conv1d", "1-D convolution (cross-correlation) of [N, C, L]");
  op.expand = [](Graph& graph, const Node& node) { return expand_to_rows(graph, node, "Conv2d"); };
  return op;
}

OpDef make_conv_transpose1d() noexcept {
  OpDef op = conv_transpose_record(
      1, "ConvTranspose1d", "Transposed 1-D convolution of [N, C, L], such as for upsampling");
  op.expand = [](Graph& graph, const Node& node) {
    return expand_to_rows(graph, node, "ConvTranspose2d");
  };
  return op;
}

}  // namespace

extern const OpDef conv1d = make_conv1d();
extern const OpDef conv_transpose1d = make_conv_transpose1d();

}  // namespace cnnc
