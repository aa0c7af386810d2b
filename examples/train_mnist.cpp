// Trains a network from a program of one's own, and writes it as an object file.
//
//   train_mnist [MODEL.json [FOLDER OF MNIST'S FILES [OUTPUT.o]]]
#include <cnnc/cnnc.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tools/data/batches.h"
#include "tools/data/idx.h"

namespace {

// The value, or the end of the program.
template <class T>
T checked(cnnc::Result<T> result) {
  if (result) return *std::move(result);
  std::fputs(cnnc::render(result.diagnostics()).c_str(), stderr);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model_path = argc > 1 ? argv[1] : "models/mnist_cnn.json";
  const std::string folder = argc > 2 ? argv[2] : "models/mnist";
  const std::string output = argc > 3 ? argv[3] : "mnist.o";

  const cnnc::Model model = checked(cnnc::Model::load(model_path));
  const cnnc::ImageSet images = checked(cnnc::load_mnist_folder(folder, cnnc::Split::train));
  const cnnc::ImageSet tests = checked(cnnc::load_mnist_folder(folder, cnnc::Split::test));
  cnnc::Trainer trainer = checked(cnnc::Trainer::create(model));

  // One epoch. A step is compiled code: forward, backward and the update of the weights.
  cnnc::Batches batches(images, model.batch_size(), cnnc::Shuffle{});
  cnnc::Batch batch;
  double loss = 0;
  while (batches.next(batch)) {
    loss += trainer.step(batch.images.data(), batch.labels.data(), batch.count);
    if (batches.position() % 100 == 0) {
      std::printf("batch %4d: mean loss %.4f\n", static_cast<int>(batches.position()), loss / 100);
      loss = 0;
    }
  }

  cnnc::Batches all_tests(tests, tests.count);
  if (!all_tests.next(batch)) return 1;
  const cnnc::Evaluation result =
      trainer.evaluate(batch.images.data(), batch.labels.data(), batch.count);
  std::printf("test loss %.4f, accuracy %.2f %%\n", result.loss,
              100.0 * static_cast<double>(result.correct) / static_cast<double>(result.count));

  // The network as it is now, for applications: mnist.o and mnist.h.
  cnnc::CompileOptions options;
  options.prefix = "mnist";
  checked(checked(trainer.compile(options)).write(output));
  std::printf("wrote %s and its header\n", output.c_str());
}
