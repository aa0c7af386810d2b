// The documents generated from the op records are those in docs/, and cover what there is.
#include "compiler/frontend/schema.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "compiler/frontend/sections.h"
#include "tests/support/golden.h"

namespace cnnc {
namespace {

constexpr const char* kBegin = "<!-- The rest is generated: CNNC_UPDATE_GOLDEN=1 ctest -->\n";

TEST_CASE("docs/model.schema.json is what the op records say", "[frontend]") {
  const std::string schema = model_schema();
  INFO("stale: renew it with cnnc --print-schema > docs/model.schema.json");
  CHECK((test::golden("docs/model.schema.json", schema) == schema));
}

TEST_CASE("docs/format.md ends with what the op records say", "[frontend]") {
  const std::string path = "docs/format.md";
  std::string page = test::file_bytes(test::source_path(path));
  const size_t begin = page.find(kBegin);
  REQUIRE(begin != std::string::npos);
  const std::string expected =
      page.substr(0, begin + std::string(kBegin).size()) + "\n" + layer_reference();
  INFO("stale: renew it by running this test with CNNC_UPDATE_GOLDEN=1");
  CHECK((test::golden(path, expected) == expected));
}

TEST_CASE("README.md has the table of layers", "[frontend]") {
  const std::string path = "README.md";
  const std::string page = test::file_bytes(test::source_path(path));
  const std::string head = "<!-- layers: cnnc --list-layers -->\n";
  const size_t begin = page.find(head);
  const size_t end = page.find("<!-- end of layers -->");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const std::string expected =
      page.substr(0, begin + head.size()) + layer_table() + page.substr(end);
  INFO("stale: renew it by running this test with CNNC_UPDATE_GOLDEN=1");
  CHECK((test::golden(path, expected) == expected));
}

TEST_CASE("every op of a role is in schema, table and reference", "[frontend]") {
  const std::string schema = model_schema();
  const std::string table = layer_table();
  const std::string reference = layer_reference();
  for (OpRole role : {OpRole::layer, OpRole::loss, OpRole::optimizer}) {
    CHECK_FALSE(ops_of_role(role).empty());
    for (const OpDef* op : ops_of_role(role)) {
      INFO(op->name);
      CHECK(schema.find("\"const\": \"" + op->name + "\"") != std::string::npos);
      CHECK(table.find("| `" + op->name + "` |") != std::string::npos);
      CHECK(reference.find("#### " + op->name + "\n") != std::string::npos);
    }
  }
}

TEST_CASE("no attribute hides a key of the format, and all are described", "[frontend]") {
  for (const OpDef* op : all_ops()) {
    if (op->role == OpRole::internal) continue;
    INFO(op->name);
    CHECK_FALSE(op->doc.empty());
    std::set<std::string> names = {"type", "name", "inputs"};
    for (const AttrSpec& spec : op->attrs) {
      INFO(spec.name);
      CHECK(names.insert(spec.name).second);
      CHECK_FALSE(spec.doc.empty());
      CHECK_FALSE((spec.required && !std::holds_alternative<std::monostate>(spec.fallback)));
    }
  }
}

}  // namespace
}  // namespace cnnc
