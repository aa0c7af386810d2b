// MaxPool1d, AvgPool1d and the adaptive ones: those of images of one row. Tested by
// tests/ops/pool1d_test.cpp.
#include "compiler/ops/expansion.h"
#include "compiler/ops/pool_axes.h"

namespace cnnc {
namespace {

OpDef make_max_pool1d() noexcept {
  OpDef op = pool_record("MaxPool1d", "Maximum over windows of [N, C, L]", max_pool_attrs(1));
  op.expand = [](Graph& graph, const Node& node) {
    return expand_to_rows(graph, node, "MaxPool2d");
  };
  op.reference = reference_max_pool;
  return op;
}

OpDef make_avg_pool1d() noexcept {
  OpDef op = pool_record("AvgPool1d", "Mean of windows of [N, C, L]", avg_pool_attrs(1));
  op.expand = [](Graph& graph, const Node& node) {
    return expand_to_rows(graph, node, "AvgPool2d");
  };
  op.reference = reference_avg_pool;
  return op;
}

OpDef make_adaptive_max_pool1d() noexcept {
  OpDef op = pool_record("AdaptiveMaxPool1d",
                         "Maximum over as many windows of [N, C, L] as output_size says; 1: global",
                         adaptive_attrs(1));
  op.infer = infer_adaptive;
  op.expand = [](Graph& graph, const Node& node) {
    return expand_to_rows(graph, node, "AdaptiveMaxPool2d");
  };
  op.reference = reference_adaptive_max_pool;
  return op;
}

OpDef make_adaptive_avg_pool1d() noexcept {
  OpDef op = pool_record("AdaptiveAvgPool1d",
                         "Mean of as many windows of [N, C, L] as output_size says; 1: global",
                         adaptive_attrs(1));
  op.infer = infer_adaptive;
  op.expand = [](Graph& graph, const Node& node) {
    return expand_to_rows(graph, node, "AdaptiveAvgPool2d");
  };
  op.reference = reference_adaptive_avg_pool;
  return op;
}

}  // namespace

extern const OpDef adaptive_avg_pool1d = make_adaptive_avg_pool1d();
extern const OpDef adaptive_max_pool1d = make_adaptive_max_pool1d();
extern const OpDef avg_pool1d = make_avg_pool1d();
extern const OpDef max_pool1d = make_max_pool1d();

}  // namespace cnnc
