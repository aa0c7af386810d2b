// The Problem of a pooling that begins a kernel.
#pragma once
#include "compiler/graph/graph.h"
#include "schedules/schedule.h"

namespace cnnc {

void describe_window(const Graph& graph, const Node& node, Problem& problem);

}  // namespace cnnc
