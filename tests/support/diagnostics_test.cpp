// Places, their rendering, and suggestions.
#include "compiler/support/diagnostics.h"

#include <catch2/catch.hpp>

namespace cnnc {
namespace {

Diagnostic at(const std::string& text, int64_t begin, int64_t end) {
  Diagnostic diagnostic = error("wrong");
  diagnostic.span = {std::make_shared<Source>(Source{"a.json", text}), begin, end};
  return diagnostic;
}

TEST_CASE("line_column counts from 1, in bytes", "[support]") {
  const Source source{"a.json", "ab\n\ncd"};
  const auto place = [&](int64_t offset) {
    const LineColumn where = line_column(source, offset);
    return std::pair(where.line, where.column);
  };
  CHECK(place(0) == std::pair<int64_t, int64_t>(1, 1));
  CHECK(place(2) == std::pair<int64_t, int64_t>(1, 3));  // the end of the line is on it
  CHECK(place(3) == std::pair<int64_t, int64_t>(2, 1));
  CHECK(place(5) == std::pair<int64_t, int64_t>(3, 2));
  CHECK(place(6) == std::pair<int64_t, int64_t>(3, 3));   // the end of the text
  CHECK(place(99) == std::pair<int64_t, int64_t>(3, 3));  // beyond it
}

TEST_CASE("render quotes the line and marks the place", "[support]") {
  CHECK(render(at("one\n  two three\nfour", 10, 15)) ==
        "a.json:2:7: error: wrong\n"
        "    two three\n"
        "        ^~~~~\n");
}

TEST_CASE("render shows pointer and suggestion", "[support]") {
  Diagnostic diagnostic = at("{}", 0, 2);
  diagnostic.pointer = "/layers/3";
  diagnostic.suggestion = "padding";
  CHECK(render(diagnostic) ==
        "a.json:1:1: error: wrong [at /layers/3]\n"
        "  {}\n"
        "  ^~\n"
        "  did you mean \"padding\"?\n");
}

TEST_CASE("render aligns the caret under tabs", "[support]") {
  CHECK(render(at("\tx y", 3, 4)) ==
        "a.json:1:4: error: wrong\n"
        "  \tx y\n"
        "  \t  ^\n");
}

TEST_CASE("render marks no more than the line of a longer span", "[support]") {
  CHECK(render(at("{\n}", 0, 3)) == "a.json:1:1: error: wrong\n  {\n  ^\n");
  CHECK(render(at("{\r\n}", 0, 4)) == "a.json:1:1: error: wrong\n  {\n  ^\n");
}

TEST_CASE("render survives places at and beyond the end", "[support]") {
  CHECK(render(at("", 0, 0)) == "a.json:1:1: error: wrong\n  \n  ^\n");
  CHECK(render(at("ab", 2, 2)) == "a.json:1:3: error: wrong\n  ab\n    ^\n");
  CHECK(render(at("ab\n", 3, 3)) == "a.json:2:1: error: wrong\n  \n  ^\n");
  CHECK_FALSE(render(at("ab", 50, 60)).empty());
}

TEST_CASE("render cuts long lines around the place", "[support]") {
  const std::string text(10000, 'x');
  const std::string rendered = render(at(text, 5000, 9000));
  CHECK(rendered.size() < 400);
  CHECK(rendered.find("a.json:1:5001: error") == 0);
  CHECK(rendered.find('^') != std::string::npos);
}

TEST_CASE("render without a place", "[support]") {
  CHECK(render(error("wrong")) == "error: wrong\n");
  CHECK(render(file_error("m.json", "cannot open")) == "error: m.json: cannot open\n");
}

TEST_CASE("render joins several", "[support]") {
  CHECK(render(Diagnostics{error("one"), error("two")}) == "error: one\nerror: two\n");
}

TEST_CASE("nearest finds what was meant", "[support]") {
  const std::vector<std::string> names = {"padding", "stride", "kernel_size", "bias"};
  CHECK(nearest("paddng", names) == "padding");
  CHECK(nearest("Padding", names) == "padding");
  CHECK(nearest("kernelsize", names) == "kernel_size");
  CHECK(nearest("bais", names) == "bias");
  CHECK(nearest("momentum", names).empty());
  CHECK(nearest("padding", {}).empty());
}

}  // namespace
}  // namespace cnnc
