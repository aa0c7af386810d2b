// Generated C headers: valid C99 and C++, and their example is a program that works.
#include "compiler/codegen/header.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "compiler/codegen/program.h"
#include "compiler/support/check.h"
#include "tests/codegen/command.h"
#include "tests/codegen/kernels.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

using Catch::Matchers::Contains;

HeaderDescription mnist() {
  HeaderDescription description;
  description.prefix = "mnist";
  description.model = "MNIST CNN";
  description.input = {1, 28, 28};
  description.output = {10};
  description.workspace_bytes = 153600;
  description.input_note = "(pixel / 255 - 0.5) / 0.5";
  description.output_note = "one score per digit; the largest is the answer";
  return description;
}

bool compiles(const std::string& header, const std::string& command) {
  const test::TempFolder folder;
  (void)folder.write("net.h", header);
  (void)folder.write("use.c", "#include \"net.h\"\n#include \"net.h\"\nextern int used;\n");
  const std::string line = "cd " + folder.path() + " && " + command +
                           " -Wall -Wextra -pedantic -Werror -fsyntax-only -I" +
                           test::source_path("runtime") + " use.c";
  return test::succeeds(line);
}

// The program in the header's opening comment.
std::string example_of(const std::string& header) {
  std::istringstream lines(header);
  std::string line, program;
  bool inside = false;
  while (std::getline(lines, line) && line.rfind("//", 0) == 0) {
    inside = inside || line.rfind("//   #include", 0) == 0;
    if (inside) program += line.substr(2) + "\n";
  }
  return program;
}

TEST_CASE("the header of an image network") {
  const std::string header = c_header(mnist());
  CHECK(header == test::golden("tests/codegen/mnist.h.golden", header));
}

TEST_CASE("headers are valid C99 and C++") {
  HeaderDescription description = mnist();
  SECTION("an image network") {}
  SECTION("a network of features in batches, without a workspace") {
    description.input = {20};
    description.output = {4};
    description.batch = 16;
    description.workspace_bytes = 0;
    CHECK_THAT(c_header(description), Contains("#define MNIST_INPUT_FEATURES 20\n"));
    CHECK_THAT(c_header(description), Contains("pass NULL"));
  }
  SECTION("an output of four dimensions, and a name that would end the comment") {
    description.output = {2, 3, 4, 5};
    description.model = "a\n#error out\\";
    description.input_note = "b\\";
    CHECK_THAT(c_header(description), Contains("#define MNIST_OUTPUT_DIM3 5\n"));
    CHECK_THAT(c_header(description), Contains("#define MNIST_OUTPUT_SIZE 120 "));
  }
  const std::string header = c_header(description);
  CHECK(compiles(header, "cc -x c -std=c99"));
  CHECK(compiles(header, "c++ -x c++ -std=c++11"));
}

TEST_CASE("the example in the header works") {
  constexpr int kRows = 6;
  constexpr int kColumns = 33;
  HeaderDescription description;
  description.prefix = "net";
  description.model = "net";
  description.input = {kRows, kColumns};
  description.output = {kRows};
  description.workspace_bytes = kRows * kColumns * 4;
  const std::string header = c_header(description);

  const test::TempFolder folder;
  (void)folder.write("net.h", header);
  (void)folder.write("app.c", example_of(header));
  (void)folder.write("net.o", *emit(test::wave_program("net", kRows, kColumns), Emit::object));
  const std::string runtime = test::source_path("runtime");
  const std::string command = "cd " + folder.path() +
                              " && cc -std=c11 -Wall -Wextra -Werror -c -I" + runtime +
                              " app.c && cc -std=gnu11 -o app app.o net.o " + runtime +
                              "/*.c -lpthread -lm && ./app > output";
  REQUIRE(test::succeeds(command));
  CHECK(test::file_bytes(folder / "output") == "0: 33\n1: 33\n2: 33\n3: 33\n4: 33\n5: 33\n");
}

TEST_CASE("names become C identifiers") {
  CHECK(c_identifier("mnist") == "mnist");
  CHECK(c_identifier("my-net.v2") == "my_net_v2");
  CHECK(c_identifier("A  b__c") == "A_b_c");
  CHECK(c_identifier("2nd") == "model_2nd");
  CHECK(c_identifier("_hidden_") == "hidden");
  CHECK(c_identifier("né") == "n");
  CHECK(c_identifier("") == "model");
  CHECK(c_identifier("--") == "model");
  HeaderDescription description = mnist();
  description.prefix = "my-net";
  CHECK_THROWS_AS(c_header(description), InternalError);
}

}  // namespace
}  // namespace cnnc
