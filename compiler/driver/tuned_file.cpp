// Tested by tests/driver/tuned_file_test.cpp.
#include "compiler/driver/tuned_file.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "compiler/frontend/json.h"
#include "compiler/support/files.h"

namespace cnnc {
namespace {

constexpr int64_t kVersion = 1;
constexpr int64_t kLargestNumber = int64_t{1} << 48;

// Reads the members of one object; what is wrong goes to the report.
class Members {
 public:
  Members(const Json& object, std::string owner, Report& report)
      : object_(object), owner_(std::move(owner)), report_(report) {
    if (!object.is(JsonKind::object)) {
      report.error(object, owner_ + " must be an object, found " + describe(object));
    }
  }

  const Json* find(const char* key, bool is_required) {
    known_.emplace_back(key);
    const Json* member = object_.find(key);
    if (member == nullptr && is_required && object_.is(JsonKind::object)) {
      report_.error(object_, owner_ + " lacks " + in_quotes(key));
    }
    return member;
  }

  std::string text(const char* key, bool is_required) {
    const Json* member = find(key, is_required);
    if (member == nullptr) return "";
    if (!member->is(JsonKind::text)) wrong(*member, key, "a string");
    return member->text;
  }

  int64_t integer(const char* key, int64_t otherwise, int64_t least) {
    const Json* member = find(key, false);
    if (member == nullptr) return otherwise;
    if (member->is(JsonKind::integer) && member->integer >= least &&
        member->integer <= kLargestNumber) {
      return member->integer;
    }
    wrong(*member, key, "a whole number from " + std::to_string(least));
    return otherwise;
  }

  bool flag(const char* key, bool otherwise) {
    const Json* member = find(key, false);
    if (member == nullptr) return otherwise;
    if (!member->is(JsonKind::boolean)) wrong(*member, key, "true or false");
    return member->boolean;
  }

  double real(const char* key) {
    const Json* member = find(key, false);
    if (member == nullptr) return 0;
    if (!member->is_number()) wrong(*member, key, "a number");
    return member->real;
  }

  // After all that is known was asked for.
  void refuse_others() {
    for (const Json& member : object_.children) {
      if (!object_.is(JsonKind::object) ||
          std::find(known_.begin(), known_.end(), member.key) != known_.end()) {
        continue;
      }
      report_.key_error(member, "unknown key " + in_quotes(member.key) + " in " + owner_,
                        suggest(member.key, known_));
    }
  }

 private:
  void wrong(const Json& member, const char* key, const std::string& expected) {
    report_.error(member, in_quotes(key) + " must be " + expected + ", found " + describe(member));
  }

  const Json& object_;
  std::string owner_;
  Report& report_;
  std::vector<std::string> known_;
};

Problem read_problem(const Json& json, Report& report) {
  Members members(json, "a problem", report);
  Problem problem;
  problem.family = members.text("family", true);
  const Json* vectors = members.find("vectors", true);
  if (vectors != nullptr && vectors->text != "batch" && vectors->text != "channel") {
    report.error(*vectors,
                 "\"vectors\" must be \"batch\" or \"channel\", found " + describe(*vectors));
  }
  const bool channel = vectors != nullptr && vectors->text == "channel";
  problem.vectors = channel ? VectorDimension::channel : VectorDimension::batch;
  for (const ProblemField& field : problem_fields()) {
    const int64_t otherwise = field.get(problem);
    // Extents are 1 or more; where a new problem has none of something, 0 stands for that.
    const int64_t value =
        field.is_flag ? members.flag(field.name, otherwise != 0)
                      : members.integer(field.name, otherwise, std::min<int64_t>(1, otherwise));
    field.set(problem, value);
  }
  members.refuse_others();
  return problem;
}

Params read_params(const Json& json, Report& report) {
  Members members(json, "params", report);
  Params params;
  params.schedule = members.text("schedule", true);
  const Json* schedule = json.find("schedule");
  if (schedule != nullptr && find_schedule(params.schedule) == nullptr) {
    report.error(*schedule, "there is no schedule " + in_quotes(params.schedule));
  }
  for (const ParamField& field : param_fields()) {
    params.*field.number = members.integer(field.name, params.*field.number, 0);
  }
  params.stages_input = members.flag("stages_input", false);
  params.separates_border = members.flag("separates_border", false);
  members.refuse_others();
  return params;
}

TunedEntry read_entry(const Json& json, Report& report) {
  Members members(json, "an entry", report);
  TunedEntry entry;
  entry.target = members.text("target", true);
  entry.kernel = members.text("kernel", false);
  entry.machine = members.text("machine", false);
  entry.date = members.text("date", false);
  entry.threads = members.integer("threads", 1, 1);
  entry.rule_ms = members.real("rule_ms");
  entry.ms = members.real("ms");
  if (const Json* problem = members.find("problem", true)) {
    entry.problem = read_problem(*problem, report);
  }
  if (const Json* params = members.find("params", true)) {
    entry.params = read_params(*params, report);
    entry.place = report.span(params->begin, params->end);
  }
  members.refuse_others();
  return entry;
}

TunedTable read_table(const Json& root, Report& report) {
  Members members(root, "a file of tuned entries", report);
  const Json* version = members.find("cnnc_tuned", true);
  if (version != nullptr && (!version->is(JsonKind::integer) || version->integer != kVersion)) {
    report.error(*version, "\"cnnc_tuned\" must be 1, found " + describe(*version));
  }
  const Json* entries = members.find("entries", true);
  members.refuse_others();
  TunedTable table;
  if (entries == nullptr) return table;
  if (!entries->is(JsonKind::array)) {
    report.error(*entries, "\"entries\" must be a list, found " + describe(*entries));
    return table;
  }
  for (const Json& entry : entries->children) table.set(read_entry(entry, report));
  return table;
}

}  // namespace

Result<TunedTable> read_tuned(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return text.diagnostics();
  Report report(std::make_shared<const Source>(Source{path, std::move(*text)}));
  const std::optional<Json> root = parse_json(report);
  TunedTable table;
  if (root) table = read_table(*root, report);
  if (!report.empty()) return report.finish(root ? &*root : nullptr);
  return table;
}

std::string tuned_text(const TunedTable& table) {
  using nlohmann::ordered_json;
  ordered_json entries = ordered_json::array();
  for (const TunedEntry& entry : table.entries()) {
    const Problem standard;
    ordered_json problem = {
        {"family", entry.problem.family},
        {"vectors", entry.problem.vectors == VectorDimension::batch ? "batch" : "channel"}};
    for (const ProblemField& field : problem_fields()) {
      const int64_t value = field.get(entry.problem);
      if (value == field.get(standard)) continue;
      problem[field.name] = field.is_flag ? ordered_json(value != 0) : ordered_json(value);
    }
    ordered_json params = {{"schedule", entry.params.schedule}};
    for (const ParamField& field : param_fields()) {
      const int64_t value = entry.params.*field.number;
      if (value != Params().*field.number) params[field.name] = value;
    }
    if (entry.params.stages_input) params["stages_input"] = true;
    if (entry.params.separates_border) params["separates_border"] = true;
    entries.push_back({{"target", entry.target},
                       {"kernel", entry.kernel},
                       {"machine", entry.machine},
                       {"date", entry.date},
                       {"threads", entry.threads},
                       {"rule_ms", entry.rule_ms},
                       {"ms", entry.ms},
                       {"problem", std::move(problem)},
                       {"params", std::move(params)}});
  }
  const ordered_json file = {{"cnnc_tuned", kVersion}, {"entries", std::move(entries)}};
  return file.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<KernelTarget> target_with_tuned(const std::string& target, const std::string& tuned_path) {
  Result<KernelTarget> result = parse_target(target);
  if (!result || tuned_path.empty()) return result;
  Result<TunedTable> table = read_tuned(tuned_path);
  if (!table) return table.diagnostics();
  result->tuned = std::make_shared<const TunedTable>(std::move(*table));
  return result;
}

Result<std::vector<KernelTarget>> targets_with_tuned(const std::string& targets,
                                                     const std::string& tuned_path) {
  Result<std::vector<KernelTarget>> result = parse_targets(targets);
  if (!result || tuned_path.empty()) return result;
  Result<TunedTable> table = read_tuned(tuned_path);
  if (!table) return table.diagnostics();
  const auto shared = std::make_shared<const TunedTable>(std::move(*table));
  for (KernelTarget& target : *result) target.tuned = shared;
  return result;
}

}  // namespace cnnc
