#include <catch2/catch.hpp>

#include "compiler/plan/memory.h"
#include "tests/plan/toy.h"

namespace cnnc {
using test::ToyGraph;

TEST_CASE("strides of each layout") {
  const Shape image = {2, 3, 5, 7};
  CHECK(strides(image, Layout::row_major) == std::vector<int64_t>{105, 35, 7, 1});
  CHECK(strides(image, Layout::batch_innermost) == std::vector<int64_t>{1, 70, 14, 2});
  CHECK(strides(image, Layout::channels_last) == std::vector<int64_t>{105, 1, 21, 3});
  CHECK(strides({2, 3}, Layout::batch_innermost) == std::vector<int64_t>{1, 2});
  CHECK(strides({2, 3}, Layout::channels_last) == std::vector<int64_t>{3, 1});
  CHECK(strides({4}, Layout::batch_innermost) == std::vector<int64_t>{1});
  CHECK(strides({}, Layout::channels_last).empty());
}

TEST_CASE("channels that would share few sets of a cache lie a pixel further apart") {
  const Layout layout = Layout::batch_innermost;
  CHECK(strides({16, 3, 8, 8}, layout) == std::vector<int64_t>{1, 1040, 128, 16});
  CHECK(strides({64, 32, 14, 14}, layout) == std::vector<int64_t>{1, 12608, 896, 64});
  CHECK(strides({64, 64, 7, 7}, layout) == std::vector<int64_t>{1, 3136, 448, 64});
  CHECK(strides({16, 1, 8, 8}, layout) == std::vector<int64_t>{1, 1024, 128, 16});  // one channel
  CHECK(storage_bytes({DType::f32, {16, 3, 8, 8}}, layout) == 4 * 3 * 1040);
  CHECK(storage_bytes({DType::u8, {16, 3, 8, 8}}, layout) == 3 * 1040);
  CHECK(storage_bytes({DType::f32, {16, 3, 8, 8}}, Layout::row_major) == 4 * 3 * 1024);
}

TEST_CASE("sequences and volumes lie as images do") {
  for (const Layout layout : {Layout::batch_innermost, Layout::channels_last}) {
    for (const int64_t channels : {3, 512}) {
      CHECK(same_order({16, channels, 64}, layout, {16, channels, 1, 64}, layout));
      CHECK(same_order({16, channels, 4, 8, 2}, layout, {16, channels, 4, 16}, layout));
    }
  }
}

TEST_CASE("pixels that would begin in one set of a cache lie a line further apart") {
  const Layout layout = Layout::channels_last;
  CHECK(strides({1, 512, 14, 14}, layout) == std::vector<int64_t>{103488, 1, 7392, 528});
  CHECK(strides({2, 1024, 7, 7}, layout) == std::vector<int64_t>{50960, 1, 7280, 1040});
  CHECK(strides({1, 256, 14, 14}, layout) == std::vector<int64_t>{50176, 1, 3584, 256});
  CHECK(strides({1, 512, 1, 1}, layout) == std::vector<int64_t>{512, 1, 512, 512});
  CHECK(strides({4, 512}, layout) == std::vector<int64_t>{512, 1});
  CHECK(storage_bytes({DType::f32, {1, 512, 14, 14}}, layout) == 4 * 103488);
}

namespace {

// Whether a flatten in the middle of a network is free.
bool flatten_is_free(const Shape& shape, Layout layout) {
  ToyGraph g;
  const ValueId a = g(g.ops.unary, "a", {g.input("x", shape)});
  const ValueId v = g(g.ops.flatten, "v", {a});
  g.graph.outputs = {g(g.ops.unary, "b", {v})};
  return is_free_view(g.graph, g.graph.nodes[1], layout);
}

}  // namespace

TEST_CASE("a flatten is free where the elements keep their order") {
  const Shape image = {4, 3, 5, 7};
  CHECK(flatten_is_free(image, Layout::row_major));
  CHECK(flatten_is_free(image, Layout::batch_innermost));
  CHECK_FALSE(flatten_is_free(image, Layout::channels_last));
  CHECK(flatten_is_free({4, 1, 5, 7}, Layout::channels_last));
  CHECK(flatten_is_free({4, 3, 1, 1}, Layout::channels_last));
  CHECK(flatten_is_free({1, 3, 5, 7}, Layout::batch_innermost));
}

TEST_CASE("a view between the caller's layout and another is a copy") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 3, 5, 7});
  const ValueId v = g(g.ops.flatten, "v", {x});
  g.graph.outputs = {g(g.ops.unary, "y", {v})};
  const Node& view = g.graph.nodes[0];
  CHECK(is_free_view(g.graph, view, Layout::row_major));
  CHECK_FALSE(is_free_view(g.graph, view, Layout::batch_innermost));
  CHECK(is_free_view(g.graph, view, Layout::channels_last));  // [N, F] is row-major there
}

TEST_CASE("views of parameters are free, and so are those of inputs without vectors of the batch") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 3, 5, 7});
  const ValueId p = g.parameter("p", {4, 3, 5, 7});
  const ValueId of_input = g(g.ops.flatten, "of_input", {x});
  const ValueId of_parameter = g(g.ops.flatten, "of_parameter", {p});
  g.graph.outputs = {g(g.ops.binary, "y", {of_input, of_parameter})};
  for (const Layout layout : {Layout::batch_innermost, Layout::channels_last}) {
    CHECK(is_free_view(g.graph, g.graph.nodes[1], layout));
    CHECK(is_free_view(g.graph, g.graph.nodes[0], layout) == (layout == Layout::channels_last));
    CHECK(storage_of(g.graph, of_parameter, layout) == p);
  }
}

TEST_CASE("a view that is the graph's output has memory of its own") {
  ToyGraph g;
  const ValueId a = g(g.ops.unary, "a", {g.input("x", {4, 3, 5, 7})});
  g.graph.outputs = {g(g.ops.flatten, "v", {a})};
  CHECK_FALSE(is_free_view(g.graph, g.graph.nodes[1], Layout::row_major));
}

TEST_CASE("storage_of looks through views and updates") {
  ToyGraph g;
  const ValueId a = g(g.ops.anchor, "a", {g.input("x", {4, 2, 2, 2})});
  const ValueId v = g(g.ops.flatten, "v", {a});
  const ValueId b = g(g.ops.anchor, "b", {v});
  const ValueId p = g.parameter("p", {4, 8});
  const ValueId updated = g(g.ops.update, "u", {p, b});
  g.graph.outputs = {updated};
  CHECK(storage_of(g.graph, v, Layout::batch_innermost) == a);
  CHECK(storage_of(g.graph, b, Layout::batch_innermost) == b);
  CHECK(storage_of(g.graph, updated, Layout::batch_innermost) == p);
}

TEST_CASE("gradients on their way into a parameter have the parameter's layout") {
  ToyGraph g;
  const ValueId x = g.input("x", {8, 4});
  const ValueId p = g.parameter("p", {8, 4});
  const ValueId g1 = g(g.ops.anchor, "g1", {x});
  const ValueId g2 = g(g.ops.anchor, "g2", {x});
  const ValueId sum = g(g.ops.binary, "sum", {g1, g2});
  g.graph.outputs = {g(g.ops.update, "u", {p, sum})};
  const Plan plan = make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::state});
  CHECK(plan.placements[g2].region == Region::workspace);
  CHECK(plan.placements[g2].layout == Layout::row_major);
  CHECK_THAT(verify(plan), Catch::Equals(""));
}

}  // namespace cnnc
