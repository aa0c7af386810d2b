#include <catch2/catch.hpp>

#include "tools/bench/problem.h"

namespace cnnc {
namespace {

ConvProblem parsed(const std::string& text) {
  const Result<ConvProblem> problem = parse_problem(text);
  INFO(text << (problem.ok() ? "" : ": " + render(problem.diagnostics())));
  REQUIRE(problem.ok());
  return *problem;
}

std::string message(const std::string& text) {
  const Result<ConvProblem> problem = parse_problem(text);
  return problem.ok() ? "" : problem.diagnostics()[0].message;
}

}  // namespace

TEST_CASE("a problem in benchdnn's notation") {
  const ConvProblem p = parsed("mb64ic32ih14oc64oh14kh3ph1n\"conv2\"");
  CHECK(p.batch == 64);
  CHECK(p.in == 32);
  CHECK(p.out == 64);
  CHECK(p.height == 14);
  CHECK(p.width == 14);
  CHECK(p.kernel_w == 3);
  CHECK(p.top == 1);
  CHECK(p.right == 1);
  CHECK(p.out_w() == 14);
  CHECK(p.groups == 1);
}

TEST_CASE("what is absent follows from what is there") {
  CHECK(parsed("ic1ih5oc1kh1").batch == 2);
  CHECK(parsed("ic1ih7oc1kh3dh1").dilation_w == 2);
  CHECK(parsed("ic1iw9oc1kw3").height == 9);
  CHECK(parsed("ic1ih9iw4oc1kh3kw2sh2sw1").out_w() == 3);
  // The output and the padding at the start fix the padding at the end.
  const ConvProblem p = parsed("ic3_ih224_oc64_oh112_kh7_sh2_ph3");
  CHECK(p.top == 3);
  CHECK(p.bottom == 2);
  CHECK(p.out_h() == 112);
  CHECK(parsed("ic1ih14oc1oh14kh3").top == 1);
  CHECK(parsed("ic1ih14oc1kh3ph1").out_h() == 14);
}

TEST_CASE("a problem is written as it is read") {
  for (const char* text : {"mb1ic64ih56oc64oh56kh3ph1", "g32mb1ic32ih112oc32oh112kh3ph1",
                           "mb3ic2ih9iw7oc5oh4ow7kh3kw1sh2sw1ph0", "mb1ic2ih9oc1oh7kh2ph0dh1"}) {
    CHECK(to_string(parsed(text)) == text);
  }
}

TEST_CASE("wrong problems say what is wrong") {
  CHECK(message("ic3ih8oc4") == "problem \"ic3ih8oc4\": no kh");
  CHECK(message("ic3oc4kh3") == "problem \"ic3oc4kh3\": no ih");
  CHECK_THAT(message("ih8oc4kh3"), Catch::Contains("ic and oc must be given"));
  CHECK_THAT(message("ic3ih8oc4kh3zz1"), Catch::Contains("found \"zz\", expected one of g, mb"));
  CHECK_THAT(message("ic3ih8oc4khph1"), Catch::Contains("found \"khph\""));
  CHECK_THAT(message("ic3ih8oc4kh"), Catch::Contains("\"kh\" needs a number"));
  CHECK_THAT(message("ic3ic3ih8oc4kh3"), Catch::Contains("\"ic\" is given twice"));
  CHECK_THAT(message("g2ic3ih8oc4kh3"), Catch::Contains("multiples of g"));
  CHECK_THAT(message("ic3ih2oc4kh3"), Catch::Contains("larger than the padded input"));
  CHECK_THAT(message("ic3ih8oc4oh6kh3ph4"), Catch::Contains("an output of"));
  CHECK_THAT(message("ic3ih8oc4kh3sh0"), Catch::Contains("1 or more"));
}

TEST_CASE("graphs of problems") {
  const ConvProblem p = parsed("g2mb4ic6ih9oc10kh3sh2ph1");
  CHECK(
      to_string(graph_of(p, Direction::forward).type(graph_of(p, Direction::forward).outputs[0])) ==
      "f32[4, 10, 5, 5]");
  const Graph data = graph_of(p, Direction::backward_data);
  CHECK(to_string(data.type(data.outputs[0])) == "f32[4, 6, 9, 9]");
  const Graph weights = graph_of(p, Direction::backward_weights);
  CHECK(to_string(weights.type(weights.outputs[0])) == "f32[10, 3, 3, 3]");
}

}  // namespace cnnc
