// cnnc: compiles convolutional networks, trains them, and writes them as object files.
//
//   auto model = cnnc::Model::load("mnist.json");
//   auto trainer = cnnc::Trainer::create(*model);
//   trainer->step(images, labels, 64);            // one batch: forward, backward, update
//   trainer->save_weights("mnist.safetensors");   // PyTorch's names and layouts
//   auto object = trainer->compile();             // the object file of the network as it is now
//   object->write("mnist.o");                     // mnist.o and mnist.h
//
// Functions return a Result: a value, or diagnostics for people (compiler/support/result.h). What
// they throw, cnnc::InternalError, is a bug of the compiler.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/support/result.h"

namespace cnnc {

struct ModelDescription;
struct TensorFile;

// How a network is trained whose file does not say it.
struct TrainingChoice {
  std::string loss;        // a type of docs/format.md, with its defaults; empty: it is not trained
  std::string optimizer;   // empty: SGD
  int64_t batch_size = 0;  // 0: the usual
};

// A network, checked: its description (docs/format.md), or an ONNX model (docs/onnx.md) with its
// weights, where the path ends in .onnx.
class Model {
 public:
  static Result<Model> load(const std::string& path, const TrainingChoice& training = {});

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::vector<int64_t>& input_shape() const;  // [C, H, W] or [F]
  [[nodiscard]] int64_t batch_size() const;
  [[nodiscard]] int64_t epochs() const;
  [[nodiscard]] double learning_rate() const;             // 0 without an optimizer
  [[nodiscard]] const std::string& weights_path() const;  // empty: the description names none
  // Whether its file holds weights, which initial_weights() gives then.
  [[nodiscard]] bool has_weights() const;
  // The number of images that it computes at a time; 0: any.
  [[nodiscard]] int64_t fixed_batch() const;
  [[nodiscard]] const Diagnostics& warnings() const;
  [[nodiscard]] const ModelDescription& description() const { return *description_; }

 private:
  explicit Model(std::shared_ptr<const ModelDescription> description);
  std::shared_ptr<const ModelDescription> description_;
};

// What an application hands over, and what it gets.
enum class InputLayout {
  nchw,  // channels, rows, columns
  nhwc,  // rows, columns, channels: as most image files and cameras have them
};
enum class InputDType {
  f32,  // as the description says: pixels from 0 to 1
  u8,   // raw bytes, 0 to 255, which are divided by 255 first
};
enum class OutputForm {
  logits,         // what the last layer computes
  probabilities,  // its softmax along the channels, unless the last layer is that already
  argmax,         // the number of the greatest channel, int32_t
};

struct CompileOptions {
  // Halide's target strings or aliases, see `cnnc --help`; several, separated by commas, put as
  // many versions of the code into one object. "portable" stands for those of this architecture,
  // "host" for this very processor.
  std::string target = "portable";
  // Images that the object computes at a time: it has code for each of these numbers, and runs any
  // number of images with them.
  std::vector<int64_t> batches = {1};
  InputLayout input_layout = InputLayout::nchw;
  InputDType input_dtype = InputDType::f32;
  OutputForm output = OutputForm::logits;
  bool external_weights = false;  // in a file of their own, Object::weights
  std::string prefix;             // of the object's symbols; empty: the model's name
  int threads = 0;                // that compile; 0: one per processor
  bool use_cache = true;          // of objects, on disk
  bool winograd = true;           // allows Winograd's algorithm, if the description does, too
  std::string tuned;              // a file of cnnc-tune's, which goes before the rules; empty: none
  int64_t compile_budget = 0;     // vector operations that a kernel may unroll; 0: the usual
  bool profile = false;           // the object tells the context's hook of each kernel
  bool unwindable = false;        // frame pointers and unwind tables, for profilers and debuggers
  bool single_threaded = false;   // no parallel loops in the object: it needs no runtime for them
};

// An object file and the header that declares what is in it.
struct Object {
  std::string prefix;
  std::string bytes;
  std::string header;
  std::string weights;  // the file of external weights; empty: they are part of the object
  Diagnostics notes;    // what is remarkable about the compilation

  // Writes `path` and beside it, with the endings .h and .bin, the header and the weights if they
  // are external. None is ever half written.
  [[nodiscard]] Status write(const std::string& path) const;
};

// The network with trained weights, for inference.
Result<Object> compile(const Model& model, const TensorFile& weights,
                       const CompileOptions& options);

// The network's training step, evaluation and prediction. Of the options those count that concern
// targets, schedules, threads, symbols and profiles. The description has a loss and an optimizer;
// its batch_size is that of a step.
Result<Object> compile_training(const Model& model, const CompileOptions& options);

// What the compiler made on the way, as text.
enum class Stage { graph, plan, explain, statements, llvm, assembly };
Result<std::string> inspect(const Model& model, const TensorFile& weights,
                            const CompileOptions& options, Stage stage);

// The network with those weights as an ONNX model, for other programs: its bytes (docs/onnx.md).
Result<std::string> to_onnx(const Model& model, const TensorFile& weights);

// Weights as a new network gets them: those of its file or, where it has none, drawn from PyTorch's
// default distributions as PyTorch draws them.
Result<TensorFile> initial_weights(const Model& model, uint64_t seed);

struct TrainerOptions {
  std::string target = "host";
  int threads = 0;    // that train; 0: one per processor. Results do not depend on it.
  uint64_t seed = 0;  // of the initial weights and of dropout
  bool use_cache = true;
  std::string tuned;  // as in CompileOptions
  int64_t compile_budget = 0;
  // perf and gdb learn the names of the kernels that run in this process, and who called them. For
  // perf, /tmp/perf-<process>.map lists them, and stays.
  bool emit_symbols = false;
  bool checked_kernels = false;  // with run-time checks of every access: for tests of the compiler
};

struct Evaluation {
  double loss = 0;      // mean over the images
  int64_t correct = 0;  // targets whose class has the greatest output; 0 for values
  int64_t count = 0;    // images
  int64_t targets = 0;  // that are classes: one for each image, or one for each of its pixels
};

// What the network's loss compares its output with.
enum class TargetKind {
  classes,  // int32_t: one for each image, or for each pixel of an output [C, H, W]
  values,   // float: as many as the output has
};

// Trains a network that is compiled in this process. The whole step is compiled code.
class Trainer {
 public:
  static Result<Trainer> create(const Model& model, const TrainerOptions& options = {});
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  // One training step on up to batch_size() images, [count, C, H, W] with pixels in [0, 1], and
  // their labels. Returns the loss before the update: its mean over the batch.
  double step(const float* images, const int32_t* labels, int64_t count);
  // The same for a loss of values.
  double step(const float* images, const float* targets, int64_t count);

  // Loss and hits of any number of images; the weights stay as they are.
  Evaluation evaluate(const float* images, const int32_t* labels, int64_t count);
  Evaluation evaluate(const float* images, const float* targets, int64_t count);

  // Which of the two the loss wants, and how many elements for each image.
  [[nodiscard]] TargetKind target_kind() const;
  [[nodiscard]] int64_t target_size() const;

  // For a learning rate with a schedule ("lr_scheduler"): an epoch has ended, whose loss is `loss`;
  // and how long the training will be, which OneCycleLR asks for.
  void end_epoch(double loss);
  [[nodiscard]] int64_t epochs_done() const;  // calls of end_epoch
  void set_length(int64_t steps_per_epoch, int64_t epochs);

  [[nodiscard]] int64_t batch_size() const;
  // What is remarkable about the compilation of the step.
  [[nodiscard]] const Diagnostics& notes() const;
  [[nodiscard]] int64_t steps_done() const;
  [[nodiscard]] double learning_rate() const;  // of the next step
  // From the next step on; where there is a schedule, what it starts from.
  void set_learning_rate(double rate);

  // Parameters by PyTorch's names ("conv1.weight", [Cout, Cin, KH, KW]); the optimizer's state is
  // left out, or stored beside them ("conv1.weight.momentum_buffer").
  [[nodiscard]] TensorFile weights() const;
  Status save_weights(const std::string& path) const;
  Status load_weights(const std::string& path);
  // Everything that continuing needs. `progress` is the caller's own, kept as text.
  Status save_checkpoint(const std::string& path, const std::string& progress) const;
  Result<std::string> load_checkpoint(const std::string& path);

  // The object of the network as it is trained now.
  [[nodiscard]] Result<Object> compile(const CompileOptions& options = {}) const;

 private:
  struct Impl;
  explicit Trainer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cnnc
