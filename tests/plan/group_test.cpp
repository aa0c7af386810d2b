#include <catch2/catch.hpp>

#include <cctype>
#include <set>

#include "tests/plan/toy.h"

namespace cnnc {
using test::describe;
using test::ToyGraph;

namespace {

std::string grouped(const ToyGraph& g, Layout layout = Layout::batch_innermost) {
  return describe(g.graph, group_kernels(g.graph, layout));
}

}  // namespace

TEST_CASE("elementwise nodes and one window join an anchor") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 3, 8, 8});
  const ValueId w = g.parameter("w", {3});
  const ValueId conv = g(g.ops.anchor, "conv", {x, w});
  const ValueId pool = g(g.ops.pool, "pool", {conv});
  g.graph.outputs = {g(g.ops.unary, "relu", {pool})};
  CHECK(grouped(g) == "conv+pool+relu(x, w -> relu)");
  const std::vector<Kernel> kernels = group_kernels(g.graph, Layout::row_major);
  CHECK(kernels[0].anchor == 0);
  CHECK(kernels[0].name == "conv_pool_relu");
  CHECK(kernels[0].bytes == 4 * (4 * 3 * 8 * 8 + 3 + 4 * 3 * 4 * 4));
}

TEST_CASE("a second window begins a kernel") {
  ToyGraph g;
  const ValueId conv = g(g.ops.anchor, "conv", {g.input("x", {4, 3, 8, 8})});
  const ValueId pool = g(g.ops.pool, "pool", {conv});
  g.graph.outputs = {g(g.ops.pool, "again", {pool})};
  CHECK(grouped(g) == "conv+pool(x -> pool); again(pool -> again)");
}

TEST_CASE("a window without an anchor begins a kernel that elementwise nodes join") {
  ToyGraph g;
  const ValueId a = g(g.ops.unary, "a", {g.input("x", {4, 3, 8, 8})});
  const ValueId pool = g(g.ops.pool, "pool", {a});
  g.graph.outputs = {g(g.ops.unary, "relu", {pool})};
  CHECK(grouped(g) == "a(x -> a); pool+relu(a -> relu)");
}

TEST_CASE("the index of a pool is an output of the kernel where it is read") {
  ToyGraph g;
  const ValueId conv = g(g.ops.anchor, "conv", {g.input("x", {4, 3, 8, 8})});
  const std::vector<ValueId> pool = g.all(g.ops.pool, "pool", {conv});
  const ValueId relu = g(g.ops.unary, "relu", {pool[0]});
  const ValueId back = g(g.ops.gather, "back", {g(g.ops.anchor, "dx", {relu}), pool[1]});
  g.graph.outputs = {g(g.ops.staging, "dy", {back})};
  CHECK(grouped(g) ==
        "conv+pool+relu(x -> pool.index, relu); dx(relu -> dx); back+dy(dx, pool.index -> dy)");
}

TEST_CASE("growth ends at a second reader and at an output of the graph") {
  ToyGraph g;
  const ValueId conv = g(g.ops.anchor, "conv", {g.input("x", {4, 3})});
  const ValueId a = g(g.ops.unary, "a", {conv});
  const ValueId b = g(g.ops.unary, "b", {a});
  const ValueId c = g(g.ops.unary, "c", {a});
  const ValueId d = g(g.ops.unary, "d", {c});
  g.graph.outputs = {b, c, d};
  CHECK(grouped(g) == "conv+a(x -> a); b(a -> b); c(a -> c); d(c -> d)");
}

TEST_CASE("a residual sum joins the branch that can wait for the other") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 3, 8, 8});
  const ValueId stem = g(g.ops.anchor, "stem", {x});
  const ValueId conv1 = g(g.ops.anchor, "conv1", {stem});
  const ValueId conv2 = g(g.ops.anchor, "conv2", {conv1});
  const ValueId sum = g(g.ops.binary, "sum", {conv2, stem});
  g.graph.outputs = {g(g.ops.unary, "relu", {sum})};
  CHECK(grouped(g) == "stem(x -> stem); conv1(stem -> conv1); conv2+sum+relu(conv1, stem -> relu)");
}

TEST_CASE("nothing joins that needs what runs after the kernel") {
  // left's only reader is the sum, but the sum needs right, which needs left's index.
  ToyGraph g;
  const ValueId conv = g(g.ops.anchor, "conv", {g.input("x", {4, 3, 8, 8})});
  const std::vector<ValueId> left = g.all(g.ops.pool, "left", {conv});
  const ValueId right = g(g.ops.anchor, "right", {left[1]});
  g.graph.outputs = {g(g.ops.binary, "sum", {left[0], right})};
  CHECK(grouped(g) == "conv+left(x -> left, left.index); right+sum(left.index, left -> sum)");
}

TEST_CASE("two kernels that would wait for each other are kept apart") {
  // a1 -> s1 <- i2 (of a2), a2 -> s2 <- i1 (of a1): s1 may join a1, then s2 cannot join a2.
  ToyGraph g;
  const ValueId x = g.input("x", {4, 3, 8, 8});
  const std::vector<ValueId> a1 = g.all(g.ops.pool, "a1", {x});
  const std::vector<ValueId> a2 = g.all(g.ops.pool, "a2", {x});
  const ValueId s1 = g(g.ops.binary, "s1", {a1[0], a2[1]});
  const ValueId s2 = g(g.ops.binary, "s2", {a2[0], a1[1]});
  g.graph.outputs = {s1, s2};
  const std::vector<Kernel> kernels = group_kernels(g.graph, Layout::row_major);
  CHECK(describe(g.graph, kernels) ==
        "a2(x -> a2, a2.index); a1+s1(x, a2.index -> a1.index, s1); s2(a2, a1.index -> s2)");
}

TEST_CASE("a gather that two nodes read has memory") {
  ToyGraph g;
  const ValueId back = g(g.ops.gather, "back", {g.input("x", {4, 3, 4, 4})});
  g.graph.outputs = {g(g.ops.staging, "dx", {back}), g(g.ops.staging, "dw", {back})};
  CHECK(grouped(g) == "back(x -> back); dx(back -> dx); dw(back -> dw)");
}

TEST_CASE("a gather does not join an anchor that does not stage") {
  ToyGraph g;
  const ValueId back = g(g.ops.gather, "back", {g.input("x", {4, 3, 4, 4})});
  g.graph.outputs = {g(g.ops.anchor, "dx", {back})};
  CHECK(grouped(g) == "back(x -> back); dx(back -> dx)");
}

TEST_CASE("free views are in no kernel, others in one of their own") {
  ToyGraph g;
  const ValueId conv = g(g.ops.anchor, "conv", {g.input("x", {4, 3, 9, 8})});
  const ValueId view = g(g.ops.flatten, "view", {conv});
  g.graph.outputs = {g(g.ops.unary, "relu", {view})};
  CHECK(grouped(g) == "conv(x -> conv); relu(view -> relu)");
  CHECK(grouped(g, Layout::channels_last) ==
        "conv(x -> conv); view(conv -> view); relu(view -> relu)");
}

TEST_CASE("an update joins its gradient, but not across a reader of the old value") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 4});
  const ValueId p = g.parameter("p", {4, 4});
  const ValueId q = g.parameter("q", {4, 4});
  const ValueId dw = g(g.ops.anchor, "dw", {x});
  const ValueId odd = g(g.ops.anchor, "odd", {x, q});
  g.graph.outputs = {g(g.ops.update, "u", {p, dw}), g(g.ops.update, "v", {q, odd})};
  CHECK(grouped(g) == "dw+u(x, p -> u); odd(x, q -> odd); v(q, odd -> v)");
}

TEST_CASE("kernel names are unique C identifiers of bounded length") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 4});
  const std::string longest(80, 'a');
  for (const std::string name : {"1.conv", "1_conv", "grad of x", "ünlaut"}) {
    g.graph.outputs.push_back(g(g.ops.anchor, name, {x}));
  }
  for (int i = 0; i < 12; ++i) g.graph.outputs.push_back(g(g.ops.anchor, longest, {x}));
  std::set<std::string> seen;
  for (const Kernel& kernel : group_kernels(g.graph, Layout::row_major)) {
    INFO(kernel.name);
    CHECK(seen.insert(kernel.name).second);
    CHECK(kernel.name.size() <= 60);
    CHECK_FALSE(std::isdigit(kernel.name[0]));
    for (char c : kernel.name) CHECK((std::isalnum(static_cast<unsigned char>(c)) || c == '_'));
  }
}

}  // namespace cnnc
