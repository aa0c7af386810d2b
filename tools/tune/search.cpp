// Tested by tests/tools/cnnc_tune_command_test.py.
#include "tools/tune/search.h"

#include <algorithm>
#include <future>
#include <memory>
#include <set>

#include "schedules/tuned.h"

namespace cnnc {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 15;
constexpr int kConfirmingRounds = 31;

std::string text_of(const Params& params) {
  std::string text = params.schedule + (params.stages_input ? " staged" : "") +
                     (params.separates_border ? " border apart" : "");
  for (const ParamField& field : param_fields()) {
    text += " " + std::to_string(params.*field.number);
  }
  return text;
}

// The kernel that a call is of, with how often it is called and how long a call takes.
struct Task {
  size_t call = 0;
  int64_t calls = 1;
  double ms = 0;
};

class KernelSearch {
 public:
  KernelSearch(KernelTrial& trial, KernelResult& result, const SearchOptions& options,
               Clock::time_point deadline, std::function<void()> on_improvement)
      : trial_(trial),
        result_(result),
        options_(options),
        deadline_(deadline),
        on_improvement_(std::move(on_improvement)),
        random_(static_cast<uint32_t>(options.seed)) {}

  void run(const Params* earlier) {
    const std::string problem = trial_.set_reference(choose_generic(trial_.problem()));
    if (!problem.empty()) {
      result_.note = problem;
      return;
    }
    rule_ = compiled(result_.rule);
    CNNC_CHECK(rule_ != nullptr, "the rule's choice does not compile");
    const std::string wrong = trial_.verify(*rule_);
    if (!wrong.empty()) {
      result_.note = "the rule's choice disagrees with the generic schedule: " + wrong;
      return;
    }
    best_ = rule_;
    tried_.insert(text_of(result_.rule));
    result_.rule_ms = result_.best_ms = trial_.compare(*rule_, *rule_, kRounds).first_ms;
    if (earlier != nullptr) consider({*earlier});
    while (!is_over() && (consider(shuffled_neighbours(best_->params)) || consider_far())) {
    }
    if (best_ == rule_) return;
    // Steps add up only roughly: the best beside the rule's choice.
    const TimesInTurn last = trial_.compare(*rule_, *best_, kConfirmingRounds);
    result_.rule_ms = last.first_ms;
    result_.best_ms = last.second_ms;
  }

 private:
  using SharedVariant = std::shared_ptr<const Variant>;

  [[nodiscard]] SharedVariant compiled(const Params& params) const {
    std::optional<Variant> variant = trial_.compile(params);
    return variant ? std::make_shared<const Variant>(*std::move(variant)) : nullptr;
  }

  [[nodiscard]] bool is_over() const { return options_.stop() || Clock::now() >= deadline_; }

  std::vector<Params> shuffled_neighbours(const Params& params) {
    std::vector<Params> result = neighbours(trial_.problem(), params);
    std::shuffle(result.begin(), result.end(), random_);
    return result;
  }

  // Tries what is two steps away.
  bool consider_far() {
    for (const Params& neighbour : shuffled_neighbours(best_->params)) {
      if (is_over()) return false;
      if (consider(shuffled_neighbours(neighbour))) return true;
    }
    return false;
  }

  // Tries the candidates until one is better. Whether one was.
  bool consider(const std::vector<Params>& candidates) {
    std::vector<Params> fresh;
    for (const Params& each : candidates) {
      if (tried_.insert(text_of(each)).second) fresh.push_back(each);
    }
    const auto step = static_cast<size_t>(std::max(1, options_.compile_threads));
    for (size_t first = 0; first < fresh.size(); first += step) {
      if (is_over()) return false;
      // Compiled together, then timed alone.
      std::vector<std::future<SharedVariant>> compiling;
      for (size_t i = first; i < std::min(fresh.size(), first + step); ++i) {
        compiling.push_back(std::async(std::launch::async, [&, i] { return compiled(fresh[i]); }));
      }
      std::vector<SharedVariant> variants;
      variants.reserve(compiling.size());
      for (auto& each : compiling) variants.push_back(each.get());
      for (const SharedVariant& variant : variants) {
        ++result_.tried;
        if (variant == nullptr) ++result_.rejected;
        if (variant == nullptr || !is_faster(*variant)) continue;
        best_ = variant;
        result_.best = best_->params;
        on_improvement_();
        return true;
      }
    }
    return false;
  }

  bool is_faster(const Variant& variant) {
    TimesInTurn times = trial_.compare(*best_, variant, kRounds);
    if (times.second_ms >= kNoise * times.first_ms) return false;
    if (!trial_.verify(variant).empty()) {
      ++result_.rejected;
      return false;
    }
    times = trial_.compare(*best_, variant, kConfirmingRounds);
    if (times.second_ms >= kNoise * times.first_ms) return false;
    result_.best_ms = result_.best_ms * times.second_ms / times.first_ms;
    return true;
  }

  KernelTrial& trial_;
  KernelResult& result_;
  const SearchOptions& options_;
  Clock::time_point deadline_;
  std::function<void()> on_improvement_;
  std::mt19937 random_;
  SharedVariant rule_, best_;
  std::set<std::string> tried_;
};

}  // namespace

void search(const Workload& workload, const KernelTarget& target, const TunedTable& earlier,
            const SearchOptions& options,
            const std::function<void(const KernelResult&, bool is_final)>& on_result) {
  const Clock::time_point end = options.end;
  const std::vector<Blueprint::Call> calls = workload.calls();
  const Threads threads(options.threads);
  std::vector<Task> tasks;
  for (size_t i = 0; i < calls.size(); ++i) {
    const auto same = [&](const Task& task) { return calls[task.call].kernel == calls[i].kernel; };
    const auto found = std::find_if(tasks.begin(), tasks.end(), same);
    if (found != tasks.end()) {
      ++found->calls;
    } else if (!neighbours(calls[i].problem, calls[i].params).empty()) {
      tasks.push_back({i, 1, 0});
    }
  }
  for (Task& task : tasks) {
    const std::function<void()> call = workload.function(threads, task.call);
    call();
    const Clock::time_point begin = Clock::now();
    call();
    task.ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  }
  const auto total = [](const Task& task) { return task.ms * static_cast<double>(task.calls); };
  std::stable_sort(tasks.begin(), tasks.end(),
                   [&](const Task& x, const Task& y) { return total(x) > total(y); });

  double rest = 0;
  for (const Task& task : tasks) rest += total(task);
  for (const Task& task : tasks) {
    const Clock::time_point now = Clock::now();
    if (options.stop() || now >= end) return;
    // A share of what is left of the budget, as the kernel has of the time.
    const auto share =
        std::chrono::duration_cast<Clock::duration>((end - now) * (total(task) / rest));
    rest -= total(task);
    const Blueprint::Call& call = calls[task.call];
    KernelTrial trial(workload, task.call, target, threads, options.seed);
    KernelResult result;
    result.kernel = call.kernel;
    result.problem = call.problem;
    result.rule = result.best = call.params;
    KernelSearch kernel_search(trial, result, options, now + share,
                               [&] { on_result(result, false); });
    const TunedEntry* entry = earlier.find(target.halide, call.problem);
    const bool is_possible = entry != nullptr && obstacle(call.problem, entry->params).empty();
    const Params start = is_possible ? completed(call.problem, entry->params) : Params();
    kernel_search.run(is_possible ? &start : nullptr);
    on_result(result, true);
  }
}

}  // namespace cnnc
