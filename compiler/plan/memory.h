// Which values share memory, how their elements lie in it, and which node must run before which.
//
// Internal to compiler/plan. The free views of a plan are given as one flag per node, so that a
// partition into kernels (whose free views are in no kernel) needs no layout beside it.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "compiler/plan/plan.h"

namespace cnnc {

// The layout of each value. Row-major: what a caller sees (inputs, outputs), parameters and states,
// their in-place updates, values of their shape on the way into such an update (gradients), views
// of these, and every value without a batch. All others: `layout`.
[[nodiscard]] std::vector<Layout> value_layouts(const Graph& graph, Layout layout);

// Whether both lay the same elements, counted in row-major order, in the same order.
[[nodiscard]] bool same_order(const Shape& a, Layout layout_a, const Shape& b, Layout layout_b);

// Per node: a kView whose output is its input's memory, read with other extents. The output of the
// graph is never one, since it has memory of its own.
[[nodiscard]] std::vector<bool> free_views(const Graph& graph, Layout layout);

// Per value: the value that it is another name of, through free views.
[[nodiscard]] std::vector<ValueId> origins(const Graph& graph, const std::vector<bool>& free_view);

// Per value: the value in whose memory it lives, through free views and in-place nodes.
[[nodiscard]] std::vector<ValueId> storages(const Graph& graph, const std::vector<bool>& free_view);

// Per node: the nodes that must run before it, in ascending order. Data flow looks through free
// views, which neither have nor are predecessors; an in-place node follows all other readers of
// what it overwrites.
[[nodiscard]] std::vector<std::vector<int32_t>> predecessors(const Graph& graph,
                                                             const std::vector<bool>& free_view);

// Per node: true where no kernel computes it.
[[nodiscard]] std::vector<bool> in_no_kernel(const Graph& graph,
                                             const std::vector<Kernel>& kernels);

// Per value: from the step that computes it to the last that touches its memory; for values that
// share memory, at the one that storages() names. Others, and values inside kernels, have first >
// last.
[[nodiscard]] std::vector<Lifetime> lifetimes(const Graph& graph,
                                              const std::vector<Kernel>& kernels,
                                              const std::vector<Layout>& layouts);

// Orders kernels such that each follows all that it depends on. Among those that are ready (given
// by ascending position in `kernels`), `choose(ready, last)` picks one; `last` is -1 at the start.
[[nodiscard]] std::vector<Kernel> list_schedule(
    const Graph& graph, std::vector<Kernel> kernels,
    const std::function<int32_t(const std::vector<int32_t>& ready, int32_t last)>& choose);

}  // namespace cnnc
