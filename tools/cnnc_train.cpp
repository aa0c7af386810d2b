// cnnc-train: trains a network on a data set.
// Tested by tests/tools/cnnc_train_command_test.py.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cnnc/cnnc.h"
#include "compiler/frontend/model.h"
#include "tools/cli/stop_signal.h"
#include "tools/cli/tool.h"
#include "tools/cli/training.h"
#include "tools/cli/training_data.h"
#include "tools/cli/training_state.h"

namespace cnnc {
namespace {

constexpr const char* kExamples = R"(Examples:
  cnnc-train mnist.json --data mnist                         three epochs, to mnist.safetensors
  cnnc-train mnist.json --data mnist --resume --epochs 5     two more
  cnnc-train resnet20.json --data synthetic:train=5000       shapes that are drawn
  cnnc-train net.onnx --loss CrossEntropyLoss --data mnist   on from the weights of an ONNX model

Data sets, told apart by what is there:
  a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
    t10k-labels-idx1-ubyte, as MNIST has them, each as it is or with .gz
  a folder with CIFAR-10's data_batch_1.bin ... and test_batch.bin, or CIFAR-100's two
  a folder with x_train.npy, y_train.npy, x_test.npy, y_test.npy, or one .npz with the four
  a folder with train/CLASS/ and test/CLASS/, or CLASS/ alone, of PNG and JPEG files
  synthetic, or synthetic:train=2000,test=500,classes=10,noise=0.1,seed=0: drawn shapes

The same seed gives the same weights, bit for bit, with any number of threads, and also where
training was interrupted and resumed. Ctrl-C stops after the current step and saves.

Exit codes: 0 done, 1 an input is wrong, 2 the command line is wrong, 3 a bug of cnnc, 130 stopped.)";

struct Options {
  std::string model;
  std::string data;
  std::optional<int64_t> epochs;
  std::optional<double> learning_rate;
  TrainingChoice choice;
  std::optional<uint64_t> seed;
  bool no_shuffle = false;
  bool no_augmentation = false;
  std::string output;
  std::string checkpoint;
  bool resume = false;
  std::string resume_from;
  bool no_cache = false;
  TrainerOptions trainer;
};

// --resume takes the word behind it, which may have been meant as the model.
CLI::Validator no_model() {
  const auto check = [](std::string& text) -> std::string {
    constexpr std::string_view kEnding = ".json";
    const bool ends = text.size() > kEnding.size() &&
                      text.compare(text.size() - kEnding.size(), kEnding.size(), kEnding) == 0;
    if (!ends) return {};
    return "\"" + text + "\" is no checkpoint; MODEL.json stands before it";
  };
  return {check, ""};
}

void declare(CLI::App& app, Options& options) {
  app.add_option("MODEL.json", options.model)->required();
  app.add_option("--data", options.data, "The images and labels; see below")
      ->type_name("DATA")
      ->required()
      ->group("Input");

  app.add_option("--epochs", options.epochs,
                 "How often to go through the data, resumed\n"
                 "epochs included. Default: as described")
      ->type_name("N")
      ->check(cli::whole_number(1, 1000000))
      ->group("Training");
  app.add_option("--loss", options.choice.loss,
                 "What an ONNX model is trained with, such as\n"
                 "CrossEntropyLoss: a loss of docs/format.md")
      ->type_name("LOSS")
      ->group("Training");
  app.add_option("--optimizer", options.choice.optimizer, "And how, such as Adam. Default: SGD")
      ->type_name("OPTIMIZER")
      ->needs("--loss")
      ->group("Training");
  app.add_option("--batch", options.choice.batch_size,
                 "Images of a step, for an ONNX model. Default: 64")
      ->type_name("N")
      ->needs("--loss")
      ->check(cli::whole_number(1, 1000000))
      ->group("Training");
  app.add_option("--lr", options.learning_rate,
                 "The learning rate. Default: as described, or\n"
                 "that of the checkpoint")
      ->type_name("RATE")
      ->check(cli::learning_rate())
      ->group("Training");
  app.add_option("--seed", options.seed,
                 "Of initial weights, order and dropout.\n"
                 "Default: 0, or that of the checkpoint")
      ->type_name("N")
      ->group("Training");
  app.add_flag("--no-shuffle", options.no_shuffle, "Go through the data in the files' order")
      ->group("Training");
  app.add_flag("--no-augmentation", options.no_augmentation, "Train on the images as they are")
      ->group("Training");

  app.add_option("-o,--output", options.output,
                 "The trained weights.\n"
                 "Default: the network's name, in this folder")
      ->type_name("FILE")
      ->group("Files");
  app.add_option("--checkpoint", options.checkpoint,
                 "What resuming needs, saved after each epoch and\n"
                 "on Ctrl-C. Default: the output, and .checkpoint")
      ->type_name("FILE")
      ->group("Files");
  app.add_option("--resume", options.resume_from,
                 "Go on from a checkpoint.\n"
                 "Default: the file of --checkpoint")
      ->type_name("[FILE]")
      ->expected(0, 1)
      ->check(no_model())
      ->group("Files");

  app.add_option("-j,--threads", options.trainer.threads,
                 "Threads that train. Default: 0, one per\n"
                 "processor")
      ->type_name("N")
      ->check(cli::whole_number(0, 1024))
      ->group("Compilation");
  app.add_option("--target", options.trainer.target, "What of this machine to use; see below")
      ->type_name("TARGET")
      ->check(cli::known_target())
      ->group("Compilation");
  cli::add_schedule_options(app, options.trainer.tuned, options.trainer.compile_budget);
  app.add_flag("--emit-symbols", options.trainer.emit_symbols,
               "Tell perf and gdb the names of kernels; perf\n"
               "finds them in /tmp/perf-PID.map, which stays")
      ->group("Compilation");
  app.add_flag("--no-cache", options.no_cache, "Neither read nor fill the cache of objects")
      ->group("Compilation");
  cli::set_help(
      app, "cnnc-train [options] MODEL.json --data DATA",
      "Targets, besides Halide's target strings:\n" + cli::target_help() + "\n" + kExamples);
}

// The state to start with: a new one, or that of the checkpoint, which must be of this training.
Result<cli::TrainingState> first_state(const Options& options, const Model& model, int64_t images) {
  cli::TrainingState state;
  state.model = model.name();
  state.seed = options.seed.value_or(0);
  state.shuffle = !options.no_shuffle;
  state.batch_size = model.batch_size();
  state.images = images;
  if (!options.resume) return state;

  Result<cli::TrainingState> saved = cli::read_training_state(options.resume_from);
  if (!saved) return saved;
  Diagnostics problems;
  const auto differs = [&](const std::string& what) {
    problems.push_back(file_error(options.resume_from, what));
  };
  if (saved->model != state.model) {
    differs("is a checkpoint of the network \"" + saved->model + "\", not of \"" + state.model +
            "\"");
  }
  if (options.seed && saved->seed != state.seed) {
    differs("was trained with the seed " + std::to_string(saved->seed) + ", not " +
            std::to_string(state.seed));
  }
  if (options.no_shuffle && saved->shuffle) {
    differs("was trained on shuffled data: resume without --no-shuffle");
  }
  if (saved->batch_size != state.batch_size) {
    differs("was trained in batches of " + std::to_string(saved->batch_size) + ", not " +
            std::to_string(state.batch_size));
  }
  if (saved->images != images) {
    differs("was trained on " + std::to_string(saved->images) + " images, but there are " +
            std::to_string(images));
  }
  if (!problems.empty()) return problems;
  return saved;
}

// A word of the command line as a shell reads it.
std::string quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string result = "'";
  for (const char ch : word) result += ch == '\'' ? std::string("'\\''") : std::string(1, ch);
  return result + "'";
}

std::string resume_command(int argc, const char* const* argv) {
  std::string command;
  bool resumes = false;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    // From the new checkpoint, whichever the last run began with.
    if (word.rfind("--resume=", 0) == 0) continue;
    if (word == "--resume") {
      resumes = true;
      continue;
    }
    if (resumes && word.rfind('-', 0) != 0) {
      resumes = false;
      continue;
    }
    resumes = false;
    command += quoted(word) + " ";
  }
  return command + "--resume";
}

int train_model(Options options, const std::string& resume_command) {
  const Result<Model> model = Model::load(options.model, options.choice);
  if (!model) return cli::report(model.diagnostics());
  cli::report(model->warnings());
  if (options.output.empty()) options.output = model->name() + ".safetensors";
  if (options.checkpoint.empty()) options.checkpoint = options.output + ".checkpoint";
  if (options.resume_from.empty()) options.resume_from = options.checkpoint;
  for (const std::string& path : {options.output, options.checkpoint}) {
    const Status writable = cli::check_writable(path);
    if (!writable) return cli::report(writable.diagnostics());
  }
  Result<cli::TrainingData> data = cli::load_training_data(options.data, *model);
  if (!data) return cli::report(data.diagnostics());
  if (options.no_augmentation) data->augmentation.steps.clear();
  const Result<cli::TrainingState> state = first_state(options, *model, data->train.count);
  if (!state) return cli::report(state.diagnostics());

  cli::TrainingRun run{*data, *state, options.epochs.value_or(model->epochs()), options.output,
                       options.checkpoint};
  run.announce();
  options.trainer.seed = state->seed;
  options.trainer.use_cache = !options.no_cache;
  Result<Trainer> trainer = Trainer::create(*model, options.trainer);
  if (!trainer) return cli::report(trainer.diagnostics());
  cli::report(trainer->notes());
  if (trainer->target_kind() != TargetKind::classes ||
      trainer->target_size() != data->train.label_size ||
      trainer->target_size() != data->test.label_size) {
    const std::string& loss = model->description().loss.op->name;
    return cli::report({file_error(
        options.data,
        "has " +
            (data->train.label_size == 1 ? std::string("one label")
                                         : std::to_string(data->train.label_size) + " labels") +
            " for each image, but " + loss + " compares with " +
            std::to_string(trainer->target_size()) +
            (trainer->target_kind() == TargetKind::values ? " values" : " labels"))});
  }
  if (options.resume) {
    const Result<std::string> loaded = trainer->load_checkpoint(options.resume_from);
    if (!loaded) return cli::report(loaded.diagnostics());
  }
  if (options.learning_rate) trainer->set_learning_rate(*options.learning_rate);

  cli::catch_stop_signals();
  const Result<cli::TrainingEnd> end = run.train(*trainer);
  if (!end) return cli::report(end.diagnostics());
  if (*end == cli::TrainingEnd::finished) return cli::kDone;
  std::fprintf(stderr, "stopped: saved %s and %s; to go on:\n  %s\n", options.output.c_str(),
               options.checkpoint.c_str(), resume_command.c_str());
  return cli::kInterrupted;
}

int run(int argc, const char* const* argv) {
  CLI::App app(
      "Trains a network, and saves its weights with PyTorch's names and layouts.\n"
      "MODEL is a description of the network (docs/format.md says how) or, with\n"
      "the ending .onnx, an ONNX model (docs/onnx.md), whose weights training begins with.",
      "cnnc-train");
  Options options;
  declare(app, options);
  if (const std::optional<int> ended = cli::parse_command_line(app, argc, argv)) return *ended;
  options.resume = app.count("--resume") > 0;
  return train_model(std::move(options), resume_command(argc, argv));
}

}  // namespace
}  // namespace cnnc

int main(int argc, char** argv) {
  return cnnc::cli::run_tool("cnnc-train", [&] { return cnnc::run(argc, argv); });
}
