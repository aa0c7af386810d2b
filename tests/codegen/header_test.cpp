// Generated C headers: valid C99 and C++, and their example is a program that works.
#include "compiler/codegen/header.h"

#include <catch2/catch.hpp>
#include <string>

#include "compiler/codegen/program.h"
#include "compiler/support/check.h"
#include "tests/codegen/command.h"
#include "tests/codegen/example.h"
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
  description.build_id = 0x0123456789abcdef;
  description.batches = {1, 8, 64};
  description.targets = {"x86-64-v4", "x86-64-v3", "x86-64-v2"};
  description.input.name = "input";
  description.input.shape = {1, 28, 28};
  description.input.note = "(pixel / 255 - 0.5) / 0.5";
  description.output.name = "fc3";
  description.output.shape = {10};
  description.output.note = "one score per digit; the largest is the answer";
  description.workspace_bytes = 153600;
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

TEST_CASE("the header of an image network") {
  const std::string header = c_header(mnist());
  CHECK(header == test::golden("tests/codegen/mnist.h.golden", header));
}

TEST_CASE("headers are valid C99 and C++") {
  HeaderDescription description = mnist();
  SECTION("an image network") {}
  SECTION("a network of features, without a workspace") {
    description.input.shape = {20};
    description.output.shape = {4};
    description.batches = {16};
    description.workspace_bytes = 0;
    CHECK_THAT(c_header(description), Contains("#define MNIST_INPUT_FEATURES 20\n"));
    CHECK_THAT(c_header(description), Contains("pass NULL and 0"));
  }
  SECTION("an output of four dimensions, and names that would end a comment or a string") {
    description.output.shape = {2, 3, 4, 5};
    description.model = "a\n#error out\\";
    description.input.note = "b\\";
    description.input.name = "\"quoted\"\\";
    CHECK_THAT(c_header(description), Contains("#define MNIST_OUTPUT_DIM3 5\n"));
    CHECK_THAT(c_header(description), Contains("#define MNIST_OUTPUT_SIZE 120 "));
  }
  SECTION("bytes in, a class out") {
    description.input.dtype = DType::u8;
    description.input.shape = {28, 28, 3};
    description.input.channels_last = true;
    description.output.dtype = DType::i32;
    description.output.shape = {};
    CHECK_THAT(c_header(description), Contains("#define MNIST_INPUT_DTYPE CNNC_DTYPE_U8\n"));
    CHECK_THAT(c_header(description), Contains("#define MNIST_INPUT_LAYOUT CNNC_LAYOUT_NHWC\n"));
    CHECK_THAT(c_header(description), Contains("#define MNIST_INPUT_CHANNELS 3\n"));
    CHECK_THAT(c_header(description), Contains("#define MNIST_OUTPUT_SIZE 1 "));
    CHECK_THAT(c_header(description), Contains("const uint8_t* input, int32_t* output"));
  }
  SECTION("weights in a file") {
    description.weights_bytes = 1 << 20;
    description.weights_id = 77;
    CHECK_THAT(c_header(description), Contains("const void* weights, const float* input"));
    CHECK_THAT(c_header(description), Contains("mnist_check_weights"));
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
  description.input.shape = {kRows, kColumns};
  description.output.shape = {kRows};
  const Program program = test::network_program("net", kRows, kColumns, {1});
  description.build_id = program.build_id;
  description.batches = {1};
  description.workspace_bytes = program.entries[0].parameters[2].bytes;
  const std::string header = c_header(description);

  const test::TempFolder folder;
  (void)folder.write("net.h", header);
  (void)folder.write("app.c", test::example_in(header));
  (void)folder.write("net.o", *emit(program, Emit::object));
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
