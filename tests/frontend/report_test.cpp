// What the front end says in messages, whatever the text of the user.
#include "compiler/frontend/report.h"

#include <catch2/catch.hpp>

#include "compiler/frontend/json.h"

namespace cnnc {
namespace {

TEST_CASE("in_quotes is safe to print and short", "[frontend]") {
  CHECK(in_quotes("abc") == "\"abc\"");
  CHECK(in_quotes("a\nb\x1b[31m") == "\"a\\u000ab\\u001b[31m\"");
  CHECK(in_quotes(std::string(1000, 'x')) == '"' + std::string(60, 'x') + "...\"");
  // Not cut within a character of two bytes.
  CHECK(in_quotes(std::string(59, 'x') + "\xC3\xA9" + "yyy") ==
        '"' + std::string(59, 'x') + "...\"");
}

TEST_CASE("listed is short", "[frontend]") {
  CHECK(listed({}).empty());
  CHECK(listed({"a", "b"}) == "a, b");
  CHECK(listed(std::vector<std::string>(1000, "a")).size() < 100);
}

TEST_CASE("suggest takes words of any length", "[frontend]") {
  CHECK(suggest("conv11", {"conv1", "fc"}) == "conv1");
  CHECK(suggest(std::string(1 << 20, 'x'), {"conv1"}).empty());
  CHECK(suggest("conv", {std::string(1 << 20, 'x')}).empty());
}

TEST_CASE("a report gives its errors in the order of the file, and not too many", "[frontend]") {
  Report report(std::make_shared<Source>(Source{"t.json", std::string(1000, ' ')}));
  for (int64_t i = 0; i < 60; ++i) report.error(100 - i, 101 - i, std::to_string(i));
  const Diagnostics found = report.finish(nullptr);
  REQUIRE(found.size() == 51);
  CHECK(found[0].message == "49");
  CHECK(found[49].message == "0");
  CHECK(found[50].message == "t.json: 10 more errors");
}

TEST_CASE("number_text is as short as it can be", "[frontend]") {
  CHECK(number_text(3) == "3");
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(3000000000.0) == "3000000000");
  CHECK(number_text(1e300) == "1e+300");
  CHECK(number_text(5e-324) == "4.94066e-324");
}

}  // namespace
}  // namespace cnnc
