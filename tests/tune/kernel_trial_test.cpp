#include "tools/tune/kernel_trial.h"

#include <catch2/catch.hpp>
#include <iostream>

#include "tools/tune/search.h"

namespace cnnc {
namespace {

constexpr uint64_t kSeed = 7;

Workload workload(const std::string& problem, Direction direction, const KernelTarget& target) {
  Result<Workload> result = Workload::convolution(*parse_problem(problem), direction, target);
  CNNC_CHECK(result.ok(), "no workload");
  return std::move(*result);
}

extern "C" int compute_nothing(const cnnc_context*) { return CNNC_OK; }
extern "C" int fail(const cnnc_context*) { return CNNC_MISALIGNED; }

Variant made_of(int (*function)(const cnnc_context*), const Params& params) {
  return {params, nullptr, reinterpret_cast<void*>(function)};
}

}  // namespace

TEST_CASE("a trial finds what is wrong with a variant") {
  const KernelTarget target = *parse_target("host");
  const Threads threads(1);
  const Workload conv = workload("mb2ic8ih10oc40kh3ph1", Direction::forward, target);
  KernelTrial trial(conv, 0, target, threads, kSeed);
  const Params rule = choose(trial.problem());
  REQUIRE(trial.set_reference(choose_generic(trial.problem())).empty());
  const std::optional<Variant> variant = trial.compile(rule);
  REQUIRE(variant.has_value());
  CHECK(trial.verify(*variant).empty());
  CHECK(trial.verify(made_of(compute_nothing, rule)).find("differs") != std::string::npos);
  CHECK(trial.verify(made_of(fail, rule)) == "a run-time check fails");
  Params impossible = rule;
  impossible.b = 16;
  CHECK_FALSE(trial.compile(impossible).has_value());
}

TEST_CASE("a kernel may need much scratch memory") {
  const KernelTarget target = *parse_target("host");
  const Threads threads(1);
  // The transforms of the weights' gradients alone have 36 * 512 * 512 elements.
  const std::string batch = std::to_string(target.machine.lanes);
  const Workload conv =
      workload("mb" + batch + "ic512ih7oc512kh3ph1", Direction::backward_weights, target);
  KernelTrial trial(conv, 0, target, threads, kSeed);
  const Params rule = choose(trial.problem());
  REQUIRE(rule.schedule == "winograd_weight_grad");
  CHECK(trial.compile(rule).has_value());
}

TEST_CASE("neighbours of the rule's choice agree with the generic schedule") {
  const KernelTarget target = *parse_target("host");
  const Threads threads(2);
  const std::string batch = std::to_string(2 * target.machine.lanes);
  for (const auto& [problem, direction] : std::vector<std::pair<std::string, Direction>>{
           {"mb1ic32ih14oc48kh3ph1", Direction::forward},
           {"mb" + batch + "ic6ih8oc8kh3ph1", Direction::backward_data},
           {"mb" + batch + "ic6ih8oc8kh3ph1", Direction::backward_weights}}) {
    const Workload work = workload(problem, direction, target);
    KernelTrial trial(work, 0, target, threads, kSeed);
    REQUIRE(trial.set_reference(choose_generic(trial.problem())).empty());
    const std::vector<Params> around = neighbours(trial.problem(), choose(trial.problem()));
    for (size_t i = 0; i < around.size(); i += 3) {
      const Params& params = around[i];
      INFO(problem << ": " << to_string(params));
      const std::optional<Variant> variant = trial.compile(params);
      REQUIRE(variant.has_value());
      CHECK(trial.verify(*variant).empty());
    }
  }
}

TEST_CASE("a search ends when it is asked to, and tells of every kernel that it finished") {
  const KernelTarget target = *parse_target("host");
  Workload conv = workload("mb1ic16ih12oc32kh3ph1", Direction::forward, target);
  REQUIRE(conv.load(true, 1, false).ok());
  SearchOptions options;
  options.seed = kSeed;
  int64_t asked = 0, finished = 0;
  options.end = std::chrono::steady_clock::now() + std::chrono::hours(1);
  options.stop = [&] { return ++asked > 5; };
  search(conv, target, TunedTable(), options, [&](const KernelResult& result, bool is_final) {
    finished += is_final ? 1 : 0;
    CHECK(obstacle(result.problem, result.best).empty());
    CHECK(result.note.empty());
    if (is_final) CHECK(result.rule_ms > 0);
  });
  CHECK(finished == 1);
}

}  // namespace cnnc
