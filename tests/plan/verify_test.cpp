// The verifier finds what is wrong with plans that were broken on purpose.
#include <catch2/catch.hpp>

#include "tests/plan/toy.h"

namespace cnnc {
using test::ToyGraph;

namespace {

// a -> b -> c, all in the workspace but c; then an update of p that dx reads before.
Plan sound() {
  ToyGraph g;
  const ValueId x = g.input("x", {4, 16});
  const ValueId p = g.parameter("p", {4, 16});
  const ValueId a = g(g.ops.anchor, "a", {x, p});
  const ValueId b = g(g.ops.anchor, "b", {a});
  const ValueId c = g(g.ops.anchor, "c", {b, a});
  const ValueId dx = g(g.ops.anchor, "dx", {c, p});
  const ValueId dw = g(g.ops.anchor, "dw", {c});
  g.graph.outputs = {dx, g(g.ops.update, "u", {p, dw})};
  return make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::state});
}

Placement& place(Plan& plan, const std::string& name) {
  for (size_t id = 0; id < plan.graph.values.size(); ++id) {
    if (plan.graph.values[id].name == name) return plan.placements[id];
  }
  throw std::logic_error(name);
}

int32_t kernel(const Plan& plan, const std::string& name) {
  for (size_t k = 0; k < plan.kernels.size(); ++k) {
    if (plan.kernels[k].name == name) return static_cast<int32_t>(k);
  }
  throw std::logic_error(name);
}

void check_found(const Plan& plan, const std::string& what) {
  CHECK_THAT(verify(plan), Catch::Contains(what));
}

}  // namespace

TEST_CASE("a sound plan has no problems") { CHECK_THAT(verify(sound()), Catch::Equals("")); }

TEST_CASE("verify finds two live buffers in one place") {
  Plan plan = sound();
  place(plan, "b").offset = place(plan, "a").offset;
  check_found(plan, "b writes %b over its input %a");
}

TEST_CASE("verify finds a buffer that is overwritten before its last reader") {
  Plan plan = sound();
  const int64_t offset = place(plan, "a").offset;
  plan.workspace_bytes += 4096;
  place(plan, "a").offset = plan.workspace_bytes - 256;
  place(plan, "b").offset = plan.workspace_bytes - 256 - 128 + 64;  // not the same, but overlapping
  check_found(plan, "over its input %a");
  place(plan, "b").offset = offset;
  CHECK_THAT(verify(plan), Catch::Equals(""));
}

TEST_CASE("verify finds a reader before its writer") {
  Plan plan = sound();
  std::swap(plan.kernels[kernel(plan, "a")], plan.kernels[kernel(plan, "b")]);
  check_found(plan, "b reads %a, which is not there");
}

TEST_CASE("verify finds an update before a reader of the old value") {
  Plan plan = sound();
  std::swap(plan.kernels[kernel(plan, "dx")], plan.kernels[kernel(plan, "dw_u")]);
  check_found(plan, "dx reads %p, which is not there");
}

TEST_CASE("verify finds an update and a reader of the old value in one kernel") {
  Plan plan = sound();
  const Kernel dx = plan.kernels[kernel(plan, "dx")];
  plan.kernels.erase(plan.kernels.begin() + kernel(plan, "dx"));
  Kernel& joined = plan.kernels[kernel(plan, "dw_u")];
  joined.nodes.insert(joined.nodes.begin(), dx.nodes.begin(), dx.nodes.end());
  joined.outputs.insert(joined.outputs.begin(), dx.outputs.begin(), dx.outputs.end());
  check_found(plan, "writes %u over its input %p");
}

TEST_CASE("verify finds a missing kernel, input, output and node") {
  Plan plan = sound();
  plan.kernels.erase(plan.kernels.begin() + kernel(plan, "b"));
  check_found(plan, "b is in no kernel");

  plan = sound();
  plan.kernels[kernel(plan, "dx")].inputs.pop_back();
  check_found(plan, "dx reads %p, which is no input");

  plan = sound();
  plan.kernels[kernel(plan, "dx")].outputs.clear();
  check_found(plan, "the output %dx is not in its place at the end");

  plan = sound();
  plan.kernels[kernel(plan, "dw_u")].outputs.clear();
  check_found(plan, "updates %u but does not say so");

  plan = sound();
  plan.kernels.push_back(plan.kernels.back());
  check_found(plan, "is in two kernels");
}

TEST_CASE("verify finds wrong offsets, sizes and regions") {
  Plan plan = sound();
  place(plan, "a").offset += 4;
  check_found(plan, "%a is not aligned");

  plan = sound();
  place(plan, "a").offset = plan.workspace_bytes;
  check_found(plan, "%a lies beyond the end of its region");

  plan = sound();
  place(plan, "a").bytes = 64;
  check_found(plan, "%a has another size");

  plan = sound();
  place(plan, "a").region = Region::inside;
  check_found(plan, "b reads %a, which has no memory");

  plan = sound();
  place(plan, "b").region = Region::constant;
  place(plan, "b").offset = 0;
  check_found(plan, "b writes %b where it must not");

  plan = sound();
  place(plan, "dx").region = Region::workspace;
  check_found(plan, "the output %dx is not in the caller's memory");
}

TEST_CASE("verify finds a view that is not its input's memory") {
  ToyGraph g;
  const ValueId a = g(g.ops.anchor, "a", {g.input("x", {4, 2, 3, 3})});
  const ValueId v = g(g.ops.flatten, "v", {a});
  g.graph.outputs = {g(g.ops.anchor, "b", {v})};
  Plan plan = make_plan(g.graph, {Layout::batch_innermost, ParameterStorage::state});
  CHECK_THAT(verify(plan), Catch::Equals(""));
  place(plan, "v").layout = Layout::row_major;
  check_found(plan, "the view %v is not its input's memory");
}

}  // namespace cnnc
