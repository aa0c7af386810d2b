// Objects that say where their time goes, and what names debuggers and profilers find in objects.
#include <catch2/catch.hpp>
#include <regex>
#include <string>
#include <vector>

#include "compiler/support/files.h"
#include "tests/codegen/command.h"
#include "tests/e2e/networks.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

Object compiled(const Model& model, bool profile) {
  CompileOptions options;
  options.target = "host";
  options.prefix = "net";
  options.profile = profile;
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  return *object;
}

// The names of the plan's kernels, in order.
std::vector<std::string> kernel_names(const Model& model) {
  const Result<std::string> plan = inspect(model, *initial_weights(model, 1), {}, Stage::plan);
  REQUIRE(plan.ok());
  std::vector<std::string> names;
  const std::regex line("\n +[0-9]+  ([a-z0-9_]+): ");
  for (std::sregex_iterator match(plan->begin(), plan->end(), line), end; match != end; ++match) {
    names.push_back("net_" + (*match)[1].str());
  }
  return names;
}

TEST_CASE("profiled objects tell the context of every kernel") {
  use_own_cache();
  const Model model = repo_model("residual");
  const Object plain = compiled(model, false), profiled = compiled(model, true);
  const std::vector<float> input = random_floats(3 * element_count(model.input_shape()), 41);
  std::vector<cnnc_kernel_time> times(64);
  cnnc_profile profile;
  cnnc_profile_init(&profile, times.data(), 64);
  cnnc_context context;
  cnnc_context_init(&context);
  cnnc_context_use_profile(&context, &profile);

  const LoadedNetwork silent(plain);
  const std::vector<float> expected = silent.outputs(input, &context);
  CHECK(profile.count == 0);

  const LoadedNetwork network(profiled);
  CHECK(network.outputs(input) == expected);  // without a context
  CHECK(profile.count == 0);
  CHECK(network.outputs(input, &context) == expected);
  const std::vector<std::string> names = kernel_names(model);
  REQUIRE(names.size() > 3);
  REQUIRE(profile.count == static_cast<int>(names.size()));
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK(times[i].kernel == names[i]);
    CHECK(times[i].step == static_cast<int>(i));
    CHECK(times[i].calls == 3);
    CHECK(times[i].nanoseconds > 0);
  }
  CHECK(profile.lost == 0);

  cnnc_context_use_profile(&context, nullptr);
  CHECK(network.outputs(input, &context) == expected);
  CHECK(times[0].calls == 3);
}

// Stops in the loop of a kernel and asks gdb for the callers.
constexpr const char* kStopped = R"(
static float input[NET_BATCH * NET_INPUT_SIZE], output[NET_BATCH * NET_OUTPUT_SIZE];
static _Alignas(NET_ALIGNMENT) unsigned char workspace[NET_WORKSPACE_BYTES + 1];
static int stop_here(const cnnc_context* context, cnnc_task task, int min, int extent,
                     uint8_t* closure) {
  for (int i = 0; i < extent; ++i) task((void*)context, min + i, closure);
  return 0;
}
static cnnc_status call_network(void) {
  cnnc_context context;
  cnnc_context_init(&context);
  context.parallel_for = stop_here;
  return net_run(&context, input, output, 1, workspace, sizeof workspace);
}
int main(void) { return call_network() == CNNC_OK ? 0 : 1; }
)";

TEST_CASE("a debugger sees who called a kernel") {
  use_own_cache();
  const TempFolder folder;
  CompileOptions options;
  options.prefix = "net";
  options.unwindable = true;
  const Model model = repo_model("mnist_cnn");
  const Result<Object> object = compile(model, *initial_weights(model, 1), options);
  REQUIRE(object.ok());
  REQUIRE(object->write(folder / "net.o").ok());
  folder.write("app.c", kStopped);
  const std::string in_folder = "cd " + folder.path() + " && ";
  REQUIRE(succeeds(in_folder + "cc -std=c11 -g -O0 -include net.h -I" CNNC_SOURCE_DIR
                               "/runtime app.c net.o " CNNC_RUNTIME_LIBRARY
                               " -lpthread -lm -o app"));
  REQUIRE(succeeds(in_folder + "gdb -nx -batch -ex 'break stop_here' -ex run -ex backtrace ./app "
                               "> trace 2>&1 < /dev/null"));
  const std::string trace = file_bytes(folder / "trace");
  INFO(trace);
  size_t at = 0;
  for (const char* frame : {"stop_here", "net_conv2", "net_run", "call_network", "main"}) {
    at = trace.find(frame, at);
    CHECK(at != std::string::npos);
  }
}

TEST_CASE("kernels keep their names in objects") {
  use_own_cache();
  const Model model = repo_model("residual");
  const TempFolder folder;
  REQUIRE(compiled(model, false).write(folder / "net.o").ok());
  REQUIRE(succeeds("cd " + folder.path() + " && nm net.o > names"));
  const std::string symbols = file_bytes(folder / "names");
  for (const std::string& name : kernel_names(model)) {
    INFO(name << "\n" << symbols);
    CHECK(symbols.find(" t " + name + "\n") != std::string::npos);
  }
  CHECK(symbols.find(" T net_run_images") != std::string::npos);
}

}  // namespace
}  // namespace cnnc::test
