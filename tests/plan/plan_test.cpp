#include <catch2/catch.hpp>

#include <random>

#include "tests/plan/toy.h"

namespace cnnc {
using test::names;
using test::ToyGraph;

TEST_CASE("inputs, outputs, parameters and intermediates get their regions") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 3, 8, 8});
  const ValueId w = g.parameter("w", {5});
  const ValueId b = g.parameter("b", {20});
  const ValueId a = g(g.ops.anchor, "a", {x, w});
  const ValueId c = g(g.ops.anchor, "c", {a, b});
  const ValueId d = g(g.ops.unary, "d", {c});
  g.graph.outputs = {d};

  const Plan trained = make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::state});
  CHECK_THAT(verify(trained), Catch::Equals(""));
  CHECK(trained.placements[x].region == Region::input);
  CHECK(trained.placements[x].layout == Layout::row_major);
  CHECK(trained.placements[w].region == Region::state);
  CHECK(trained.placements[b].offset == 64);
  CHECK(trained.state_bytes == 64 + 128);
  CHECK(trained.placements[a].region == Region::workspace);
  CHECK(trained.placements[a].layout == Layout::batch_innermost);
  CHECK(trained.placements[c].region == Region::inside);
  CHECK(trained.placements[d].region == Region::output);
  CHECK(trained.placements[d].layout == Layout::row_major);
  // One pixel more between channels: 1024 bytes lie in few sets of a cache.
  CHECK(trained.workspace_bytes == 4 * 3 * (8 * 8 + 1) * 4 + 16);

  const Plan fixed = make_plan(g.graph, {Layout::channels_last, ParameterStorage::constant});
  CHECK_THAT(verify(fixed), Catch::Equals(""));
  CHECK(fixed.placements[b].region == Region::constant);
  CHECK(fixed.state_bytes == 0);
  CHECK(fixed.placements[a].layout == Layout::channels_last);
}

TEST_CASE("an updated parameter is no output of the caller's") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 4});
  const ValueId p = g.parameter("p", {4, 4});
  const ValueId s = g.graph.add_state("s", Type{DType::f32, {4, 4}});
  const ValueId u = g(g.ops.update, "u", {p, g(g.ops.anchor, "dw", {x, s})});
  const ValueId loss = g(g.ops.total, "loss", {x});
  g.graph.outputs = {u, loss};
  const Plan plan = make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::state});
  CHECK_THAT(verify(plan), Catch::Equals(""));
  CHECK(plan.outputs == std::vector<ValueId>{loss});
  CHECK(plan.placements[loss].index == 0);
  CHECK(plan.placements[u].region == Region::state);
  CHECK(plan.placements[u].offset == plan.placements[p].offset);
  CHECK(plan.placements[s].offset == 64);
  CHECK(plan.workspace_bytes == 0);
}

TEST_CASE("an output that others read, and a view of it, are the caller's memory") {
  ToyGraph g;
  const ValueId a = g(g.ops.anchor, "a", {g.input("x", {4, 2, 3, 3})});
  const ValueId v = g(g.ops.flatten, "v", {a});
  const ValueId b = g(g.ops.anchor, "b", {v});
  g.graph.outputs = {a, b};
  const Plan plan = make_plan(g.graph, {Layout::row_major, ParameterStorage::constant});
  CHECK_THAT(verify(plan), Catch::Equals(""));
  CHECK(plan.placements[v].region == Region::output);
  CHECK(plan.kernels.size() == 2);
}

TEST_CASE("what is no result of its own is copied to the caller") {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 4});
  const ValueId p = g.parameter("p", {4});
  const ValueId y = g(g.ops.unary, "y", {x});
  g.graph.outputs = {x, y, y, p};
  const Plan plan = make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::state});
  CHECK_THAT(verify(plan), Catch::Equals(""));
  CHECK(names(plan.kernels) == "y x_copy y_copy p_copy");
  CHECK(plan.outputs.size() == 4);
  for (ValueId id : plan.outputs) CHECK(plan.placements[id].region == Region::output);
}

TEST_CASE("a plan prints") {
  ToyGraph g;
  const ValueId conv = g(g.ops.anchor, "conv", {g.input("x", {4, 3, 8, 8}), g.parameter("w", {3})});
  const std::vector<ValueId> pool = g.all(g.ops.pool, "pool", {conv});
  const ValueId flat = g(g.ops.flatten, "flat", {pool[0]});
  g.graph.outputs = {g(g.ops.anchor, "fc", {flat})};
  const Plan plan = make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::constant});
  CHECK(print(plan) ==
        R"(plan toy: 2 kernels
    0  conv_pool: Anchor > Pool, 0 flop, 3852 bytes
        in  %x                            f32[4, 3, 8, 8]        input 0
        in  %w                            f32[3]                 constant 0
        out %pool                         f32[4, 3, 4, 4]        workspace+0         batch_innermost
    1  fc: Anchor, 0 flop, 1536 bytes
        in  %flat                         f32[4, 48]             workspace+0         batch_innermost
        out %fc                           f32[4, 48]             output 0
workspace: packed 768 bytes, lower bound 768 bytes (the least possible)
      offset       bytes  01  value
           0         768  ##  %pool
  kernel  live bytes
       0         768  ============================================================
       1         768  ============================================================
state: 0 bytes
)");
}

TEST_CASE("plans of random graphs are sound in every layout") {
  const uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return random() % n; };
  for (int round = 0; round < 200; ++round) {
    ToyGraph g;
    std::vector<ValueId> images = {g.input("x", {4, 3, 8, 8}), g.input("y", {4, 3, 8, 8})};
    std::vector<ValueId> small;    // [4, 3, 4, 4]
    std::vector<ValueId> indices;  // u8[4, 3, 4, 4]
    std::vector<ValueId> flats;
    std::vector<ValueId> parameters;
    const size_t count = 2 + below(25);
    for (size_t i = 0; i < count; ++i) {
      const std::string name = "n" + std::to_string(i);
      const ValueId image = images[below(images.size())];
      switch (below(8)) {
        case 0:
          images.push_back(g(g.ops.anchor, name, {image}));
          break;
        case 1:
          images.push_back(g(g.ops.unary, name, {image}));
          break;
        case 2:
          images.push_back(g(g.ops.binary, name, {image, images.back()}));
          break;
        case 3: {
          const std::vector<ValueId> pool = g.all(g.ops.pool, name, {image});
          small.push_back(pool[0]);
          indices.push_back(pool[1]);
          break;
        }
        case 4:
          if (small.empty()) break;
          images.push_back(g(g.ops.gather, name, {small[below(small.size())], indices.back()}));
          break;
        case 5:
          images.push_back(g(g.ops.staging, name, {images.back(), image}));
          break;
        case 6:
          flats.push_back(g(g.ops.flatten, name, {image}));
          break;
        default: {
          parameters.push_back(g.parameter(name + ".p", {4, 3, 8, 8}));
          images.push_back(g(g.ops.anchor, name, {image, parameters.back()}));
          break;
        }
      }
      if (!flats.empty() && below(3) == 0) {
        flats.push_back(g(g.ops.anchor, name + "f", {flats[below(flats.size())]}));
      }
    }
    for (ValueId p : parameters) {
      const ValueId u =
          g(g.ops.update, g.graph.values[p].name + ".u", {p, images[below(images.size())]});
      g.graph.outputs.push_back(u);
    }
    for (const std::vector<ValueId>* list : {&images, &small, &flats}) {
      if (!list->empty() && g.graph.values[list->back()].kind == ValueKind::result) {
        g.graph.outputs.push_back(list->back());
      }
    }
    REQUIRE_THAT(verify(g.graph), Catch::Equals(""));
    for (Layout layout : {Layout::row_major, Layout::batch_innermost, Layout::channels_last}) {
      const Plan plan = make_plan(g.graph, {layout, ParameterStorage::state});
      INFO(print(g.graph) << print(plan));
      REQUIRE_THAT(verify(plan), Catch::Equals(""));
    }
  }
}

}  // namespace cnnc
