// The tree of a JSON text: places, pointers, repeated keys, hostile texts.
#include "compiler/frontend/json.h"

#include <catch2/catch.hpp>
#include <string>

namespace cnnc {
namespace {

struct Parsed {
  std::shared_ptr<const Source> source;
  std::optional<Json> root;
  Diagnostics errors;

  [[nodiscard]] std::string text_of(const Json& json) const {
    return source->text.substr(json.begin, json.end - json.begin);
  }
  [[nodiscard]] std::string key_text_of(const Json& json) const {
    return source->text.substr(json.key_begin, json.key_end - json.key_begin);
  }
};

Parsed parse(const std::string& text) {
  Parsed parsed;
  parsed.source = std::make_shared<Source>(Source{"t.json", text});
  Report report(parsed.source);
  parsed.root = parse_json(report);
  parsed.errors = report.finish(parsed.root ? &*parsed.root : nullptr);
  return parsed;
}

TEST_CASE("every value and key knows its bytes", "[frontend]") {
  const Parsed parsed = parse(
      "\n{ \"a\" : -1.5e2 ,\"b\\\"\\\\\":[ true,null , \"x\\u00e9\\\"]\" ],\"\":{ } , \"c\":7}\n");
  REQUIRE(parsed.root);
  const Json& root = *parsed.root;
  CHECK(parsed.text_of(root).front() == '{');
  CHECK(parsed.text_of(root).back() == '}');
  REQUIRE(root.children.size() == 4);
  CHECK(parsed.key_text_of(root.children[0]) == "\"a\"");
  CHECK(parsed.text_of(root.children[0]) == "-1.5e2");
  CHECK(root.children[0].real == -150);
  CHECK(root.children[1].key == "b\"\\");
  CHECK(parsed.key_text_of(root.children[1]) == "\"b\\\"\\\\\"");
  const Json& list = root.children[1];
  REQUIRE(list.children.size() == 3);
  CHECK(parsed.text_of(list) == "[ true,null , \"x\\u00e9\\\"]\" ]");
  CHECK(parsed.text_of(list.children[0]) == "true");
  CHECK(list.children[0].boolean);
  CHECK(parsed.text_of(list.children[1]) == "null");
  CHECK(parsed.text_of(list.children[2]) == "\"x\\u00e9\\\"]\"");
  CHECK(list.children[2].text == "x\xC3\xA9\"]");
  CHECK(parsed.text_of(root.children[2]) == "{ }");
  CHECK(parsed.text_of(root.children[3]) == "7");
  CHECK(root.find("c")->integer == 7);
  CHECK(root.find("d") == nullptr);
}

TEST_CASE("a byte order mark is skipped", "[frontend]") {
  const Parsed parsed = parse("\xEF\xBB\xBF[1]");
  REQUIRE(parsed.root);
  CHECK(parsed.root->begin == 3);
  CHECK(parsed.text_of(parsed.root->children[0]) == "1");
}

TEST_CASE("numbers that fit are integers, others are real", "[frontend]") {
  const Parsed parsed =
      parse("[9223372036854775807, -9223372036854775808, 9223372036854775808, 1.0]");
  REQUIRE(parsed.root);
  const std::vector<Json>& numbers = parsed.root->children;
  CHECK(numbers[0].integer == INT64_MAX);
  CHECK(numbers[1].integer == INT64_MIN);
  CHECK(numbers[2].is(JsonKind::real));
  CHECK(numbers[2].real == 9223372036854775808.0);
  CHECK(numbers[3].is(JsonKind::real));
}

TEST_CASE("pointers name the innermost value", "[frontend]") {
  const std::string text = R"({"a": [10, {"b/c~": 20}], "d": 30})";
  const Parsed parsed = parse(text);
  REQUIRE(parsed.root);
  const auto pointer = [&](const std::string& part) {
    const auto begin = static_cast<int64_t>(text.find(part));
    return pointer_at(*parsed.root, begin, begin + static_cast<int64_t>(part.size()));
  };
  CHECK(pointer("10") == "/a/0");
  CHECK(pointer("20") == "/a/1/b~1c~0");
  CHECK(pointer("\"b/c~\"") == "/a/1/b~1c~0");  // a key is part of its member
  CHECK(pointer("{\"b") == "/a/1");
  CHECK(pointer("30") == "/d");
  CHECK(pointer(text).empty());
}

TEST_CASE("repeated keys are errors, each at its place; the first one counts", "[frontend]") {
  const Parsed parsed = parse("{\"a\": 1,\n \"b\": 2,\n \"a\": 3, \"\\u0061\": 4}");
  REQUIRE(parsed.root);
  CHECK(parsed.root->children.size() == 2);
  CHECK(parsed.root->find("a")->integer == 1);
  REQUIRE(parsed.errors.size() == 2);
  CHECK(parsed.errors[0].message == "duplicate key \"a\", first given in line 1");
  CHECK(line_column(*parsed.source, parsed.errors[0].span.begin).line == 3);
  CHECK(parsed.errors[1].span.begin > parsed.errors[0].span.begin);
}

TEST_CASE("syntax errors are placed and said without the parser's decoration", "[frontend]") {
  CHECK(render(parse("{\n  \"a\": [1 2]\n}").errors) ==
        "t.json:2:11: error: syntax error while parsing array - unexpected number literal; "
        "expected ']'\n"
        "    \"a\": [1 2]\n"
        "            ^\n");
  CHECK(render(parse("{\"a\": nul}").errors) ==
        "t.json:1:7: error: syntax error - \"nul\" is no JSON value\n"
        "  {\"a\": nul}\n"
        "        ^~~\n");
  CHECK(render(parse("{\"a\": 1, }").errors) ==
        "t.json:1:8: error: syntax error - a comma with nothing after it, before the closing }\n"
        "  {\"a\": 1, }\n"
        "         ^\n");
  CHECK(render(parse("{\"a\":").errors) ==
        "t.json:1:6: error: syntax error while parsing value - unexpected end of input; "
        "expected '[', '{', or a literal\n"
        "  {\"a\":\n"
        "       ^\n");
}

TEST_CASE("hostile texts fail in order", "[frontend]") {
  CHECK(parse(std::string(1000000, '[')).errors.at(0).message.find("nested too deeply") == 0);
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK(parse(objects).errors.at(0).message.find("nested too deeply") == 0);
  CHECK(parse(std::string("[1]\0[", 5)).errors.at(0).message ==
        "syntax error - a zero byte, which JSON does not allow");
  CHECK(parse("[\"\xFF\"]").errors.at(0).message ==
        "syntax error while parsing value - invalid string: ill-formed UTF-8 byte");
  CHECK(parse(" \n").errors.at(0).message == "syntax error - the file is empty");
  CHECK(parse("\xEF\xBB\xBF").errors.size() == 1);
  CHECK(parse("\xEF\xBB").errors.size() == 1);
  CHECK(parse(std::string(5 << 20, ' ')).errors.at(0).message ==
        "larger than 4 MiB, which no description of a network is");
  CHECK(parse(std::string(1 << 20, '1')).errors.at(0).message ==
        "syntax error - the number is too large");
  std::string repeated = "{";
  for (int i = 0; i < 100000; ++i) repeated += "\"a\":1,";
  repeated += "\"a\":1}";
  CHECK(parse(repeated).errors.size() == 51);
}

}  // namespace
}  // namespace cnnc
