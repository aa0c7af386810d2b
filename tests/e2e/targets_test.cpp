// Objects for other processors compute what they compute here: cross-compiled programs under QEMU's
// emulation, WebAssembly under node. tools/setup.sh installs what these tests need.
#include <catch2/catch.hpp>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/codegen/kernel.h"
#include "compiler/codegen/object.h"
#include "compiler/support/files.h"
#include "tests/codegen/command.h"
#include "tests/e2e/networks.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

constexpr int64_t kImages = 5;

// A program that turns kImages images of floats on its standard input into floats on its standard
// output. It ends with the status of the network.
constexpr const char* kApplication = R"(
#include <stdio.h>
static float input[5 * NET_INPUT_SIZE], output[5 * NET_OUTPUT_SIZE];
static _Alignas(NET_ALIGNMENT) unsigned char workspace[NET_WORKSPACE_BYTES];
int main(void) {
  if (fread(input, sizeof input, 1, stdin) != 1) return 101;
  const cnnc_status status = net_run(NULL, input, output, 5, workspace, sizeof workspace);
  if (status != CNNC_OK) return (int)status;
  return fwrite(output, sizeof output, 1, stdout) == 1 ? 0 : 102;
}
)";

// Convolutions direct and by Winograd's algorithm, of odd sizes, with pools and a depthwise one;
// 3x3 taps and linear layers.
constexpr const char* kNetwork = R"({
  "cnnc": 1, "name": "net",
  "input": {"shape": [3, 17, 19], "mean": [0.5, 0.4, 0.6], "std": [0.5, 0.3, 0.2]},
  "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 48, "kernel_size": 3, "padding": 1},
    {"type": "ReLU", "name": "relu1"},
    {"type": "Conv2d", "name": "conv2", "out_channels": 40, "kernel_size": 3, "padding": 1},
    {"type": "ReLU", "name": "relu2"},
    {"type": "Conv2d", "name": "conv3", "out_channels": 40, "kernel_size": 3, "padding": 1,
     "groups": 40},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Conv2d", "name": "conv4", "out_channels": 21, "kernel_size": [3, 2], "stride": 2},
    {"type": "ReLU"},
    {"type": "Flatten"},
    {"type": "Linear", "name": "fc1", "out_features": 130},
    {"type": "ReLU"},
    {"type": "Linear", "name": "fc2", "out_features": 7}]})";

Object compiled_for(const Model& model, const std::string& target,
                    OutputForm form = OutputForm::probabilities) {
  CompileOptions options;
  options.output = form;
  options.target = target;
  options.prefix = "net";
  options.batches = {1, 4};
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

std::string as_bytes(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}

std::vector<float> as_floats(const std::string& bytes) {
  std::vector<float> result(bytes.size() / sizeof(float));
  std::memcpy(result.data(), bytes.data(), result.size() * sizeof(float));
  return result;
}

// An application in a folder of its own.
class Application {
 public:
  Application(const Object& object, const std::vector<float>& images) {
    REQUIRE(object.write(folder_ / "net.o").ok());
    folder_.write("app.c", "#include \"net.h\"\n" + std::string(kApplication));
    folder_.write("input", as_bytes(images));
  }

  // `compiler` is a command with options and libraries; `sources` are those of the runtime.
  void build(const std::string& compiler, const std::string& libraries,
             const std::string& sources = "context status weights pool") const {
    const std::string runtime = source_path("runtime");
    std::string files;
    std::istringstream names(sources);
    for (std::string name; names >> name;) files += " " + runtime + "/" + name + ".c";
    REQUIRE(succeeds("cd " + folder_.path() + " && " + compiler + " -std=gnu11 -O1 -Wall -Wextra " +
                     "-Werror -I" + runtime + " app.c net.o" + files + " -o app" + libraries));
  }
  [[nodiscard]] int run(const std::string& emulator) const {
    const std::string command =
        "cd " + folder_.path() + " && " + emulator + " ./app < input > output; echo $? > status";
    REQUIRE(succeeds(command));
    return std::stoi(file_bytes(folder_ / "status"));
  }
  [[nodiscard]] std::vector<float> output() const {
    return as_floats(file_bytes(folder_ / "output"));
  }

 private:
  TempFolder folder_;
};

// What this machine computes, and what plain loops do.
struct Expected {
  OutputForm form;
  Model model = model_of(kNetwork);
  std::vector<float> images = random_floats(kImages * element_count(model.input_shape()), 4);
  std::vector<float> here = LoadedNetwork(compiled_for(model, "host", form)).outputs(images);

  explicit Expected(OutputForm output_form = OutputForm::probabilities) : form(output_form) {
    if (form != OutputForm::logits) return;
    REQUIRE(distance(here, reference_outputs(model, *initial_weights(model, 1), images, kImages)) <=
            1e-5);
  }
};

void check_output(const Application& application, const Expected& expected) {
  CHECK(distance(application.output(), expected.here) <= 1e-5);
}

constexpr const char* kLibraries = " -lpthread -lm";

}  // namespace

TEST_CASE("ARM and RISC-V compute what this machine computes", "[targets]") {
  use_own_cache();
  struct Machine {
    const char* target;
    const char* compiler;
    const char* emulator;
    OutputForm form;
  };
  // QEMU 7.2 ends with an assertion of its own where RISC-V code computes exponentials.
  const auto [target, compiler, emulator, form] = GENERATE(
      Machine{"arm-64", "aarch64-linux-gnu-gcc -static", "qemu-aarch64", OutputForm::probabilities},
      Machine{"arm-64", "aarch64-linux-gnu-gcc -static", "qemu-aarch64", OutputForm::logits},
      Machine{"riscv-64", "riscv64-linux-gnu-gcc -static",
              "qemu-riscv64 -cpu rv64,v=true,vlen=128,vext_spec=v1.0", OutputForm::logits});
  INFO(target);
  const Expected expected(form);
  const Application application(compiled_for(expected.model, target, form), expected.images);
  // RISC-V's atomic operations on bytes are in a library of the compiler.
  application.build(compiler, std::string(kLibraries) + " -latomic");
  REQUIRE(application.run(emulator) == CNNC_OK);
  check_output(application, expected);
}

TEST_CASE("RISC-V code refuses vectors of another length", "[targets]") {
  use_own_cache();
  const Expected expected(OutputForm::logits);
  const Application application(compiled_for(expected.model, "riscv-64", OutputForm::logits),
                                expected.images);
  application.build("riscv64-linux-gnu-gcc -static", std::string(kLibraries) + " -latomic");
  for (const char* length : {"256", "512"}) {
    CHECK(application.run(std::string("qemu-riscv64 2> /dev/null -cpu rv64,v=true,vext_spec=v1.0,"
                                      "vlen=") +
                          length) == CNNC_UNSUPPORTED_CPU);
  }
}

TEST_CASE("WebAssembly computes what this machine computes", "[targets]") {
  use_own_cache();
  const Expected expected;
  const Object object = compiled_for(expected.model, "wasm-32");
  const Application application(object, expected.images);
  // The usual stack of 64 KiB is too small; the header says what a call needs.
  const int64_t stack = number_in_header(object, "STACK_BYTES") + (1 << 16);
  application.build(
      "clang-22 --target=wasm32-wasi -Wno-deprecated --sysroot=/usr -msimd128 -Wl,-z,stack-size=" +
          std::to_string(stack / 16 * 16),
      "", "context status weights");
  REQUIRE(application.run("node --no-warnings " + source_path("tests/e2e/wasi.mjs")) == CNNC_OK);
  check_output(application, expected);
}

TEST_CASE("levels of x86-64 compute what this machine computes", "[targets]") {
  use_own_cache();
  const auto* target = GENERATE("x86-64", "x86-64-v2", "x86-64-v3");
  INFO(target);
  const Expected expected;
  const Application application(compiled_for(expected.model, target), expected.images);
  application.build("cc -static", kLibraries);
  REQUIRE(application.run("qemu-x86_64 2> /dev/null -cpu max") == CNNC_OK);
  check_output(application, expected);
}

TEST_CASE("a portable object runs on every processor that it has code for", "[targets]") {
  use_own_cache();
  const Expected expected;
  const Object object = compiled_for(expected.model, "x86-64-v2,x86-64-v3,x86-64-v4");
  const Application application(object, expected.images);
  application.build("cc -static", kLibraries);
  // Here, whatever that is.
  const int here = application.run("");
  CHECK((here == CNNC_OK || here == CNNC_UNSUPPORTED_CPU));
  if (here == CNNC_OK) check_output(application, expected);

  for (const char* processor : {"Nehalem", "Westmere", "Haswell", "max", "Haswell,avx2=off",
                                "Haswell,fma=off", "Haswell,bmi2=off"}) {
    INFO(processor);
    REQUIRE(application.run(std::string("qemu-x86_64 2> /dev/null -cpu ") + processor) == CNNC_OK);
    check_output(application, expected);
  }
  // Below the least level: a status, and nothing is written.
  for (const char* processor : {"core2duo", "qemu64", "Nehalem,sse4.2=off", "Nehalem,popcnt=off"}) {
    INFO(processor);
    CHECK(application.run(std::string("qemu-x86_64 2> /dev/null -cpu ") + processor) ==
          CNNC_UNSUPPORTED_CPU);
    CHECK(application.output().empty());
  }
}

TEST_CASE("a processor that is too small gets a status from objects for one level", "[targets]") {
  use_own_cache();
  const Expected expected;
  for (const char* target : {"x86-64-v3", "x86-64-v4"}) {
    const Application application(compiled_for(expected.model, target), expected.images);
    application.build("cc -static", kLibraries);
    CHECK(application.run("qemu-x86_64 2> /dev/null -cpu Nehalem") == CNNC_UNSUPPORTED_CPU);
  }
  CHECK_FALSE(succeeds("qemu-x86_64 2> /dev/null -cpu no-such-processor true 2> /dev/null"));
}

TEST_CASE("versions and batches share one set of weights", "[targets]") {
  use_own_cache();
  const Model model = repo_model("mnist_cnn");
  CompileOptions options;
  options.target = "x86-64-v4";
  const TensorFile weights = *initial_weights(model, 1);
  const size_t one = compile(model, weights, options)->bytes.size();
  options.target = "x86-64-v2,x86-64-v3,x86-64-v4";
  options.batches = {1, 8, 64};
  const size_t nine = compile(model, weights, options)->bytes.size();
  INFO(one << " bytes alone, " << nine << " bytes of nine codes");
  CHECK(nine < one + one / 20);
}

TEST_CASE("every system that there is code for", "[targets]") {
  use_own_cache();
  const auto* target =
      GENERATE("x86-64-v3-windows", "x86-64-v2-windows,x86-64-v3-windows", "x86-64-v3-osx",
               "x86-64-v3-android", "x86-64-v2-noos", "arm-64-windows", "arm-64-osx", "arm-64-ios",
               "arm-64-android", "arm-64-noos", "riscv-64-noos", "arm-32-linux", "x86-32-linux",
               "x86-32-windows", "wasm-32");
  INFO(target);
  const Model model = model_of(kNetwork);
  const Object object = compiled_for(model, target);
  CHECK(!undefined_symbols(object.bytes).empty());
  for (const std::string& symbol : undefined_symbols(object.bytes)) {
    INFO(symbol);
    CHECK(may_stay_undefined(symbol));
  }
}

}  // namespace cnnc::test
