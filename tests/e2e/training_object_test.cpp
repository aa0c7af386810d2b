// Objects that train: in programs of plain C, they do what the trainer does in this process.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cnnc_training.h"
#include "compiler/driver/training_program.h"
#include "compiler/support/files.h"
#include "tests/codegen/command.h"
#include "tests/codegen/example.h"
#include "tests/e2e/networks.h"
#include "tests/schedules/guarded_memory.h"
#include "tests/support/golden.h"
#include "tests/support/temp_folder.h"

namespace cnnc::test {
namespace {

constexpr int64_t kBatch = 5;
constexpr int64_t kClasses = 4;
constexpr int kSteps = 6;

// A batch that is no multiple of any vector, and dropout.
constexpr const char* kNetwork = R"({
  "cnnc": 1, "name": "net",
  "input": {"shape": [2, 9, 8], "mean": [0.5, 0.4], "std": [0.5, 0.3]},
  "layers": [
    {"type": "Conv2d", "name": "conv1", "out_channels": 6, "kernel_size": 3, "padding": 1},
    {"type": "ReLU"},
    {"type": "MaxPool2d", "kernel_size": 2},
    {"type": "Flatten"},
    {"type": "Dropout", "p": 0.25},
    {"type": "Linear", "name": "fc", "out_features": 4}],
  "loss": {"type": "CrossEntropyLoss"},
  "optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9},
  "training": {"batch_size": 5}})";

// Images of the step: all but the last are whole batches.
int64_t images_of(int step) { return step + 1 == kSteps ? 3 : kBatch; }

// Reads the images and labels of kSteps steps from its standard input, trains with seed 7, lowers
// the learning rate before the last step, and writes losses, outputs for the first batch and the
// weights.
constexpr const char* kProgram = R"(
#include <stdio.h>
static _Alignas(64) unsigned char state[NET_STATE_BYTES], workspace[NET_WORKSPACE_BYTES];
static float images[6][5 * NET_INPUT_SIZE], outputs[5 * NET_OUTPUT_SIZE];
static int32_t labels[6][5];
static unsigned char file[NET_EXPORT_BYTES];
int main(void) {
  if (fread(images, sizeof images, 1, stdin) != 1) return 101;
  if (fread(labels, sizeof labels, 1, stdin) != 1) return 102;
  cnnc_status status = net_init(state, sizeof state, 7);
  for (int step = 0; step < 6 && status == CNNC_OK; ++step) {
    float loss = 0;
    if (step == 5) net_set_learning_rate(state, 0.01f);
    status = net_step(NULL, state, images[step], labels[step], step == 5 ? 3 : 5, &loss, workspace,
                      sizeof workspace);
    fwrite(&loss, sizeof loss, 1, stdout);
  }
  if (status == CNNC_OK) {
    status = net_predict(NULL, state, images[0], 5, outputs, workspace, sizeof workspace);
  }
  fwrite(outputs, sizeof outputs, 1, stdout);
  if (status == CNNC_OK) status = net_export(state, file, sizeof file);
  fwrite(file, sizeof file, 1, stdout);
  return (int)status;
}
)";

struct Data {
  std::vector<float> images;
  std::vector<int32_t> labels;

  explicit Data(const Model& model)
      : images(random_floats(kSteps * kBatch * element_count(model.input_shape()), 11)),
        labels(random_labels(kSteps * kBatch, kClasses, 12)) {}
  [[nodiscard]] std::string bytes() const {
    return std::string(reinterpret_cast<const char*>(images.data()), images.size() * 4) +
           std::string(reinterpret_cast<const char*>(labels.data()), labels.size() * 4);
  }
};

// What the program above writes.
struct Trained {
  std::vector<float> losses, outputs;
  std::string file;
};

Trained train_in_c(const Model& model, const std::string& target, const std::string& compiler,
                   const std::string& emulator) {
  CompileOptions options;
  options.target = target;
  options.prefix = "net";
  const Result<Object> object = compile_training(model, options);
  INFO((object ? "" : render(object.diagnostics())));
  REQUIRE(object.ok());
  const TempFolder folder;
  REQUIRE(object->write(folder / "net.o").ok());
  folder.write("app.c", "#include \"net.h\"\n" + std::string(kProgram));
  folder.write("data", Data(model).bytes());
  const std::string runtime = source_path("runtime");
  std::string sources;
  for (const char* name : {"context", "pool", "random", "safetensors", "status", "training"}) {
    sources += " " + runtime + "/" + name + ".c";
  }
  REQUIRE(succeeds("cd " + folder.path() + " && " + compiler +
                   " -std=c11 -D_GNU_SOURCE -O1 -Wall " + "-Wextra -Werror -I" + runtime +
                   " app.c net.o" + sources + " -lpthread -lm -o app"));
  REQUIRE(succeeds("cd " + folder.path() + " && " + emulator + " ./app < data > result"));
  const std::string bytes = file_bytes(folder / "result");
  constexpr size_t kOutputs = kBatch * kClasses;
  REQUIRE(bytes.size() > 4 * (kSteps + kOutputs));
  Trained trained;
  trained.losses.resize(kSteps);
  trained.outputs.resize(kOutputs);
  std::memcpy(trained.losses.data(), bytes.data(), 4 * kSteps);
  std::memcpy(trained.outputs.data(), bytes.data() + 4 * kSteps, 4 * kOutputs);
  trained.file = bytes.substr(4 * (kSteps + kOutputs));
  return trained;
}

// The same steps in this process.
Trained train_here(const Model& model) {
  TrainerOptions options;
  options.threads = 2;
  options.seed = 7;
  Result<Trainer> trainer = Trainer::create(model, options);
  REQUIRE(trainer.ok());
  const Data data(model);
  const int64_t size = element_count(model.input_shape());
  Trained trained;
  for (int step = 0; step < kSteps; ++step) {
    if (step + 1 == kSteps) trainer->set_learning_rate(0.01F);
    const double loss = trainer->step(data.images.data() + step * kBatch * size,
                                      data.labels.data() + step * kBatch, images_of(step));
    trained.losses.push_back(static_cast<float>(loss));
  }
  trained.file = *format_safetensors(trainer->weights().tensors);
  return trained;
}

std::vector<float> first_weights(const std::string& file) {
  const Result<TensorFile> tensors = parse_safetensors(file, "weights");
  INFO((tensors ? "" : render(tensors.diagnostics())));
  REQUIRE(tensors.ok());
  return f32_values(tensors->tensors.front());
}

// A training object in this process, with every block between forbidden pages.
class Network {
 public:
  explicit Network(GuardedMemory::Side side)
      : model_(model_of(kNetwork)),
        program_(*training_program(model_.description(), "net", target())) {
    program_.description.numbers.build_id = program_.blueprint.build_id();
    const Result<std::string> bytes = program_.blueprint.compile(Emit::object, 2);
    REQUIRE(bytes.ok());
    Result<LoadedObject> object = load_object("net", *bytes);
    REQUIRE(object.ok());
    object_ = std::make_unique<LoadedObject>(std::move(*object));
    tensors_ = runtime_tensors(program_.description.tensors);
    training = program_.description.numbers;
    training.tensors = tensors_.data();
    training.step = reinterpret_cast<cnnc_step_entry>(object_->find("net_step_batch"));
    training.evaluate = reinterpret_cast<cnnc_evaluate_entry>(object_->find("net_evaluate_batch"));
    memory_.emplace_back(training.state_bytes, 64, side);
    memory_.emplace_back(training.workspace_bytes, 64, side);
    memory_.emplace_back(training.export_bytes, 1, side);
    REQUIRE(cnnc_training_init(&training, state(), training.state_bytes, 7) == CNNC_OK);
  }

  [[nodiscard]] uint8_t* state() const { return memory_[0].data(); }
  [[nodiscard]] uint8_t* workspace() const { return memory_[1].data(); }
  [[nodiscard]] uint8_t* file() const { return memory_[2].data(); }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] std::string state_bytes() const {
    return {reinterpret_cast<const char*>(state()), training.state_bytes};
  }
  [[nodiscard]] std::string exported() const {
    REQUIRE(cnnc_training_export(&training, state(), file(), training.export_bytes) == CNNC_OK);
    return {reinterpret_cast<const char*>(file()), training.export_bytes};
  }
  cnnc_status import(const std::string& bytes) const {
    return cnnc_training_import(&training, state(), bytes.data(), bytes.size());
  }

  cnnc_training training = {};

 private:
  static std::vector<KernelTarget> target() { return {*parse_target("host")}; }

  Model model_;
  TrainingProgram program_;
  std::unique_ptr<LoadedObject> object_;
  std::vector<cnnc_tensor> tensors_;
  std::vector<GuardedMemory> memory_;
};

}  // namespace

TEST_CASE("a C program trains as the trainer does, bit for bit", "[training_object]") {
  use_own_cache();
  const Model model = model_of(kNetwork);
  const Trained there = train_in_c(model, "host", "cc", ""), here = train_here(model);
  CHECK(there.losses == here.losses);
  CHECK(there.file == here.file);

  // What it predicts is what the network computes with the exported weights.
  const Data data(model);
  const int64_t size = element_count(model.input_shape());
  const std::vector<float> images(data.images.begin(), data.images.begin() + kBatch * size);
  CHECK(distance(there.outputs, reference_outputs(model, *parse_safetensors(there.file, "weights"),
                                                  images, kBatch)) <= 1e-5);
}

TEST_CASE("other processors train as this one does", "[training_object]") {
  use_own_cache();
  const Model model = model_of(kNetwork);
  const Trained here = train_here(model);
  struct {
    const char* target;
    const char* compiler;
    const char* emulator;
  } const machines[] = {{"portable", "cc", ""},
                        {"x86-64-v2", "cc", ""},
                        {"arm-64", "aarch64-linux-gnu-gcc -static", "qemu-aarch64"}};
  for (const auto& machine : machines) {
    INFO(machine.target);
    const Trained there = train_in_c(model, machine.target, machine.compiler, machine.emulator);
    CHECK(distance(there.losses, here.losses) <= 1e-5);
    CHECK(distance(first_weights(there.file), first_weights(here.file)) <= 1e-5);
  }
}

TEST_CASE("training keeps to its memory, whatever the number of images", "[training_object]") {
  for (const auto side : {GuardedMemory::Side::begin, GuardedMemory::Side::end}) {
    const Network network(side);
    const Data data(network.model());
    const int64_t size = element_count(network.model().input_shape());
    for (int64_t count = 1; count <= kBatch; ++count) {
      GuardedMemory images(count * size * 4, 4, side), labels(count * 4, 4, side);
      std::memcpy(images.data(), data.images.data(), static_cast<size_t>(images.bytes()));
      std::memcpy(labels.data(), data.labels.data(), static_cast<size_t>(labels.bytes()));
      images.forbid_writes();
      labels.forbid_writes();
      float loss = 0;
      CHECK(cnnc_training_step(&network.training, nullptr, network.state(), images.data(),
                               labels.data(), static_cast<size_t>(count), &loss,
                               network.workspace(), network.training.workspace_bytes) == CNNC_OK);
      CHECK(loss > 0);
    }
    for (int64_t count : {0, 1, 5, 7, 13}) {
      GuardedMemory images(count * size * 4, 4, side), labels(count * 4, 4, side),
          outputs(count * kClasses * 4, 4, side);
      std::memcpy(images.data(), data.images.data(), static_cast<size_t>(images.bytes()));
      std::memcpy(labels.data(), data.labels.data(), static_cast<size_t>(labels.bytes()));
      cnnc_evaluation found;
      REQUIRE(cnnc_training_evaluate(&network.training, nullptr, network.state(), images.data(),
                                     labels.data(), static_cast<size_t>(count), &found,
                                     network.workspace(),
                                     network.training.workspace_bytes) == CNNC_OK);
      auto* rows = reinterpret_cast<float*>(outputs.data());
      REQUIRE(cnnc_training_predict(&network.training, nullptr, network.state(), images.data(),
                                    static_cast<size_t>(count), rows, network.workspace(),
                                    network.training.workspace_bytes) == CNNC_OK);
      size_t correct = 0;
      std::vector<double> values;
      std::vector<int32_t> classes;
      for (int64_t i = 0; i < count; ++i) {
        const float* row = rows + i * kClasses;
        correct += std::max_element(row, row + kClasses) - row == data.labels[i] ? 1 : 0;
        values.insert(values.end(), row, row + kClasses);
        classes.push_back(data.labels[i]);
      }
      CHECK(found.count == static_cast<size_t>(count));
      CHECK(found.correct == correct);
      CHECK(found.loss == Approx(count > 0 ? cross_entropy(values, classes) : 0));
    }
  }
}

TEST_CASE("weights go in and out of a state", "[training_object]") {
  const Network network(GuardedMemory::Side::end);
  const std::string first = network.exported();
  const Result<TensorFile> tensors = parse_safetensors(first, "exported");
  REQUIRE(tensors.ok());
  CHECK(*format_safetensors(tensors->tensors) == first);
  const TensorFile expected = *initial_weights(network.model(), 7);
  REQUIRE(tensors->tensors.size() == expected.tensors.size());
  for (const Tensor& tensor : expected.tensors) {
    INFO(tensor.name);
    const Tensor* found = tensors->find(tensor.name);
    REQUIRE(found != nullptr);
    CHECK(found->shape == tensor.shape);
    CHECK(found->bytes == tensor.bytes);
  }

  // Another order, other tensors between them, metadata.
  const std::vector<Tensor> wanted = initial_weights(network.model(), 8)->tensors;
  std::vector<Tensor> others(wanted);
  std::reverse(others.begin(), others.end());
  const std::vector<float> more = {1, 2, 3};
  others.insert(others.begin() + 1, f32_tensor("another.\"weight\"", {3}, more.data()));
  others.insert(others.begin(), Tensor{"bytes", DType::u8, {1, 0, 2, 3, 4, 5, 6, 7}, {}});
  const std::string file = *format_safetensors(others, {{"format", "pt"}, {"a", "[{\"}\\"}});
  CHECK(network.import(file) == CNNC_OK);
  const TensorFile imported = *parse_safetensors(network.exported(), "imported");
  for (const Tensor& tensor : wanted) {
    CHECK(imported.find(tensor.name)->bytes == tensor.bytes);
  }
}

TEST_CASE("weights that do not fit leave the state alone", "[training_object]") {
  const Network network(GuardedMemory::Side::end);
  const std::string before = network.state_bytes();
  const std::vector<Tensor> good = initial_weights(network.model(), 8)->tensors;
  std::vector<std::vector<Tensor>> wrong(4, good);
  wrong[0].pop_back();
  wrong[1][0].shape = {6, 2, 9};
  wrong[2].back().name = "fc.bia";
  wrong[3][1].dtype = DType::i32;
  for (const std::vector<Tensor>& tensors : wrong) {
    CHECK(network.import(*format_safetensors(tensors)) == CNNC_BAD_WEIGHTS);
    CHECK(network.state_bytes() == before);
  }
  const std::string file = *format_safetensors(good);
  CHECK(network.import("") == CNNC_BAD_WEIGHTS);
  // The elements of the last tensor end the file, the JSON's end is before the first.
  for (size_t bytes = 1; bytes < file.size(); bytes += bytes < 600 ? 1 : 97) {
    if (network.import(file.substr(0, bytes)) != CNNC_BAD_WEIGHTS) FAIL(bytes << " bytes");
  }
  CHECK(network.state_bytes() == before);
  // Any byte of the JSON changed: another file or a wrong one, but never a crash.
  const size_t json = network.training.export_json_bytes + 8;
  for (size_t at = 0; at < json; ++at) {
    for (const char byte : {'\0', '"', '{', '}', '[', ']', '9', '\\', '\xff'}) {
      std::string changed = file;
      changed[at] = byte;
      const cnnc_status status = network.import(changed);
      if (status != CNNC_OK && status != CNNC_BAD_WEIGHTS) FAIL("status " << status);
    }
  }
  std::string deep(1 << 16, '[');
  for (int i = 0; i < 8; ++i) deep.insert(deep.begin() + i, i == 2 ? '\1' : '\0');
  deep.replace(8, 5, "{\"a\":");
  CHECK(network.import(deep) == CNNC_BAD_WEIGHTS);
}

TEST_CASE("calls of training functions that are wrong are refused", "[training_object]") {
  Network network(GuardedMemory::Side::end);
  const Data data(network.model());
  const auto step = [&](const cnnc_training* training, void* state, const float* images,
                        const int32_t* labels, size_t count, void* workspace, size_t bytes) {
    const std::string before = network.state_bytes();
    float loss = 0;
    const cnnc_status status = cnnc_training_step(training, nullptr, state, images, labels, count,
                                                  &loss, workspace, bytes);
    CHECK((network.state_bytes() != before) == (status == CNNC_OK));
    return status;
  };
  const cnnc_training& training = network.training;
  uint8_t* const state = network.state();
  uint8_t* const work = network.workspace();
  const float* const images = data.images.data();
  const int32_t* const labels = data.labels.data();
  const size_t bytes = training.workspace_bytes;
  CHECK(step(nullptr, state, images, labels, 5, work, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, nullptr, images, labels, 5, work, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, state, nullptr, labels, 5, work, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, state, images, nullptr, 5, work, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, state, images, labels, 0, work, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, state, images, labels, 6, work, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, state, images, labels, 5, nullptr, bytes) == CNNC_INVALID_ARGUMENT);
  CHECK(step(&training, state, images, labels, 5, work, bytes - 1) == CNNC_WORKSPACE_TOO_SMALL);
  CHECK(step(&training, state, images, labels, 5, work + 4, bytes) == CNNC_MISALIGNED);
  CHECK(step(&training, state + 4, images, labels, 5, work, bytes) == CNNC_MISALIGNED);
  const auto* odd = reinterpret_cast<const float*>(reinterpret_cast<const char*>(images) + 1);
  CHECK(step(&training, state, odd, labels, 5, work, bytes) == CNNC_MISALIGNED);
  CHECK(step(&training, state, images, labels, 5, work, bytes) == CNNC_OK);

  cnnc_training other = training;
  other.build_id ^= 1;
  CHECK(step(&other, state, images, labels, 5, work, bytes) == CNNC_VERSION_MISMATCH);
  other = training;
  other.tensors_id ^= 1;
  CHECK(step(&other, state, images, labels, 5, work, bytes) == CNNC_BAD_WEIGHTS);
  CHECK(cnnc_training_init(&training, state, training.state_bytes - 1, 0) ==
        CNNC_WORKSPACE_TOO_SMALL);
  CHECK(cnnc_training_init(&training, state + 8, training.state_bytes, 0) == CNNC_MISALIGNED);
  CHECK(cnnc_training_export(&training, state, network.file(), training.export_bytes - 1) ==
        CNNC_WORKSPACE_TOO_SMALL);
  CHECK(cnnc_training_import(&training, state, nullptr, 100) == CNNC_INVALID_ARGUMENT);
}

TEST_CASE("batches that half fill the widest vectors get narrower ones", "[training_object]") {
  KernelTarget target = *parse_target("x86-64-v4");
  REQUIRE(target.machine.lanes == 16);
  const std::pair<int64_t, int> expected[] = {{1, 4},   {4, 4},   {5, 8},   {8, 8},   {9, 16},
                                              {16, 16}, {17, 16}, {24, 16}, {33, 16}, {64, 16}};
  for (const auto& [batch, lanes] : expected) {
    INFO(batch);
    CHECK(training_target(target, batch).machine.lanes == lanes);
  }
}

TEST_CASE("windows that overlap need little stack in training, too", "[training_object]") {
  use_own_cache();
  const Model model = model_of(R"({
    "cnnc": 1, "name": "net", "input": {"shape": [64, 56, 56]},
    "layers": [
      {"type": "ReLU"},
      {"type": "MaxPool2d", "kernel_size": 3, "stride": 2, "padding": 1},
      {"type": "Conv2d", "name": "conv", "out_channels": 8, "kernel_size": 3},
      {"type": "Flatten"},
      {"type": "Linear", "name": "fc", "out_features": 4}],
    "loss": {"type": "CrossEntropyLoss"},
    "optimizer": {"type": "SGD", "lr": 0.05},
    "training": {"batch_size": 32}})");
  const Result<Object> object = compile_training(model, {});
  REQUIRE(object.ok());
  CHECK(number_in_header(*object, "STACK_BYTES") <= 1 << 20);
}

TEST_CASE("updates apart from the gradients run along the parameters", "[training_object]") {
  std::string text = kNetwork;
  text.replace(text.find("{\"batch_size\""), 1, "{\"clip_grad_norm\": 1, ");
  const Model model = model_of(text);
  const Result<TrainingProgram> program =
      training_program(model.description(), "net", {*parse_target("host")});
  REQUIRE(program.ok());
  int updates = 0;
  for (const Blueprint::Call& call : program->blueprint.calls("net_step_batch")) {
    const bool is_update = call.kernel.find("_update") != std::string::npos;
    INFO(call.kernel);
    updates += is_update ? 1 : 0;
    if (is_update) CHECK(call.problem.vectors == VectorDimension::channel);
    if (!call.problem.family.empty()) CHECK(call.problem.vectors == VectorDimension::batch);
  }
  CHECK(updates == 4);
}

TEST_CASE("a schedule of the learning rate is said to be the application's", "[training_object]") {
  use_own_cache();
  std::string text = kNetwork;
  text.replace(text.find("{\"batch_size\""), 1,
               "{\"lr_scheduler\": {\"type\": \"StepLR\", \"step_size\": 1}, ");
  const Result<Object> object = compile_training(model_of(text), {});
  REQUIRE(object.ok());
  REQUIRE(object->notes.size() == 1);
  CHECK(object->notes[0].message.find("StepLR is for cnnc-train") != std::string::npos);
  CHECK(object->notes[0].pointer == "/training/lr_scheduler");
}

TEST_CASE("headers for training are C99 and C++, and their example is a program",
          "[training_object]") {
  use_own_cache();
  CompileOptions options;
  options.target = "host";
  const Result<Object> object = compile_training(model_of(kNetwork), options);
  REQUIRE(object.ok());
  CHECK(object->prefix == "net_train");
  const TempFolder folder;
  REQUIRE(object->write(folder / "net_train.o").ok());
  folder.write("use.c", "#include \"net_train.h\"\n#include \"net_train.h\"\nextern int used;\n");
  const std::string in_folder = "cd " + folder.path() + " && ";
  const std::string include = " -Wall -Wextra -pedantic -Werror -I" + source_path("runtime");
  CHECK(succeeds(in_folder + "cc -std=c99 -fsyntax-only use.c" + include));
  CHECK(succeeds(in_folder + "c++ -std=c++11 -x c++ -fsyntax-only use.c" + include));
  folder.write("app.c", example_in(object->header));
  REQUIRE(succeeds(in_folder +
                   "cc -std=c11 app.c net_train.o " CNNC_RUNTIME_LIBRARY " -lpthread -lm -o app" +
                   include));
  CHECK(succeeds(in_folder + "./app > losses"));
  const std::string losses = file_bytes(folder / "losses");
  CHECK(std::count(losses.begin(), losses.end(), '\n') == 10);
}

}  // namespace cnnc::test
