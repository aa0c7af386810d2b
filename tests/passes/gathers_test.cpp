// sum_before_spreading and clone_cheap_gathers.
#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::check_same;
using test::formulas;
using test::Sketch;

namespace {

// conv1 -> conv2 -> pool, and the gradients of all parameters but conv1's bias.
struct Pooled {
  Graph graph;
  std::vector<ValueId> gradients;
};

Pooled pooled() {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const ValueId pool = s.pool("pool", s.conv("conv2", 2, s.conv("conv1", 2, x)))[0];
  const ValueId gradient = s.input("gradient", {2, 2, 4, 4});
  std::vector<ValueId> wrt = s.parameters();
  wrt.erase(wrt.begin() + 1);
  Gradients gradients = *differentiate(s.graph, {pool}, {gradient}, wrt);
  gradients.graph.outputs = gradients.of;
  return {eliminate_dead(std::move(gradients.graph)), gradients.of};
}

const char* const kForward =
    "conv1 = Conv2d(x, conv1.weight, conv1.bias)\n"
    "conv2 = Conv2d(conv1, conv2.weight, conv2.bias)\n"
    "pool, pool.index = MaxPool2d(conv2)\n";

}  // namespace

TEST_CASE("a bias gradient is summed before the pool's gradient is spread") {
  const Pooled before = pooled();
  const Graph after = sum_before_spreading(before.graph);
  CHECK(formulas(after) ==
        kForward + std::string("pool.grad_input = MaxPool2dGrad(gradient, pool.index)\n"
                               "conv2.grad_input = Conv2dInputGrad(pool.grad_input, conv2.weight)\n"
                               "conv2.grad_weight = Conv2dWeightGrad(pool.grad_input, conv1)\n"
                               "conv2.grad_bias = ChannelSum(gradient)\n"
                               "conv1.grad_weight = Conv2dWeightGrad(conv2.grad_input, x)\n"));
  check_same(before.graph, after);
}

TEST_CASE("a cheap gather is cloned for the anchors that stage it") {
  const Pooled before = pooled();
  const Graph after = clone_cheap_gathers(sum_before_spreading(before.graph));
  CHECK(formulas(after) ==
        kForward + std::string("pool.grad_input = MaxPool2dGrad(gradient, pool.index)\n"
                               "conv2.grad_input = Conv2dInputGrad(pool.grad_input, conv2.weight)\n"
                               "pool.grad_input.2 = MaxPool2dGrad(gradient, pool.index)\n"
                               "conv2.grad_weight = Conv2dWeightGrad(pool.grad_input.2, conv1)\n"
                               "conv2.grad_bias = ChannelSum(gradient)\n"
                               "conv1.grad_weight = Conv2dWeightGrad(conv2.grad_input, x)\n"));
  check_same(before.graph, after);
}

TEST_CASE("a gather that others read too, or that is an output, is not cloned") {
  const Pooled before = pooled();
  CHECK(print(clone_cheap_gathers(before.graph)) == print(before.graph));  // a ChannelSum reads it
  Graph summed = sum_before_spreading(before.graph);
  for (const Node& node : summed.nodes) {
    if (node.has(kCheapGather)) summed.outputs.push_back(node.outputs[0]);
  }
  CHECK(print(clone_cheap_gathers(summed)) == print(summed));
}

TEST_CASE("the gradient of a pool whose windows overlap is neither cloned nor summed late") {
  Sketch s;
  Attrs attrs;
  attrs.set("kernel_size", std::vector<int64_t>{3, 3});
  attrs.set("stride", std::vector<int64_t>{1, 1});
  attrs.set("padding", std::vector<int64_t>{1, 1, 1, 1});
  const ValueId conv = s.conv("conv", 2, s.conv("first", 2, s.input("x", {2, 1, 5, 5})));
  const ValueId pool = s.layer("MaxPool2d", "pool", attrs, {conv});
  const ValueId gradient = s.graph.add_input("gradient", s.graph.type(pool));
  Gradients gradients = *differentiate(s.graph, {pool}, {gradient}, s.parameters());
  gradients.graph.outputs = gradients.of;
  const Graph summed = sum_before_spreading(gradients.graph);
  check_same(gradients.graph, summed);
  CHECK(formulas(summed).find("conv.grad_bias = ChannelSum(gradient)") != std::string::npos);
  CHECK(print(clone_cheap_gathers(summed)) == print(summed));
}

}  // namespace cnnc
