// Attributes of every kind, from an AttrSpec alone.
#include "compiler/frontend/attribute_reader.h"

#include <catch2/catch.hpp>

namespace cnnc {
namespace {

AttrSpec spec(AttrKind kind) {
  AttrSpec result;
  result.name = "a";
  result.kind = kind;
  return result;
}

struct Read {
  std::string value;  // printed, or empty
  std::string error;  // of the first one
};

Read read(const AttrSpec& attr, const std::string& value) {
  Report report(std::make_shared<Source>(Source{"t.json", "{\"a\": " + value + "}"}));
  const std::optional<Json> root = parse_json(report);
  REQUIRE(root);
  const ReadAttributes result = read_attributes(*root, {attr}, {}, "Op", *root, report);
  const Diagnostics errors = report.finish(&*root);
  Read found;
  if (result.attrs.has("a")) found.value = to_string(result.attrs.all().at("a"));
  if (!errors.empty()) found.error = errors[0].message;
  CHECK(found.value.empty() != found.error.empty());
  CHECK(result.places.at("a").pointer == "/a");
  CHECK(result.places.at("a").span.begin == 6);
  return found;
}

TEST_CASE("integer", "[frontend]") {
  AttrSpec attr = spec(AttrKind::integer);
  attr.least = -2;
  attr.most = 5;
  CHECK(read(attr, "-2").value == "-2");
  CHECK(read(attr, "5").value == "5");
  CHECK(read(attr, "3.0").value == "3");
  CHECK(read(attr, "3e0").value == "3");
  CHECK(read(attr, "3.5").error == "a: expected an integer, found 3.5");
  CHECK(read(attr, "6").error == "a must be at most 5, found 6");
  CHECK(read(attr, "-3").error == "a must be at least -2, found -3");
  CHECK(read(attr, "-1e300").error == "a must be at least -2, found -1e+300");
  CHECK(read(attr, "[1]").error == "a: expected an integer, found a list of 1");
  CHECK(read(attr, "false").error == "a: expected an integer, found false");
  CHECK(read(spec(AttrKind::integer), "2147483647").value == "2147483647");
  CHECK(read(spec(AttrKind::integer), "-9223372036854775808").error ==
        "a is too large: it must be at least -2147483647, found -9223372036854775808");
}

TEST_CASE("real", "[frontend]") {
  AttrSpec attr = spec(AttrKind::real);
  CHECK(read(attr, "0.25").value == "0.25");
  CHECK(read(attr, "-7").value == "-7");
  CHECK(read(attr, "1e39").error ==
        "a is too large: it must be at most 3.4028234663852886e+38, found 1e+39");
  CHECK(read(attr, "\"x\"").error == "a: expected a number, found the string \"x\"");
  CHECK(read(attr, "null").error == "a: expected a number, found null");
}

TEST_CASE("boolean", "[frontend]") {
  CHECK(read(spec(AttrKind::boolean), "true").value == "true");
  CHECK(read(spec(AttrKind::boolean), "0").error == "a: expected true or false, found 0");
}

TEST_CASE("text", "[frontend]") {
  AttrSpec attr = spec(AttrKind::text);
  CHECK(read(attr, "\"anything\"").value == "\"anything\"");
  attr.choices = {"zeros", "reflect"};
  CHECK(read(attr, "\"reflect\"").value == "\"reflect\"");
  CHECK(read(attr, "\"reflct\"").error ==
        "a: expected one of \"zeros\", \"reflect\", found the string \"reflct\"");
  CHECK(read(attr, "{}").error == "a: expected one of \"zeros\", \"reflect\", found an object");
}

TEST_CASE("pair", "[frontend]") {
  AttrSpec attr = spec(AttrKind::pair);
  attr.least = 1;
  CHECK(read(attr, "3").value == "[3, 3]");
  CHECK(read(attr, "[3, 5]").value == "[3, 5]");
  const std::string expected =
      "a: expected an integer or a pair of integers [vertical, horizontal], ";
  CHECK(read(attr, "[3]").error == expected + "found a list of 1");
  CHECK(read(attr, "[]").error == expected + "found a list of 0");
  CHECK(read(attr, "\"3\"").error == expected + "found the string \"3\"");
  CHECK(read(attr, "[3, 0]").error == "a must be at least 1, found 0");
  CHECK(read(attr, "[3, [3]]").error == "a: expected an integer, found a list of 1");
  CHECK(read(attr, "32768").error == "a is too large: it must be at most 32767, found 32768");
  CHECK(read(attr, "null").error == expected + "found null");
}

TEST_CASE("pair with null", "[frontend]") {
  AttrSpec attr = spec(AttrKind::pair);
  attr.least = 1;
  attr.nullable = true;
  CHECK(read(attr, "3").value == "[3, 3]");
  CHECK(read(attr, "null").value == "[0, 0]");
  CHECK(read(attr, "[null, 5]").value == "[0, 5]");
  CHECK(read(attr, "[3, 0]").error == "a must be at least 1, found 0");
  CHECK(read(attr, "[3, false]").error == "a: expected an integer or null, found false");
  CHECK(read(attr, "\"3\"").error ==
        "a: expected an integer, null or a pair of these [vertical, horizontal], "
        "found the string \"3\"");
}

TEST_CASE("padding", "[frontend]") {
  AttrSpec attr = spec(AttrKind::padding);
  attr.least = 0;
  attr.choices = {"same"};
  CHECK(read(attr, "2").value == "[2, 2, 2, 2]");
  CHECK(read(attr, "[1, 2]").value == "[1, 2, 1, 2]");  // top, left, bottom, right
  CHECK(read(attr, "[1, 2, 3, 4]").value == "[1, 2, 3, 4]");
  CHECK(read(attr, "\"same\"").value == "\"same\"");
  const std::string expected =
      "a: expected an integer, a pair [vertical, horizontal], four integers [top, left, bottom, "
      "right] or one of \"same\", found ";
  CHECK(read(attr, "\"full\"").error == expected + "the string \"full\"");
  CHECK(read(attr, "[1, 2, 3]").error == expected + "a list of 3");
  CHECK(read(attr, "[1, 2, 3, -4]").error == "a must be at least 0, found -4");
}

TEST_CASE("integers", "[frontend]") {
  AttrSpec attr = spec(AttrKind::integers);
  attr.least = -4;
  CHECK(read(attr, "2").value == "[2]");
  CHECK(read(attr, "[0, -1, 3.0]").value == "[0, -1, 3]");
  CHECK(read(attr, "[]").error ==
        "a: expected an integer or a list of integers, found a list of 0");
  CHECK(read(attr, "[1, \"2\"]").error == "a: expected an integer, found the string \"2\"");
  CHECK(read(attr, "[1, -5]").error == "a must be at least -4, found -5");
  CHECK(read(spec(AttrKind::integers), "2147483647").value == "[2147483647]");
}

TEST_CASE("reals", "[frontend]") {
  AttrSpec attr = spec(AttrKind::reals);
  CHECK(read(attr, "0.5").value == "[0.5]");
  CHECK(read(attr, "[0.5, 1, 2]").value == "[0.5, 1, 2]");
  CHECK(read(attr, "[]").error == "a: expected a number or a list of numbers, found a list of 0");
  CHECK(read(attr, "[1, \"2\"]").error == "a: expected a number, found the string \"2\"");
}

TEST_CASE("unknown, other and missing keys", "[frontend]") {
  Report report(std::make_shared<Source>(Source{"t.json", R"({"type": 1, "widht": 2})"}));
  const std::optional<Json> root = parse_json(report);
  AttrSpec width = spec(AttrKind::integer);
  width.name = "width";
  width.required = true;
  const ReadAttributes result = read_attributes(*root, {width}, {"type"}, "Op", *root, report);
  CHECK(result.attrs.all().empty());
  const Diagnostics errors = report.finish(&*root);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].message == "Op needs the key \"width\": an integer");
  CHECK(errors[1].message == "unknown key \"widht\" in Op");
  CHECK(errors[1].suggestion == "width");
  CHECK(errors[1].pointer == "/widht");
}

}  // namespace
}  // namespace cnnc
