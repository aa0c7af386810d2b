// What several passes do to a graph. Internal to compiler/passes.
#pragma once
#include <string>
#include <vector>

#include "compiler/graph/graph.h"

namespace cnnc {

// Makes all that read `from`, the graph's outputs too, read `to`.
void replace_uses(Graph& graph, ValueId from, ValueId to);

// Whether `value` is an output of the graph.
[[nodiscard]] bool is_output(const Graph& graph, ValueId value);

// The node that computes `value`, or null.
[[nodiscard]] const Node* producer_of(const Graph& graph, ValueId value);

// The only node that reads `value`, or -1 if several do or the graph's outputs name it.
[[nodiscard]] int32_t only_consumer(const Graph& graph,
                                    const std::vector<std::vector<int32_t>>& readers,
                                    ValueId value);

// second(first(x, ...), ...) -> first(second(x, ...), ...), where `second` alone reads output 0 of
// `first`, as its input `slot`, and `first` reads x as its input 0. The id of the final value keeps
// its readers; the names of the two values follow the nodes that compute them. `middle` is the
// type of second's result, now that it reads x. Leaves the order to sort_nodes.
void swap_nodes(Graph& graph, int32_t first, int32_t second, size_t slot, Type middle);

// Keeps the nodes marked in `kept`; values of the others are left without a producer.
void keep_nodes(Graph& graph, const std::vector<bool>& kept);

// Puts the nodes into an order in which they can run, as near to the present one as may be: each
// after what computes its inputs, in-place nodes after all other readers of what they overwrite.
void sort_nodes(Graph& graph);

}  // namespace cnnc
