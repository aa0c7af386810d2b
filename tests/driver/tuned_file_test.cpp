#include "compiler/driver/tuned_file.h"

#include <catch2/catch.hpp>

#include "cnnc/cnnc.h"
#include "compiler/driver/graphs.h"
#include "compiler/weights/safetensors.h"
#include "tests/support/temp_folder.h"

namespace cnnc {
namespace {

constexpr const char* kModel = R"({"cnnc": 1, "name": "one", "input": {"shape": [3, 12, 12]},
  "layers": [{"type": "Conv2d", "name": "conv", "out_channels": 40, "kernel_size": 3}]})";

std::string with(const std::string& entry) {
  return "{\"cnnc_tuned\": 1,\n \"entries\": [" + entry + "]}\n";
}

std::string message_of(const std::string& text) {
  const test::TempFolder folder;
  const Result<TunedTable> table = read_tuned(folder.write("t.json", text));
  if (table) return "";
  const std::string all = render(table.diagnostics());
  return all.substr(folder.path().size() + 1);
}

// The model's explanation for avx2 with tuned entries from that text.
Result<std::string> explanation(const std::string& tuned) {
  const test::TempFolder folder;
  const Result<Model> model = Model::load(folder.write("one.json", kModel));
  REQUIRE(model.ok());
  CompileOptions options;
  options.target = "avx2";
  options.tuned = folder.write("t.json", tuned);
  return inspect(*model, *initial_weights(*model, 0), options, Stage::explain);
}

// The entry for the model's convolution.
TunedEntry entry_for_model() {
  TunedEntry entry;
  entry.target = parse_target("avx2")->halide;
  entry.machine = "a machine";
  entry.date = "2026-01-31";
  entry.rule_ms = 0.5;
  entry.ms = 0.25;
  const test::TempFolder folder;
  const KernelTarget target = *parse_target("avx2");
  const Plan plan =
      make_plan(*inference_graph(*load_model(folder.write("one.json", kModel)), 1), {});
  entry.problem =
      describe_kernel(plan.graph, plan.kernels[0], plan.placements, Layout::channels_last, target)
          .problem;
  entry.params.schedule = "conv_channel";
  entry.params.a = 3;
  entry.params.b = 1;
  return entry;
}

}  // namespace

TEST_CASE("tuned entries survive writing and reading") {
  TunedEntry entry = entry_for_model();
  entry.kernel = "kernel \"with quotes\"";
  entry.params.stages_input = true;
  entry.params.block_n = 7;
  entry.threads = 2;
  TunedTable table;
  table.set(entry);
  const test::TempFolder folder;
  const std::string path = folder.write("t.json", tuned_text(table));
  const Result<TunedTable> read = read_tuned(path);
  REQUIRE(read.ok());
  REQUIRE(read->entries().size() == 1);
  const TunedEntry back = read->entries()[0];
  CHECK(key_of(back.problem) == key_of(entry.problem));
  CHECK(tuned_text(*read) == tuned_text(table));
  CHECK(back.kernel == entry.kernel);
  CHECK(back.params.stages_input);
}

TEST_CASE("tuned entries go before the rule, where they are for the problem and the target") {
  TunedEntry entry = entry_for_model();
  const Result<std::string> tuned = explanation(tuned_text(TunedTable({entry})));
  REQUIRE(tuned.ok());
  CHECK(tuned->find("conv_channel 3x1") != std::string::npos);
  CHECK(
      tuned->find("tuned: 0.25 ms where the rule's choice takes 0.5 ms (a machine, 2026-01-31)") !=
      std::string::npos);
  entry.target = parse_target("sse41")->halide;
  CHECK(explanation(tuned_text(TunedTable({entry})))->find("tuned") == std::string::npos);
  entry = entry_for_model();
  entry.problem.n = 2;
  CHECK(explanation(tuned_text(TunedTable({entry})))->find("tuned") == std::string::npos);
}

TEST_CASE("an entry that cannot compute its problem is an error at its place") {
  TunedEntry entry = entry_for_model();
  entry.params.b = 6;  // of five vectors
  const Result<std::string> tuned = explanation(tuned_text(TunedTable({entry})));
  REQUIRE_FALSE(tuned.ok());
  const std::string text = render(tuned.diagnostics());
  CHECK(text.find("t.json:") != std::string::npos);
  CHECK(text.find("error: this entry cannot compute kernel conv") != std::string::npos);
  CHECK(text.find("b must not exceed the 5 vectors") != std::string::npos);
}

TEST_CASE("files of tuned entries are checked") {
  CHECK(message_of(with("")).empty());
  CHECK(message_of("").find("the file is empty") != std::string::npos);
  CHECK(message_of("[]").find("must be an object, found a list of 0") != std::string::npos);
  CHECK(message_of("{\"cnnc_tuned\": 2, \"entries\": []}").find("t.json:1:16: error: ") == 0);
  CHECK(message_of("{\"cnnc_tuned\": 1}").find("lacks \"entries\"") != std::string::npos);
  CHECK(message_of("{\"cnnc_tuned\": 1, \"entries\": {}}").find("must be a list") !=
        std::string::npos);
  CHECK(message_of(with("3")).find("t.json:2:14: error: an entry must be an object, found 3") == 0);
  const std::string start = "{\"target\": \"x\", \"problem\": ";
  const std::string problem = "{\"family\": \"conv\", \"vectors\": \"batch\"}";
  CHECK(message_of(with(start + problem + "}")).find("lacks \"params\"") != std::string::npos);
  const std::string middle = start + problem + ", \"params\": ";
  CHECK(message_of(with(middle + "{\"schedule\": \"conv_batch\"}}")).empty());
  for (const auto& [params, message] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "lacks \"schedule\""},
           {"{\"schedule\": \"fast\"}", "there is no schedule \"fast\""},
           {"{\"schedule\": 3}", "must be a string, found 3"},
           {"{\"schedule\": \"generic\", \"a\": -1}", "\"a\" must be a whole number from 0"},
           {"{\"schedule\": \"generic\", \"a\": 1.5}", "found 1.5"},
           {"{\"schedule\": \"generic\", \"row\": 1}", "did you mean \"rows\"?"},
           {"{\"schedule\": \"generic\", \"stages_input\": 1}", "must be true or false"}}) {
    INFO(params);
    CHECK(message_of(with(middle + params + "}")).find(message) != std::string::npos);
  }
  for (const auto& [other, message] : std::vector<std::pair<std::string, std::string>>{
           {"{\"family\": \"conv\", \"vectors\": \"rows\"}", "\"batch\" or \"channel\""},
           {"{\"family\": \"conv\", \"vectors\": \"batch\", \"lanes\": 0}", "\"lanes\" must be"},
           {"{\"family\": \"conv\", \"vectors\": \"batch\", \"nn\": 1}", "unknown key \"nn\""},
           {"7", "a problem must be an object"}}) {
    INFO(other);
    CHECK(message_of(with(start + other + ", \"params\": {\"schedule\": \"generic\"}}"))
              .find(message) != std::string::npos);
  }
  const Result<TunedTable> nowhere = read_tuned("nowhere.json");
  REQUIRE_FALSE(nowhere.ok());
  CHECK(render(nowhere.diagnostics()).find("cannot open") != std::string::npos);
}

TEST_CASE("a kernel over the compile budget gets a simpler schedule, and a note says so") {
  const test::TempFolder folder;
  const Result<Model> model = Model::load(folder.write("one.json", kModel));
  REQUIRE(model.ok());
  const Result<TensorFile> weights = initial_weights(*model, 0);
  CompileOptions options;
  options.target = "host";
  options.use_cache = false;
  const Result<Object> usual = compile(*model, *weights, options);
  REQUIRE(usual.ok());
  CHECK(usual->notes.empty());
  options.compile_budget = 1;
  const Result<Object> simple = compile(*model, *weights, options);
  REQUIRE(simple.ok());
  REQUIRE(simple->notes.size() == 1);
  CHECK(simple->notes[0].severity == Severity::note);
  CHECK(simple->notes[0].message.find("more than the compile budget of 1; it gets generic") !=
        std::string::npos);
  CHECK(simple->bytes != usual->bytes);
  CHECK(simple->bytes == compile(*model, *weights, options)->bytes);
  options.target = "avx2";
  const Result<std::string> text = inspect(*model, *weights, options, Stage::explain);
  REQUIRE(text.ok());
  CHECK(text->find("over the compile budget: generic") != std::string::npos);
}

}  // namespace cnnc
