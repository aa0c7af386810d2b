// Any kernel: right for every shape, vectorised over the innermost dimension, parallel over the
// outermost.
//
//   Params: tasks.
//   An anchor's accumulator is computed per vector of the result, and so is any other stage with an
//   element for each of the result. Further stages of kernels without an anchor (row maxima, sums)
//   are computed per vector of the batch, or per image where the channels are innermost; what is
//   reduced over the batch itself is computed first.
#include <algorithm>

#include "schedules/schedule.h"

namespace cnnc {
namespace {

constexpr int64_t kTasks = 16;
constexpr auto kGuard = Halide::TailStrategy::GuardWithIf;

bool has_argument(const Halide::Func& func, const Halide::Var& argument) {
  for (const Halide::Var& own : func.args()) {
    if (own.name() == argument.name()) return true;
  }
  return false;
}

// Whether the stage has an element for each of the result.
bool has_all_arguments(const Halide::Func& stage, const Halide::Func& result) {
  for (const Halide::Var& argument : result.args()) {
    if (!has_argument(stage, argument)) return false;
  }
  return true;
}

// Innermost: `vector`; then the other arguments; then the reductions.
template <class Stage>
void order_loops(Stage stage, const Halide::Func& func, const Halide::Var& vector,
                 const std::vector<Halide::RVar>& reduction) {
  std::vector<Halide::VarOrRVar> order;
  if (has_argument(func, vector)) order.emplace_back(vector);
  for (const Halide::Var& argument : func.args()) {
    if (argument.name() != vector.name()) order.emplace_back(argument);
  }
  for (const Halide::RVar& r : reduction) order.emplace_back(r);
  if (order.size() > 1) stage.reorder(order);
}

void schedule_stage(Halide::Func& stage, const Halide::Var& vector, int lanes,
                    VectorDimension vectors) {
  stage.store_in(Halide::MemoryType::Register);
  store_vectors_innermost(stage, vectors);
  const bool vectorised = has_argument(stage, vector);
  if (vectorised) {
    order_loops(stage, stage, vector, {});
    stage.vectorize(vector, lanes, kGuard);
  }
  for (int i = 0; i < stage.num_update_definitions(); ++i) {
    if (!vectorised) continue;
    order_loops(stage.update(i), stage, vector, stage.rvars(i));
    stage.update(i).vectorize(vector, lanes, kGuard);
  }
}

void complete(const Problem& p, Params& params) {
  params.tasks = worth_parallel(p.flops, p.bytes, p.machine) ? kTasks : 1;
}

std::string find_obstacle(const Problem&, const Params&) { return ""; }

int64_t count_unrolled(const Problem&, const Params&) { return 1; }

std::vector<Params> find_neighbours(const Problem&, const Params&) { return {}; }

}  // namespace

Params choose_generic(const Problem& problem) {
  Params params;
  params.schedule = "generic";
  params.why = "generic";
  complete(problem, params);
  return params;
}

namespace {

void apply_schedule(const Problem& problem, const Params& params, KernelFuncs& funcs) {
  using Halide::Var;
  const int lanes = problem.machine.lanes;
  const bool batch = problem.vectors == VectorDimension::batch;
  const bool anchored = !problem.family.empty();
  Halide::Func& result = funcs.result;
  const std::vector<Var> arguments = result.args();
  Var vector(batch ? "n" : "c");
  if (!has_argument(result, vector)) vector = Var(arguments[0].name());
  Var inner("inner"), outer("outer");

  result.split(vector, outer, inner, lanes, kGuard).vectorize(inner);
  std::vector<Var> others;
  for (const Var& argument : arguments) {
    if (argument.name() != vector.name()) others.push_back(argument);
  }
  // Batch innermost: the vectors of the batch are the outermost loop where stages wait for it.
  const auto waits = [&](const auto& named) {
    return named.second.has_update_definition() && !has_all_arguments(named.second, result);
  };
  const bool vectors_outside =
      !anchored && batch && std::any_of(funcs.stages.begin(), funcs.stages.end(), waits);
  std::vector<Halide::VarOrRVar> order = {inner};
  if (!vectors_outside) order.emplace_back(outer);
  for (const Var& other : others) order.emplace_back(other);
  if (vectors_outside) order.emplace_back(outer);
  result.reorder(order);
  const bool parallel = params.tasks > 1 && order.size() > 1;
  const Var outermost = vectors_outside || others.empty() ? outer : others.back();
  if (parallel) result.parallel(outermost);

  for (auto& [name, stage] : funcs.stages) {
    if (!stage.has_update_definition()) continue;
    schedule_stage(stage, vector, lanes, problem.vectors);
    if (anchored || has_all_arguments(stage, result)) {
      stage.compute_at(result, vectors_outside && !others.empty() ? others.front() : outer);
    } else if (has_argument(result, Var("n"))) {
      stage.compute_at(result, outermost);
    } else {
      stage.compute_root();
    }
  }
}

}  // namespace

const Schedule schedules::generic = {"generic",      find_obstacle,   complete,
                                     count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
