// cnnc: compiles a network with its weights to an object file and a header.
// Tested by tests/tools/cnnc_command_test.py.
#include <CLI/CLI.hpp>

#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cnnc/cnnc.h"
#include "compiler/codegen/header.h"
#include "compiler/frontend/model.h"
#include "compiler/frontend/schema.h"
#include "compiler/support/files.h"
#include "compiler/weights/safetensors.h"
#include "tools/bench/explain_model.h"
#include "tools/cli/tool.h"

namespace cnnc {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(Examples:
  cnnc mnist.json --weights mnist.safetensors -o mnist.o      writes mnist.o and mnist.h
  cnnc mnist.json --weights mnist.safetensors --target arm-64 -o arm/mnist.o
  cnnc mnist.json --emit=plan                                 what is computed, in which memory
  cnnc mnist.json --explain --measure                         how, and how fast that is here
  cnnc mnist.json --train -o mnist_train.o                    the training step, for applications
  cnnc resnet50.onnx -o resnet50.o                            an ONNX model and its weights
  cnnc export mnist.json -w mnist.safetensors -o mnist.onnx   the same as cnnc --emit=onnx

An application includes mnist.h and is linked with the object and the runtime:
  cc app.c mnist.o libcnnc_runtime.a -lpthread -lm

Exit codes: 0 done, 1 an input is wrong, 2 the command line is wrong, 3 a bug of cnnc.)";

// What --emit names. No stage: the object, or the ONNX model.
struct Emission {
  const char* name;
  std::optional<Stage> stage;
  bool shows_weights;
  bool is_onnx = false;

  [[nodiscard]] bool is_object() const { return !stage && !is_onnx; }
};
const std::vector<Emission>& emissions() {
  static const std::vector<Emission> kEmissions = {
      {"graph", Stage::graph, false},     {"plan", Stage::plan, false},
      {"explain", Stage::explain, false}, {"stmt", Stage::statements, false},
      {"llvm", Stage::llvm, true},        {"asm", Stage::assembly, true},
      {"onnx", std::nullopt, true, true}, {"obj", std::nullopt, true}};
  return kEmissions;
}

struct Options {
  std::string model;
  std::string weights;
  std::optional<uint64_t> initial_seed;
  std::string output;
  std::string depfile;
  std::string emit = "obj";
  CompileOptions compile;
  bool explain = false;
  bool train = false;
  ExplainOptions explanation;
  std::string weights_storage = "embed";
  std::string input_layout = "nchw";
  std::string input_dtype = "f32";
  std::string output_form = "logits";
  std::string batches;  // empty: 1, or what the model is fixed to
  std::string cpu;
  bool no_cache = false;
  bool no_winograd = false;
  bool list_layers = false;
  bool print_schema = false;
};

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](std::string& text) -> std::string {
    std::string names;
    for (const std::string& word : words) {
      if (text == word) return {};
      names += (names.empty() ? "" : ", ") + word;
    }
    return "\"" + text + "\" is not " + names;
  };
  return {check, ""};
}

CLI::Validator known_emission() {
  const auto check = [](std::string& text) -> std::string {
    std::string names;
    for (const Emission& each : emissions()) {
      if (text == each.name) return {};
      names += std::string(names.empty() ? "" : ", ") + each.name;
    }
    return "\"" + text + "\" is none of " + names;
  };
  return {check, ""};
}

CLI::Validator c_name() {
  const auto check = [](std::string& text) -> std::string {
    const std::string name = c_identifier(text);
    if (name == text) return {};
    return "\"" + text + "\" is no name in C, but \"" + name + "\" is";
  };
  return {check, ""};
}

std::vector<int64_t> numbers_in(const std::string& text) {
  std::vector<int64_t> numbers;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) numbers.push_back(std::stoll(part));
  return numbers;
}

CLI::Validator whole_numbers() {
  const auto check = [](std::string& text) -> std::string {
    std::istringstream parts(text + ",");
    for (std::string part; std::getline(parts, part, ',');) {
      const std::string problem = cli::whole_number(1, kMostElements)(part);
      if (!problem.empty()) return problem;
    }
    return {};
  };
  return {check, ""};
}

void declare(CLI::App& app, Options& options) {
  app.add_option("MODEL.json", options.model);

  app.add_option("-w,--weights", options.weights,
                 "Trained weights, a .safetensors file with\n"
                 "PyTorch's names.\n"
                 "Default: the file that the description names")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--init-weights", options.initial_seed,
                 "Take a new network's weights, as PyTorch draws\n"
                 "them after torch.manual_seed(SEED)")
      ->type_name("SEED")
      ->excludes("--weights")
      ->group("Input");

  app.add_option("-o,--output", options.output,
                 "Where to write. An object's header is written\n"
                 "beside it. Default: MODEL.o in this folder, or\n"
                 "stdout for text, which - stands for too")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--prefix", options.compile.prefix,
                 "What the object's symbols begin with. Default:\n"
                 "FILE without its ending; with --train, MODEL_train\n"
                 "where no FILE is given")
      ->type_name("NAME")
      ->check(c_name())
      ->group("Output");
  app.add_option("--depfile", options.depfile,
                 "Write the files that were read as a rule for\n"
                 "make: the object's dependencies")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--emit", options.emit,
                 "What to write: obj (the default), onnx (a model\n"
                 "for other programs), asm, llvm, stmt (loops),\n"
                 "explain (choice of schedules), plan or graph;\n"
                 "the last four need no weights")
      ->type_name("FORM")
      ->check(known_emission())
      ->group("Output");

  app.add_flag("--explain", options.explain,
               "Which schedule each kernel gets, and why; the\n"
               "same as --emit=explain")
      ->group("Output");
  app.add_flag("--measure", options.explanation.measure,
               "With --explain: what share of this machine's FMA\n"
               "peak each kernel reaches on one thread")
      ->group("Output");
  app.add_flag("--train", options.train,
               "An object that trains the network, in batches of\n"
               "the description's size, and evaluates it. It needs\n"
               "no weights. With --explain: its kernels")
      ->group("Output");

  app.add_option("--weights-storage", options.weights_storage,
                 "embed (the default): in the object; external: in\n"
                 "a file beside it, with the ending .bin, which the\n"
                 "application reads or maps and may exchange")
      ->type_name("PLACE")
      ->check(one_of({"embed", "external"}))
      ->group("Interface");
  app.add_option("--input-layout", options.input_layout,
                 "nchw (the default) or nhwc: whether the channels\n"
                 "of an image come first or last")
      ->type_name("ORDER")
      ->check(one_of({"nchw", "nhwc"}))
      ->group("Interface");
  app.add_option("--input-dtype", options.input_dtype,
                 "f32 (the default), or u8: the application hands\n"
                 "over raw bytes, which are divided by 255 first")
      ->type_name("TYPE")
      ->check(one_of({"f32", "u8"}))
      ->group("Interface");
  app.add_option("--output-form", options.output_form,
                 "logits (the default): what the last layer\n"
                 "computes; probabilities: its softmax; argmax:\n"
                 "the number of the greatest, an int32_t")
      ->type_name("FORM")
      ->check(one_of({"logits", "probabilities", "argmax"}))
      ->group("Interface");

  app.add_option("--batch", options.batches,
                 "Images that are computed at a time. Several\n"
                 "numbers, 1,8,64, share the weights; any number\n"
                 "of images is right. Default: 1")
      ->type_name("N,...")
      ->check(whole_numbers())
      ->group("Compilation");
  app.add_option("--target", options.compile.target,
                 "The machine to compile for, see below; several\n"
                 "x86 targets, x86-64-v2,x86-64-v3, put as many\n"
                 "versions of the code into one object, which\n"
                 "takes the best that its processor can run.\n"
                 "Default: portable; with --tuned, host")
      ->type_name("TARGET,...")
      ->check(cli::known_targets())
      ->group("Compilation");
  app.add_option("--cpu", options.cpu, "native: the same as --target host")
      ->type_name("native")
      ->check(one_of({"native"}))
      ->excludes("--target")
      ->group("Compilation");
  app.add_option("-j,--threads", options.compile.threads,
                 "Threads that compile. Default: 0, one per\n"
                 "processor")
      ->type_name("N")
      ->check(cli::whole_number(0, 1024))
      ->group("Compilation");
  app.add_flag("--no-winograd", options.no_winograd,
               "Sum convolutions directly: slower where\n"
               "Winograd's algorithm applies, and rounds less")
      ->group("Compilation");
  cli::add_schedule_options(app, options.compile.tuned, options.compile.compile_budget);
  app.add_flag("--single-threaded", options.compile.single_threaded,
               "No parallel loops: the object needs memcpy,\n"
               "memset and functions like expf, and no threads")
      ->group("Compilation");
  app.add_flag("--emit-symbols", options.compile.unwindable,
               "Besides the names of kernels, which objects have\n"
               "anyway, emit what perf and gdb need to see who\n"
               "called them: frame pointers and unwind tables")
      ->group("Compilation");
  app.add_flag("--profile", options.compile.profile,
               "Tell the caller's context when a kernel begins\n"
               "and ends: see cnnc_profile in cnnc_runtime.h")
      ->group("Compilation");
  app.add_flag("--no-cache", options.no_cache, "Neither read nor fill the cache of objects")
      ->group("Compilation");

  app.add_flag("--list-layers", options.list_layers,
               "Print the table of layers, losses and\n"
               "optimizers, and exit")
      ->group("Information");
  app.add_flag("--print-schema", options.print_schema,
               "Print the JSON Schema of descriptions, and exit")
      ->group("Information");
  cli::set_help(
      app, "cnnc [options] MODEL.json",
      "Targets, besides Halide's target strings:\n" + cli::target_help() + "\n" + kExamples);
}

// How to come by weights: the network compiles, but there is nothing to put in.
Diagnostic no_weights(const std::string& model) {
  const std::string file = fs::path(model).stem().string() + ".safetensors";
  return file_error(
      model,
      "there are no weights to compile in: give --weights, or \"weights\" in the description\n"
      "  to train the network:  cnnc-train " +
          model + " --data FOLDER -o " + file +
          "\n"
          "  to take PyTorch's:     safetensors.torch.save_file(model.state_dict(), \"" +
          file +
          "\")\n"
          "  and then:              cnnc " +
          model + " --weights " + file +
          "\n"
          "  only to try cnnc:      cnnc " +
          model + " --init-weights 0");
}

Result<TensorFile> find_weights(const Model& model, const Options& options,
                                const Emission& emission) {
  if (!options.weights.empty()) return read_safetensors(options.weights);
  if (options.initial_seed) return initial_weights(model, *options.initial_seed);
  if (!model.weights_path().empty()) {
    Result<TensorFile> file = read_safetensors(model.weights_path());
    if (file) return file;
    const Place& place = model.description().weights_place;
    Diagnostics diagnostics = file.diagnostics();
    diagnostics.push_back(
        {Severity::note, "the description names that file", place.span, place.pointer, ""});
    return diagnostics;
  }
  if (!emission.shows_weights || model.has_weights()) return initial_weights(model, 0);
  return no_weights(options.model);
}

int write_text(const Options& options, const std::string& text) {
  const bool to_file = !options.output.empty() && options.output != "-";
  const Status written =
      to_file ? write_file_atomically(options.output, text) : cli::print_text(text);
  return written ? cli::kDone : cli::report(written.diagnostics());
}

int explain(const Options& options, const Model& model) {
  const Result<std::string> text = explain_model(model, options.compile, options.explanation);
  return text ? write_text(options, *text) : cli::report(text.diagnostics());
}

// A path as make and ninja read it.
std::string in_rule(const std::string& path) {
  std::string text;
  for (const char ch : path) {
    if (ch == ' ' || ch == '#' || ch == '\\') text += '\\';
    if (ch == '$') text += '$';
    text += ch;
  }
  return text;
}

// "mnist.o mnist.h: mnist.json mnist.safetensors"
std::string make_rule(const std::vector<std::string>& made, const Model& model,
                      const Options& options) {
  std::string text;
  for (const std::string& path : made) text += (text.empty() ? "" : " ") + in_rule(path);
  text += ": " + in_rule(options.model);
  std::string weights = options.weights;
  const bool takes_other_weights = options.initial_seed || options.train;
  if (weights.empty() && !takes_other_weights) weights = model.weights_path();
  for (const std::string& path : {weights, options.compile.tuned}) {
    if (!path.empty()) text += " " + in_rule(path);
  }
  return text + "\n";
}

int write_object(const Result<Object>& object, const std::string& path, const std::string& rule,
                 const Options& options) {
  if (!object) return cli::report(object.diagnostics());
  cli::report(object->notes);
  if (!options.depfile.empty()) {
    const Status noted = write_file_atomically(options.depfile, rule);
    if (!noted) return cli::report(noted.diagnostics());
  }
  const Status written = object->write(path);
  return written ? cli::kDone : cli::report(written.diagnostics());
}

int compile_model(Options options, const Emission& emission) {
  const bool to_file = !options.output.empty() && options.output != "-";
  const fs::path named_after = to_file ? options.output : options.model;
  const std::string name =
      named_after.stem().string() + (options.train && !to_file ? "_train" : "");
  const std::string object_path = to_file ? options.output : name + ".o";
  std::vector<std::string> files;
  if (emission.is_object()) {
    files = {object_path, fs::path(object_path).replace_extension(".h").string()};
    if (options.compile.external_weights) {
      files.push_back(fs::path(object_path).replace_extension(".bin").string());
    }
  } else if (to_file) {
    files = {options.output};
  }
  const std::vector<std::string> made = files;
  if (!options.depfile.empty()) files.push_back(options.depfile);
  for (const std::string& path : files) {
    const Status writable = cli::check_writable(path);
    if (!writable) return cli::report(writable.diagnostics());
  }
  const Result<Model> model = Model::load(options.model);
  if (!model) return cli::report(model.diagnostics());
  cli::report(model->warnings());
  if (model->fixed_batch() != 0 && options.batches.empty()) {
    options.compile.batches = {model->fixed_batch()};
  }
  if (emission.stage == Stage::explain) return explain(options, *model);
  if (options.compile.prefix.empty()) options.compile.prefix = c_identifier(name);
  if (options.train) {
    return write_object(compile_training(*model, options.compile), object_path,
                        make_rule(made, *model, options), options);
  }
  const Result<TensorFile> weights = find_weights(*model, options, emission);
  if (!weights) return cli::report(weights.diagnostics());
  if (emission.is_onnx) {
    const Result<std::string> bytes = to_onnx(*model, *weights);
    return bytes ? write_text(options, *bytes) : cli::report(bytes.diagnostics());
  }
  if (emission.stage) {
    const Result<std::string> text = inspect(*model, *weights, options.compile, *emission.stage);
    return text ? write_text(options, *text) : cli::report(text.diagnostics());
  }
  return write_object(compile(*model, *weights, options.compile), object_path,
                      make_rule(made, *model, options), options);
}

// What the words and flags stand for.
void translate(Options& options, bool has_target) {
  CompileOptions& compile = options.compile;
  compile.use_cache = !options.no_cache;
  compile.winograd = !options.no_winograd;
  if (!options.batches.empty()) compile.batches = numbers_in(options.batches);
  compile.external_weights = options.weights_storage == "external";
  // What was tuned was tuned here.
  const bool is_for_host = !options.cpu.empty() || (!has_target && !compile.tuned.empty());
  if (is_for_host) compile.target = "host";
  if (options.input_layout == "nhwc") compile.input_layout = InputLayout::nhwc;
  if (options.input_dtype == "u8") compile.input_dtype = InputDType::u8;
  if (options.output_form == "probabilities") compile.output = OutputForm::probabilities;
  if (options.output_form == "argmax") compile.output = OutputForm::argmax;
}

// Options that say nothing about training must not seem to; "" where none is given.
std::string problem_with_train(const CLI::App& app, const Options& options) {
  if (!options.train) return "";
  if (options.emit != "obj" && options.emit != "explain") {
    return "--train makes an object or, with --explain, a table; not --emit=" + options.emit;
  }
  for (const char* option : {"--weights", "--init-weights", "--weights-storage", "--input-layout",
                             "--input-dtype", "--output-form", "--batch"}) {
    if (app.count(option) == 0 || options.emit == "explain") continue;
    return std::string(option) + " is for inference; an object of --train " +
           (std::string(option) == "--batch" ? "computes batches of the description's batch_size"
                                             : "begins with new weights or imports them, and takes "
                                               "and gives what the layers do");
  }
  return "";
}

int run(int argc, const char* const* argv) {
  CLI::App app(
      "Compiles a network with its weights to an object file and a C header.\n"
      "MODEL is a description of the network (docs/format.md says how) or, with\n"
      "the ending .onnx, an ONNX model (docs/onnx.md).",
      "cnnc");
  Options options;
  declare(app, options);
  std::vector<const char*> words(argv, argv + argc);
  if (argc > 1 && words[1] == std::string("export")) words[1] = "--emit=onnx";
  if (const auto ended = cli::parse_command_line(app, argc, words.data())) return *ended;
  if (options.list_layers || options.print_schema) {
    const Status printed = cli::print_text((options.list_layers ? layer_table() : "") +
                                           (options.print_schema ? model_schema() : ""));
    return printed ? cli::kDone : cli::report(printed.diagnostics());
  }
  if (options.model.empty()) return cli::usage_error(app, "no MODEL.json is given");
  translate(options, app.count("--target") > 0);
  if (options.explain) {
    if (app.count("--emit") > 0 && options.emit != "explain") {
      return cli::usage_error(app, "--explain and --emit=" + options.emit + " exclude each other");
    }
    options.emit = "explain";
  }
  if (options.emit != "explain" && options.explanation.measure) {
    return cli::usage_error(app, "--measure goes with --explain");
  }
  if (const std::string problem = problem_with_train(app, options); !problem.empty()) {
    return cli::usage_error(app, problem);
  }
  options.explanation.training = options.train;
  if (options.explanation.measure && !cli::runs_here(options.compile.target)) {
    return cli::usage_error(app, "--measure needs a target that this machine runs, which " +
                                     options.compile.target + " is not");
  }
  const std::vector<Emission>& all = emissions();
  const auto emission = std::find_if(
      all.begin(), all.end(), [&](const Emission& each) { return options.emit == each.name; });
  CNNC_CHECK(emission != all.end(), "an --emit that was not checked: " + options.emit);
  if (emission->is_onnx && (options.output.empty() || options.output == "-")) {
    return cli::usage_error(app, "an ONNX model goes to a file: name it with -o");
  }
  if (emission->is_object() && options.output == "-") {
    return cli::usage_error(app, "an object goes to a file: -o - is for text, see --emit");
  }
  if (!emission->is_object() && !options.depfile.empty()) {
    return cli::usage_error(app, "--depfile is for objects, not for --emit=" + options.emit);
  }
  return compile_model(std::move(options), *emission);
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  return cnnc::cli::run_tool("cnnc", [&] { return cnnc::run(argc, argv); });
}
