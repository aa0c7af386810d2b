// Any kernel: right for every shape, vectorised over the innermost dimension, parallel over the
// outermost. Channels that are innermost but too few for a vector are unrolled inside vectors of
// columns, whose stores Halide interleaves.
//
//   Params: tasks.
//   An anchor's accumulator is computed per vector of the result, and so is any other stage with an
//   element for each of the result. Further stages of kernels without an anchor (row maxima, sums)
//   are computed per vector of the batch, inside the loops over the arguments that they have, or
//   per image where the channels are innermost; what is reduced over the batch itself is computed
//   first. A stage called "a/b" is computed where the stage "a" adds a term. An argument "l" of a
//   stage numbers partial sums that fill its vectors.
//   A result that is defined range by range along one of its arguments has loops for each range.
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

// Whether a stage with an element for each image, or more, has none for each value of `argument`.
bool is_lacking(const std::map<std::string, Halide::Func>& stages, const Halide::Var& argument) {
  for (const auto& [name, stage] : stages) {
    if (stage.has_update_definition() && has_argument(stage, Halide::Var("n")) &&
        !has_argument(stage, argument)) {
      return true;
    }
  }
  return false;
}

// The stage "a" of a stage "a/b", null for others. A number may follow each name.
Halide::Func* stage_around(std::map<std::string, Halide::Func>& stages, const std::string& name) {
  const size_t end = name.find('/');
  if (end == std::string::npos) return nullptr;
  for (auto& [other, stage] : stages) {
    if (other.substr(0, other.find('.')) == name.substr(0, end)) return &stage;
  }
  return nullptr;
}

enum class Reduction { outermost, innermost };

// Innermost: `vector`; then the other arguments; then the reductions, unless they come before.
template <class Stage>
void order_loops(Stage stage, const Halide::Func& func, const Halide::Var& vector,
                 const std::vector<Halide::RVar>& reduction,
                 Reduction place = Reduction::outermost) {
  std::vector<Halide::VarOrRVar> order;
  if (has_argument(func, vector)) order.emplace_back(vector);
  if (place == Reduction::innermost) order.insert(order.end(), reduction.begin(), reduction.end());
  for (const Halide::Var& argument : func.args()) {
    if (argument.name() != vector.name()) order.emplace_back(argument);
  }
  if (place == Reduction::outermost) order.insert(order.end(), reduction.begin(), reduction.end());
  if (order.size() > 1) stage.reorder(order);
}

void schedule_stage(Halide::Func& stage, Halide::Var vector, int lanes, VectorDimension vectors,
                    Reduction place = Reduction::outermost) {
  stage.store_in(Halide::MemoryType::Register);
  store_vectors_innermost(stage, vectors);
  if (vectors == VectorDimension::batch && has_argument(stage, Halide::Var("n"))) {
    vector = Halide::Var("n");
  }
  if (has_argument(stage, Halide::Var("l"))) vector = Halide::Var("l");
  const bool vectorised = has_argument(stage, vector);
  if (vectorised) {
    order_loops(stage, stage, vector, {});
    stage.vectorize(vector, lanes, kGuard);
  }
  for (int i = 0; i < stage.num_update_definitions(); ++i) {
    if (!vectorised) continue;
    order_loops(stage.update(i), stage, vector, stage.rvars(i), place);
    stage.update(i).vectorize(vector, lanes, kGuard);
  }
}

// A definition of the result for a range of an argument: `range` in its place.
void schedule_range(Halide::Func& result, int update, const Halide::Var& vector, int lanes,
                    bool parallel) {
  Halide::Stage stage = result.update(update);
  const Halide::RVar range = result.rvars(update)[0];
  std::vector<Halide::Var> arguments = result.args();
  std::vector<Halide::VarOrRVar> order;
  const std::vector<Halide::Expr> point = result.update_args(update);
  Halide::VarOrRVar innermost = vector;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto* variable = point[i].as<Halide::Internal::Variable>();
    const bool is_argument = variable && variable->name == arguments[i].name();
    const Halide::VarOrRVar own = is_argument ? Halide::VarOrRVar(arguments[i]) : range;
    if (arguments[i].name() == vector.name()) {
      innermost = own;
    } else {
      order.push_back(own);
    }
  }
  if (innermost.is_rvar) {
    const Halide::RVar outer("outer"), inner("inner");
    stage.split(innermost.rvar, outer, inner, lanes, kGuard).vectorize(inner);
    order.insert(order.begin(), {inner, outer});
  } else {
    const Halide::Var outer("outer"), inner("inner");
    stage.split(innermost.var, outer, inner, lanes, kGuard).vectorize(inner);
    order.insert(order.begin(), {inner, outer});
  }
  stage.reorder(order);
  if (parallel && order.size() > 2) stage.parallel(order.back());
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
  for (int i = 0; i < result.num_update_definitions(); ++i) {
    schedule_range(result, i, vector, lanes, params.tasks > 1);
  }
  if (result.has_update_definition()) return;
  const Var channel("c");
  const bool unrolls_channels = !batch && !anchored && funcs.stages.empty() && problem.c < lanes &&
                                problem.result_w >= lanes && vector.name() == channel.name();
  if (unrolls_channels) vector = Var("x");

  result.split(vector, outer, inner, lanes, kGuard).vectorize(inner);
  // Batch innermost: the vectors of the batch are the outermost loop where stages wait for it, and
  // arguments that a stage lacks are looped inside those that it has.
  const bool has_stages = std::any_of(funcs.stages.begin(), funcs.stages.end(),
                                      [](const auto& s) { return s.second.dimensions() > 0; });
  const bool vectors_outside = !anchored && batch && has_stages;
  std::vector<Var> others, had_by_all;
  for (const Var& argument : arguments) {
    if (argument.name() == vector.name()) continue;
    if (unrolls_channels && argument.name() == channel.name()) continue;
    const bool is_outer = vectors_outside && !is_lacking(funcs.stages, argument);
    (is_outer ? had_by_all : others).push_back(argument);
  }
  others.insert(others.end(), had_by_all.begin(), had_by_all.end());
  std::vector<Halide::VarOrRVar> order = {inner};
  if (unrolls_channels) {
    result.bound(channel, 0, static_cast<int>(problem.c)).unroll(channel);
    order.emplace_back(channel);
  }
  if (!vectors_outside) order.emplace_back(outer);
  for (const Var& other : others) order.emplace_back(other);
  if (vectors_outside) order.emplace_back(outer);
  result.reorder(order);
  const bool parallel = params.tasks > 1 && order.size() > 1;
  const Var outermost = vectors_outside || others.empty() ? outer : others.back();
  if (parallel) result.parallel(outermost);
  Var waiting = outer;  // the innermost loop over what all stages have
  for (auto other = others.rbegin(); vectors_outside && other != others.rend(); ++other) {
    if (!is_lacking(funcs.stages, *other)) waiting = *other;
  }

  for (auto& [name, stage] : funcs.stages) {
    if (!stage.has_update_definition()) continue;
    Halide::Func* adding = stage_around(funcs.stages, name);
    const bool is_over_batch =
        !has_argument(result, Var("n")) || (batch && !has_argument(stage, Var("n")));
    const bool is_root = !anchored && !adding && is_over_batch && !has_all_arguments(stage, result);
    schedule_stage(stage, vector, lanes, problem.vectors,
                   is_root ? Reduction::innermost : Reduction::outermost);
    if (adding) {
      stage.compute_at(*adding, adding->rvars(0)[0]);
    } else if (is_root) {
      stage.compute_root();
      if (params.tasks > 1 && has_argument(stage, Var("y"))) stage.update().parallel(Var("y"));
    } else if (anchored || (!batch && has_all_arguments(stage, result))) {
      stage.compute_at(result, outer);
    } else {
      stage.compute_at(result, batch ? waiting : outermost);
    }
  }
}

}  // namespace

const Schedule schedules::generic = {"generic",      find_obstacle,   complete,
                                     count_unrolled, find_neighbours, apply_schedule};

}  // namespace cnnc
