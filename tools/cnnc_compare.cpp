// cnnc-compare: the compiled network beside plain loops.
// Tested by tests/tools/cnnc_compare_command_test.py.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cnnc/cnnc.h"
#include "compiler/driver/compare.h"
#include "compiler/weights/safetensors.h"
#include "tools/cli/tool.h"
#include "tools/data/npy.h"

namespace cnnc {
namespace {

constexpr const char* kExamples = R"(Examples:
  cnnc-compare mnist.json -w mnist.safetensors
  cnnc-compare mnist.json -w mnist.safetensors --input x.npy --reference y.npy

The network is compiled and runs kernel by kernel; after each, what it left in memory is compared
with plain loops in double precision. The first value that differs is named, with the layers that
compute it. --reference compares the results with an array of yours, too: where plain loops differ
from it, the description or the weights are not those that made it.

Exit codes: 0 no difference, 1 a difference, or an input is wrong, 2 the command line is wrong,
3 a bug of cnnc.)";

struct Options {
  std::string model;
  std::string weights;
  std::string reference_weights;
  std::string input;
  std::string reference;
  int64_t seed = 0;
  bool no_cache = false;
  bool no_winograd = false;
  CompareOptions compare;
};

CLI::Validator tolerance() {
  const auto check = [](std::string& text) -> std::string {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= 0 && value < 1) return {};
    return "\"" + text + "\" is no tolerance: expected a number from 0 to 1";
  };
  return {check, ""};
}

void declare(CLI::App& app, Options& options) {
  app.add_option("MODEL.json", options.model)->required();
  app.add_option("-w,--weights", options.weights,
                 "Trained weights, a .safetensors file. Default:\n"
                 "the file that the description names, or those of\n"
                 "a new network")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--input", options.input,
                 "Images as numpy.save writes them, [N, C, H, W]\n"
                 "or one of them, floats from 0 to 1 or bytes.\n"
                 "Default: one image of random pixels")
      ->type_name("FILE.npy")
      ->group("Input");
  app.add_option("--seed", options.seed, "Of random pixels. Default: 0")
      ->type_name("N")
      ->check(cli::whole_number(0, 1LL << 31))
      ->excludes("--input")
      ->group("Input");

  app.add_option("--reference", options.reference, "What the results should be, by somebody else")
      ->type_name("FILE.npy")
      ->group("Comparison");
  app.add_option("--reference-weights", options.reference_weights,
                 "Weights for the plain loops: shows where a\n"
                 "change of weights is first felt. Default: the\n"
                 "same weights")
      ->type_name("FILE")
      ->group("Comparison");
  app.add_option("--tolerance", options.compare.tolerance,
                 "The error that is no difference, relative to the\n"
                 "greatest element of a value. Default: 1e-4")
      ->type_name("X")
      ->check(tolerance())
      ->group("Comparison");

  app.add_option("--target", options.compare.target, "What of this machine to use; see below")
      ->type_name("TARGET")
      ->check(cli::known_target())
      ->group("Compilation");
  app.add_option("-j,--threads", options.compare.threads,
                 "Threads that compile. Default: 0, one per\n"
                 "processor")
      ->type_name("N")
      ->check(cli::whole_number(0, 1024))
      ->group("Compilation");
  app.add_flag("--no-winograd", options.no_winograd, "Sum convolutions directly")
      ->group("Compilation");
  app.add_flag("--no-cache", options.no_cache, "Neither read nor fill the cache of objects")
      ->group("Compilation");
  cli::set_help(
      app, "cnnc-compare [options] MODEL.json",
      "Targets, besides Halide's target strings:\n" + cli::target_help() + "\n" + kExamples);
}

Result<TensorFile> find_weights(const Model& model, const std::string& path) {
  if (!path.empty()) return read_safetensors(path);
  if (!model.weights_path().empty()) return read_safetensors(model.weights_path());
  return initial_weights(model, 0);
}

Result<std::vector<float>> find_images(const Model& model, const Options& options) {
  const Shape& shape = model.input_shape();
  std::vector<float> images(static_cast<size_t>(element_count(shape)));
  if (options.input.empty()) {
    std::mt19937 random(static_cast<uint32_t>(options.seed));
    for (float& pixel : images) pixel = static_cast<float>(random() >> 8) / (1 << 24);
    return images;
  }
  const Result<NpyArray> array = read_npy(options.input);
  if (!array) return array.diagnostics();
  Shape image = array->shape;
  if (image.size() == shape.size() + 1 && image[0] > 0) image.erase(image.begin());
  if (image != shape) {
    return file_error(options.input, "is " + to_string(array->shape) +
                                         ", but an image of the network is " + to_string(shape));
  }
  images.assign(array->elements.begin(), array->elements.end());
  constexpr float kWhite = 255;
  for (float& pixel : images) pixel = array->is_bytes ? pixel / kWhite : pixel;
  return images;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + " ";
}

constexpr size_t kKernelWidth = 40;
constexpr size_t kNumberWidth = 10;

std::string row(const std::string& what, const std::string& error, const std::string& magnitude,
                const std::string& note) {
  std::string text = padded(what, kKernelWidth) + padded(error, kNumberWidth) +
                     padded(magnitude, kNumberWidth) + note;
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string first_difference(const ComparedValue& value) {
  return "The first difference is in layer" + std::string(value.layers.size() == 1 ? " " : "s ") +
         joined(value.layers) + ": at " + to_string(value.where) + " of " + to_string(value.shape) +
         ", the compiled network has " + number(value.found) + ", plain loops have " +
         number(value.expected) + ".\n";
}

// What the table and the words below it say; and whether nothing differs.
struct Report {
  std::string table = row("kernel", "error", "of", "");
  std::string words;
  bool agrees = true;

  void add(const std::string& what, const std::vector<double>& found,
           const std::vector<double>& expected, double most, const std::string& if_not) {
    const Distance distance = distance_of(found, expected);
    const bool differs = !(distance.error <= most * distance.magnitude);
    table +=
        row(what, number(distance.error), number(distance.magnitude), differs ? "differs" : "");
    if (differs && words.empty()) words = if_not;
    agrees = agrees && !differs;
  }
};

int print(const Report& report) {
  const Status printed = cli::print_text(report.table + report.words);
  if (!printed) return cli::report(printed.diagnostics());
  return report.agrees ? cli::kDone : cli::kInputWrong;
}

int compare_model(Options options) {
  const Result<Model> model = Model::load(options.model);
  if (!model) return cli::report(model.diagnostics());
  cli::report(model->warnings());
  const Result<TensorFile> weights = find_weights(*model, options.weights);
  if (!weights) return cli::report(weights.diagnostics());
  const Result<TensorFile> reference_weights =
      options.reference_weights.empty() ? weights : read_safetensors(options.reference_weights);
  if (!reference_weights) return cli::report(reference_weights.diagnostics());
  const Result<std::vector<float>> images = find_images(*model, options);
  if (!images) return cli::report(images.diagnostics());
  Result<NpyArray> reference = NpyArray();
  if (!options.reference.empty()) reference = read_npy(options.reference);
  if (!reference) return cli::report(reference.diagnostics());

  options.compare.use_cache = !options.no_cache;
  options.compare.winograd = !options.no_winograd;
  const Result<Comparison> compared =
      compare(*model, *weights, *reference_weights, *images, options.compare);
  if (!compared) return cli::report(compared.diagnostics());

  Report report;
  for (const ComparedValue& value : compared->values) {
    report.table += row(value.kernel, number(value.error), number(value.magnitude),
                        value.differs ? "differs" : "");
    if (value.differs && report.agrees) report.words = first_difference(value);
    report.agrees = report.agrees && !value.differs;
  }
  report.add(
      "results, before any rewriting", compared->output, compared->expected,
      options.compare.tolerance,
      "Each kernel is right, but together they are not the network: a rewriting is wrong.\n");
  if (!options.reference.empty()) {
    if (reference->elements.size() != compared->output.size()) {
      return cli::report({file_error(options.reference, "is " + to_string(reference->shape) +
                                                            ", but the results are " +
                                                            to_string(compared->output_shape))});
    }
    report.add("plain loops and " + options.reference, compared->expected, reference->elements,
               options.compare.tolerance,
               "Plain loops differ from " + options.reference +
                   ", too: the description or the weights are not those that made it.\n");
    report.add("results and " + options.reference, compared->output, reference->elements,
               options.compare.tolerance, "The results differ from " + options.reference + ".\n");
  }
  if (report.agrees) report.words = "Nothing differs.\n";
  return print(report);
}

int run(int argc, const char* const* argv) {
  CLI::App app(
      "Compares a compiled network with plain loops, kernel by kernel, and names the first layers\n"
      "whose values differ.",
      "cnnc-compare");
  Options options;
  declare(app, options);
  if (const std::optional<int> ended = cli::parse_command_line(app, argc, argv)) return *ended;
  return compare_model(std::move(options));
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  return cnnc::cli::run_tool("cnnc-compare", [&] { return cnnc::run(argc, argv); });
}
