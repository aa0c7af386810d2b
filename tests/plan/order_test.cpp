#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/plan/mnist.h"
#include "tests/plan/toy.h"

namespace cnnc {
using test::names;
using test::ToyGraph;

namespace {

std::string ordered(const Graph& graph, Layout layout = Layout::batch_innermost) {
  return names(order_kernels(graph, group_kernels(graph, layout)));
}

}  // namespace

TEST_CASE("an update runs after every reader of the old value, through views too") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 4});
  const ValueId p = g.parameter("p", {4, 4});
  const ValueId view = g(g.ops.flatten, "view", {p});  // the same shape: free
  const ValueId dw = g(g.ops.anchor, "dw", {x});
  const ValueId late = g(g.ops.anchor, "late", {g(g.ops.anchor, "far", {x}), view});
  const ValueId user = g(g.ops.anchor, "user", {x, p});
  g.graph.outputs = {g(g.ops.update, "u", {p, dw}), late, user};
  CHECK_THAT(verify(make_plan(g.graph, {Layout::row_major, ParameterStorage::state})),
             Catch::Equals(""));
  const std::string order = " " + ordered(g.graph, Layout::row_major) + " ";
  INFO(order);
  CHECK(order.find(" late ") < order.find(" dw_u "));
  CHECK(order.find(" user ") < order.find(" dw_u "));
}

TEST_CASE("of the ready kernels, the one that shares most runs next; ties keep their order") {
  ToyGraph g;
  const ValueId small = g.input("small", {8, 8});
  const ValueId large = g.input("large", {64, 64});
  const ValueId a = g(g.ops.anchor, "a", {small, large});
  const ValueId b = g(g.ops.anchor, "b", {small});
  const ValueId c = g(g.ops.anchor, "c", {small});
  const ValueId d = g(g.ops.anchor, "d", {large});
  g.graph.outputs = {a, b, c, d};
  CHECK(ordered(g.graph) == "a d b c");
}

TEST_CASE("kernels that wait for each other are a bug") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 4});
  const ValueId p = g.parameter("p", {4, 4});
  const ValueId u = g(g.ops.update, "u", {p, g(g.ops.anchor, "dw", {x})});
  g.graph.outputs = {g(g.ops.anchor, "both", {u, p}), u};
  CHECK_THROWS_AS(order_kernels(g.graph, group_kernels(g.graph, Layout::row_major)), InternalError);
}

TEST_CASE("the training step of the MNIST network runs in the order that was measured to be best") {
  const Graph graph = test::training_graph(test::mnist_forward(64));
  REQUIRE_THAT(verify(graph), Catch::Equals(""));
  const Plan plan = make_plan(graph, {Layout::batch_innermost, ParameterStorage::state});
  INFO(print(graph));
  INFO(print(plan));
  CHECK_THAT(verify(plan), Catch::Equals(""));
  const std::vector<std::string> expected = {
      "conv1_pool1_relu1",
      "conv2_pool2_relu2",
      "fc1_relu3",
      "fc2_relu4",
      "fc3",
      "loss",
      "loss_grad_input",
      "fc3_grad_input_relu4_grad_input",
      "fc3_grad_weight_fc3_weight_update",
      "fc3_grad_bias_fc3_bias_update",
      "fc2_grad_input_relu3_grad_input",
      "fc2_grad_weight_fc2_weight_update",
      "fc2_grad_bias_fc2_bias_update",
      "fc1_grad_input_relu2_grad_input",
      "fc1_grad_weight_fc1_weight_update",
      "fc1_grad_bias_fc1_bias_update",
      "pool2_grad_input_conv2_grad_input_relu1_grad_input",
      "pool1_grad_input_conv1_grad_weight_conv1_weight_update",
      "conv1_grad_bias_conv1_bias_update",
      "pool2_grad_input_2_conv2_grad_weight_conv2_weight_update",
      "conv2_grad_bias_conv2_bias_update",
  };
  std::vector<std::string> found;
  found.reserve(plan.kernels.size());
  for (const Kernel& kernel : plan.kernels) found.push_back(kernel.name);
  CHECK(found == expected);
}

}  // namespace cnnc
