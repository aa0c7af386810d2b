// Conv1d and ConvTranspose1d: those of images of one row. Tested by tests/ops/conv1d_test.cpp.
#include "compiler/ops/convolution.h"
#include "compiler/ops/expansion.h"

namespace cnnc {
namespace {

OpDef make_layer() noexcept {
  OpDef op;
  op.role = OpRole::layer;
  op.inputs = {input("input"), parameter_input("weight"), optional_parameter_input("bias")};
  op.outputs = {"output"};
  return op;
}

OpDef make_conv1d() noexcept {
  OpDef op = make_layer();
  op.name = "Conv1d";
  op.doc = "1-D convolution (cross-correlation) of [N, C, L]";
  op.attrs = conv_layer_attrs(1);
  op.infer = infer_conv;
  op.parameters = conv_parameters;
  op.expand = [](Graph& graph, const Node& node) { return expand_to_rows(graph, node, "Conv2d"); };
  op.reference = reference_conv;
  return op;
}

OpDef make_conv_transpose1d() noexcept {
  OpDef op = make_layer();
  op.name = "ConvTranspose1d";
  op.doc = "Transposed 1-D convolution of [N, C, L], such as for upsampling";
  op.attrs = conv_transpose_layer_attrs(1);
  op.infer = infer_conv_transpose;
  op.parameters = conv_transpose_parameters;
  op.expand = [](Graph& graph, const Node& node) {
    return expand_to_rows(graph, node, "ConvTranspose2d");
  };
  op.reference = reference_conv_transpose;
  return op;
}

}  // namespace

extern const OpDef conv1d = make_conv1d();
extern const OpDef conv_transpose1d = make_conv_transpose1d();

}  // namespace cnnc
