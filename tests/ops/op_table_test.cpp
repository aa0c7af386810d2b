// The table of ops, and what every record must have.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "compiler/graph/graph.h"

namespace cnnc {

TEST_CASE("Every op is found under its own name", "[ops]") {
  std::set<std::string> names;
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK(find_op(op->name) == op);
    CHECK(names.insert(op->name).second);
  }
  CHECK(names.size() > 20);
  CHECK(find_op("Conv4d") == nullptr);
}

TEST_CASE("Every record is complete", "[ops]") {
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK(!op->doc.empty());
    CHECK(!op->inputs.empty());
    CHECK(!op->outputs.empty());
    CHECK(op->infer != nullptr);
    CHECK((op->lower || op->expand || op->decompose));
    CHECK_FALSE((op->lower && op->decompose));
    CHECK(op->reference != nullptr);
    const bool has_parameters = std::any_of(op->inputs.begin(), op->inputs.end(),
                                            [](const OpInput& input) { return input.parameter; });
    CHECK(has_parameters == (op->parameters != nullptr));
    CHECK(((op->traits & kAnchor) != 0) == (op->flops != nullptr));
    if (op->traits & kAnchor) CHECK_FALSE(op->schedule.empty());
    if (op->traits & kElementwise) CHECK(op->schedule.empty());
    // What a description can name can be trained through.
    if (op->role == OpRole::layer || op->role == OpRole::loss) {
      CHECK((op->gradient != nullptr || op->expand != nullptr));
      if (op->decompose) CHECK(op->gradient != nullptr);
    }
  }
}

TEST_CASE("Every attribute is described, and its default is of its kind", "[ops]") {
  for (const OpDef* op : all_ops()) {
    std::set<std::string> names;
    for (const AttrSpec& spec : op->attrs) {
      INFO(op->name << "." << spec.name);
      CHECK(!spec.doc.empty());
      CHECK(names.insert(spec.name).second);
      if (std::holds_alternative<std::monostate>(spec.fallback)) continue;
      CHECK(!spec.required);
      switch (spec.kind) {
        case AttrKind::integer:
          CHECK(std::holds_alternative<int64_t>(spec.fallback));
          break;
        case AttrKind::real:
          CHECK(std::holds_alternative<double>(spec.fallback));
          break;
        case AttrKind::boolean:
          CHECK(std::holds_alternative<bool>(spec.fallback));
          break;
        case AttrKind::text:
          REQUIRE(std::holds_alternative<std::string>(spec.fallback));
          CHECK(std::count(spec.choices.begin(), spec.choices.end(),
                           std::get<std::string>(spec.fallback)) == 1);
          break;
        case AttrKind::pair:
          REQUIRE(std::holds_alternative<std::vector<int64_t>>(spec.fallback));
          CHECK(std::get<std::vector<int64_t>>(spec.fallback).size() == spec.axes);
          break;
        case AttrKind::padding:
          REQUIRE(std::holds_alternative<std::vector<int64_t>>(spec.fallback));
          CHECK(std::get<std::vector<int64_t>>(spec.fallback).size() == 2 * spec.axes);
          break;
        case AttrKind::integers:
          CHECK(std::holds_alternative<std::vector<int64_t>>(spec.fallback));
          break;
        case AttrKind::reals:
          CHECK(std::holds_alternative<std::vector<double>>(spec.fallback));
          break;
      }
    }
  }
}

}  // namespace cnnc
