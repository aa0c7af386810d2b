// move_monotone_below_maximum and move_elementwise_above_views.
#include "compiler/passes/passes.h"
#include "tests/passes/evaluate.h"

namespace cnnc {
using test::check_same;
using test::formulas;
using test::Sketch;

TEST_CASE("relu moves below a pool; readers and outputs see the same value") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const std::vector<ValueId> pool = s.pool("pool", s.relu("relu", s.conv("conv", 2, x)));
  s.graph.outputs = {pool[0], s.conv("next", 2, pool[0])};
  const Graph after = move_monotone_below_maximum(s.graph);
  CHECK(formulas(after) ==
        "conv = Conv2d(x, conv.weight, conv.bias)\n"
        "pool, pool.index = MaxPool2d(conv)\n"
        "relu = ReLU(pool)\n"
        "next = Conv2d(relu, next.weight, next.bias)\n");
  CHECK(after.outputs == s.graph.outputs);
  check_same(s.graph, after);
}

TEST_CASE("chains of monotone nodes move below chains of pools") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  ValueId v = s.relu("relu2", s.relu("relu1", s.conv("conv", 2, x)));
  v = s.pool("pool2", s.pool("pool1", v)[0])[0];
  s.graph.outputs = {v};
  const Graph after = move_monotone_below_maximum(s.graph);
  CHECK(formulas(after) ==
        "conv = Conv2d(x, conv.weight, conv.bias)\n"
        "pool1, pool1.index = MaxPool2d(conv)\n"
        "pool2, pool2.index = MaxPool2d(pool1)\n"
        "relu1 = ReLU(pool2)\n"
        "relu2 = ReLU(relu1)\n");
  check_same(s.graph, after);
}

TEST_CASE("relu stays where somebody else reads it") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const ValueId relu = s.relu("relu", s.conv("conv", 2, x));
  const ValueId pool = s.pool("pool", relu)[0];
  SECTION("a node") {
    s.graph.outputs = {pool, s.conv("other", 1, relu)};
    CHECK(print(move_monotone_below_maximum(s.graph)) == print(s.graph));
  }
  SECTION("the caller") {
    s.graph.outputs = {pool, relu};
    CHECK(print(move_monotone_below_maximum(s.graph)) == print(s.graph));
  }
}

TEST_CASE("elementwise nodes move above a flatten") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const ValueId flat = s.flatten("flat", s.pool("pool", s.conv("conv", 2, x))[0]);
  const ValueId relu = s.relu("relu2", s.relu("relu1", flat));
  s.graph.outputs = {s.linear("fc", 3, relu), relu};
  const Graph after = move_elementwise_above_views(s.graph);
  CHECK(formulas(after) ==
        "conv = Conv2d(x, conv.weight, conv.bias)\n"
        "pool, pool.index = MaxPool2d(conv)\n"
        "relu1 = ReLU(pool)\n"
        "relu2 = ReLU(relu1)\n"
        "flat = Flatten(relu2)\n"
        "fc = Linear(flat, fc.weight, fc.bias)\n");
  check_same(s.graph, after);
}

TEST_CASE("a dropout moves above a flatten with its seed and drops the same elements") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const ValueId seed = s.input("seed", {1}, DType::i32);
  const ValueId flat = s.flatten("flat", s.conv("conv", 2, x));
  s.graph.outputs = {s.layer("Dropout", "drop", {}, {flat, seed})};
  const Graph after = move_elementwise_above_views(s.graph);
  CHECK(formulas(after) ==
        "conv = Conv2d(x, conv.weight, conv.bias)\n"
        "drop = Dropout(conv, seed)\n"
        "flat = Flatten(drop)\n");
  check_same(s.graph, after);
}

TEST_CASE("a sum of two flattened values is taken before they are flattened") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 4, 4});
  const ValueId a = s.conv("a", 2, x);
  const ValueId b = s.conv("b", 2, x);
  s.graph.outputs = {s.add("sum", s.flatten("fa", a), s.flatten("fb", b))};
  const Graph after = eliminate_dead(move_elementwise_above_views(s.graph));
  CHECK(formulas(after) ==
        "a = Conv2d(x, a.weight, a.bias)\n"
        "b = Conv2d(x, b.weight, b.bias)\n"
        "sum = Add(a, b)\n"
        "fa = Flatten(sum)\n");
  check_same(s.graph, after);
}

TEST_CASE("nothing moves that needs a view that is not there, or that others read") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 4, 4});
  const ValueId conv = s.conv("conv", 2, x);
  const ValueId flat = s.flatten("flat", conv);
  SECTION("the sum's other input has no image's shape") {
    const ValueId fc = s.linear("fc", 32, s.input("y", {2, 5}));
    s.graph.outputs = {s.add("sum", flat, fc)};
    CHECK(print(move_elementwise_above_views(s.graph)) == print(s.graph));
  }
  SECTION("the view is read twice") {
    s.graph.outputs = {s.relu("relu", flat), s.linear("fc", 3, flat)};
    CHECK(print(move_elementwise_above_views(s.graph)) == print(s.graph));
  }
  SECTION("what is viewed is read twice") {
    s.graph.outputs = {s.relu("relu", flat), conv};
    CHECK(print(move_elementwise_above_views(s.graph)) == print(s.graph));
  }
  SECTION("a constant per channel means another thing there") {
    Attrs attrs;
    attrs.set("mean", std::vector<double>(32, 0.5));
    attrs.set("std", std::vector<double>{2});
    s.graph.outputs = {s.layer("Normalize", "norm", attrs, {flat})};
    CHECK(print(move_elementwise_above_views(s.graph)) == print(s.graph));
  }
}

TEST_CASE("a relu's gradient moves above a view and reads the view that is there") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 8, 8});
  const ValueId relu = s.relu("relu", s.pool("pool", s.conv("conv", 2, x))[0]);
  const ValueId scores = s.linear("fc", 3, s.flatten("flat", relu));
  const ValueId loss = s.loss(scores);
  Gradients gradients = *differentiate(s.graph, loss, s.parameters());
  gradients.graph.outputs = gradients.of;
  const Graph after = eliminate_dead(move_elementwise_above_views(gradients.graph));
  CHECK(formulas(after) ==
        "conv = Conv2d(x, conv.weight, conv.bias)\n"
        "pool, pool.index = MaxPool2d(conv)\n"
        "relu = ReLU(pool)\n"
        "flat = Flatten(relu)\n"
        "fc = Linear(flat, fc.weight, fc.bias)\n"
        "loss.grad_input = CrossEntropyLossGrad(fc, labels, none)\n"
        "fc.grad_input = LinearInputGrad(loss.grad_input, fc.weight)\n"
        "fc.grad_weight = LinearWeightGrad(loss.grad_input, flat)\n"
        "fc.grad_bias = ChannelSum(loss.grad_input)\n"
        "relu.grad_input = ReLUGrad(fc.grad_input, flat)\n"
        "flat.grad_input = View(relu.grad_input)\n"
        "pool.grad_input = MaxPool2dGrad(flat.grad_input, pool.index)\n"
        "conv.grad_weight = Conv2dWeightGrad(pool.grad_input, x)\n"
        "conv.grad_bias = ChannelSum(pool.grad_input)\n");
  check_same(gradients.graph, after);
}

TEST_CASE("two views between which a sum could be sent to and fro come to rest") {
  Sketch s;
  const ValueId x = s.input("x", {2, 1, 4, 4});
  const ValueId a = s.flatten("fa", s.conv("a", 1, x));
  Attrs attrs;
  attrs.set("unflattened_size", std::vector<int64_t>{1, 4, 4});
  const ValueId b = s.node("Unflatten", "ub", attrs, {s.linear("b", 16, a)})[0];
  const ValueId c = s.node("Unflatten", "uc", attrs, {s.linear("c", 16, a)})[0];
  const ValueId sum = s.add("sum", s.add("inner", b, s.conv("d", 1, x)), c);
  s.graph.outputs = {s.relu("relu", sum)};
  check_same(s.graph, move_elementwise_above_views(s.graph));
}

}  // namespace cnnc
